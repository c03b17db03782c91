package io.cowslip.web;

import io.cowslip.drive.DriveId;
import jakarta.servlet.http.HttpServletResponse;
import org.springframework.http.HttpHeaders;

/** The headers of every answer that carries, or could carry, guest bytes. */
final class DataHeaders {
    static final String OCTET_STREAM = "application/octet-stream";

    private DataHeaders() {}

    /** Guest bytes are never rendered, transformed or kept by anything on the way. */
    static void describe(HttpServletResponse response, DriveId drive, String version) {
        response.setHeader(HttpHeaders.ETAG, Preconditions.quoted(version));
        response.setHeader(HttpHeaders.ACCEPT_RANGES, "bytes");
        response.setHeader(HttpHeaders.CACHE_CONTROL, "no-store, no-transform");
        response.setHeader(HttpHeaders.CONTENT_DISPOSITION, "attachment; filename=\"" + drive.value() + ".raw\"");
    }
}
