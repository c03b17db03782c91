package io.cowslip.web.upload;

import io.cowslip.web.problem.HttpRefusals;
import java.nio.charset.StandardCharsets;
import org.springframework.http.HttpHeaders;
import org.springframework.mock.web.MockHttpServletRequest;

/** The header fields of uploads. The input's first byte says which, the rest is the field. */
public final class UploadHeadersTarget {
    private UploadHeadersTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length == 0) {
            return;
        }
        String field = new String(input, 1, input.length - 1, StandardCharsets.ISO_8859_1);
        HttpRefusals.taken(() -> {
            switch (Byte.toUnsignedInt(input[0]) % 3) {
                case 0 -> UploadHeaders.contentRange(with(HttpHeaders.CONTENT_RANGE, field));
                case 1 -> UploadHeaders.integer(with(UploadHeaders.UPLOAD_OFFSET, field), UploadHeaders.UPLOAD_OFFSET);
                default -> UploadHeaders.complete(with(UploadHeaders.UPLOAD_COMPLETE, field));
            }
        });
    }

    private static MockHttpServletRequest with(String name, String field) {
        MockHttpServletRequest request = new MockHttpServletRequest();
        request.addHeader(name, field);
        return request;
    }
}
