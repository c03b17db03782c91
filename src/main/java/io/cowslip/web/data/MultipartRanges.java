package io.cowslip.web.data;

import java.util.List;
import java.util.UUID;

/** The framing of a {@code multipart/byteranges} answer (RFC 9110, 14.6), its length known before a byte is sent. */
final class MultipartRanges {
    private final String boundary = UUID.randomUUID().toString();
    private final List<ByteWindow> windows;
    private final long sizeBytes;

    MultipartRanges(List<ByteWindow> windows, long sizeBytes) {
        this.windows = windows;
        this.sizeBytes = sizeBytes;
    }

    String contentType() {
        return "multipart/byteranges; boundary=" + boundary;
    }

    long contentLength() {
        return windows.stream()
                        .mapToLong(window -> head(window).length() + window.length())
                        .sum()
                + tail().length();
    }

    String head(ByteWindow window) {
        return "\r\n--" + boundary + "\r\nContent-Type: " + DataHeaders.OCTET_STREAM + "\r\nContent-Range: "
                + window.contentRange(sizeBytes) + "\r\n\r\n";
    }

    String tail() {
        return "\r\n--" + boundary + "--\r\n";
    }
}
