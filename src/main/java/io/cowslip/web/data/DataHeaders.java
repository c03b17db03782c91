package io.cowslip.web.data;

import io.cowslip.drive.DriveId;
import jakarta.servlet.http.HttpServletResponse;
import java.nio.charset.StandardCharsets;
import org.springframework.http.ContentDisposition;
import org.springframework.http.HttpHeaders;

/** The headers of every answer that carries, or could carry, guest bytes. */
public final class DataHeaders {
    public static final String OCTET_STREAM = "application/octet-stream";

    private DataHeaders() {}

    /** The guest bytes of a drive. */
    static void describe(HttpServletResponse response, DriveId drive, String version) {
        describe(response, drive.value() + ".raw", version);
    }

    /** Guest bytes are never rendered, transformed or kept by anything on the way. */
    static void describe(HttpServletResponse response, String fileName, String version) {
        response.setHeader(HttpHeaders.ETAG, Preconditions.quoted(version));
        response.setHeader(HttpHeaders.ACCEPT_RANGES, "bytes");
        response.setHeader(HttpHeaders.CACHE_CONTROL, "no-store, no-transform");
        response.setHeader(
                HttpHeaders.CONTENT_DISPOSITION,
                ContentDisposition.attachment()
                        .filename(fileName, isPlain(fileName) ? StandardCharsets.US_ASCII : StandardCharsets.UTF_8)
                        .build()
                        .toString());
    }

    private static boolean isPlain(String name) {
        return name.chars().allMatch(character -> character >= ' ' && character < 0x7f);
    }
}
