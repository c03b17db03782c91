package io.cowslip.web.data;

import io.cowslip.web.json.JsonDriveOptionsTest;
import io.cowslip.web.problem.HttpRefusals;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.springframework.http.HttpHeaders;
import org.springframework.mock.web.MockHttpServletRequest;
import tools.jackson.databind.json.JsonMapper;

/**
 * The header fields of requests for data: Range, Content-Range, the conditions and digests; and the body of an operation. The
 * input's first byte says which, its second how large the disk is; the rest is the field.
 */
public final class HttpHeadersTarget {
    private static final long[] DISKS = {0, 1, 4096, 1 << 20, 1L << 40, Long.MAX_VALUE & -512L};

    private static final JsonMapper JSON = JsonDriveOptionsTest.mapper();

    private HttpHeadersTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length < 2) {
            return;
        }
        long sizeBytes = DISKS[Byte.toUnsignedInt(input[1]) % DISKS.length];
        String field = new String(input, 2, input.length - 2, StandardCharsets.ISO_8859_1);
        HttpRefusals.taken(() -> {
            switch (Byte.toUnsignedInt(input[0]) % 7) {
                case 0 -> requireDisjoint(RangeHeader.windows(field, sizeBytes), sizeBytes);
                case 1 -> requireOnDisk(ContentRange.window(field, sizeBytes), sizeBytes);
                case 2 -> DigestAlgorithm.digests("Content-Digest", field);
                case 3 -> DigestAlgorithm.preferred(field);
                case 4 -> Preconditions.checkChange(with(HttpHeaders.IF_MATCH, field), "1-2");
                case 5 -> Preconditions.notModified(with(HttpHeaders.IF_NONE_MATCH, field), "1-2");
                default -> requireOnDisk(field, sizeBytes);
            }
        });
    }

    private static void requireOnDisk(String body, long sizeBytes) {
        DataOperationRequest request = JSON.readValue(body, DataOperationRequest.class);
        if (request != null
                && request.on(sizeBytes) instanceof DataOperation.Zero zero
                && zero.range().length() > 0) {
            requireOnDisk(zero.range(), sizeBytes);
        }
    }

    private static MockHttpServletRequest with(String name, String field) {
        MockHttpServletRequest request = new MockHttpServletRequest();
        request.addHeader(name, field);
        return request;
    }

    private static void requireDisjoint(Optional<List<ByteWindow>> windows, long sizeBytes) {
        long end = -1;
        for (ByteWindow window : windows.orElse(List.of())) {
            requireOnDisk(window, sizeBytes);
            if (window.start() <= end) {
                throw new AssertionError(windows + " overlap");
            }
            end = window.end();
        }
        if (windows.isPresent() && windows.get().size() > RangeHeader.MAX_RANGES) {
            throw new AssertionError(windows.get().size() + " windows");
        }
    }

    private static void requireOnDisk(ByteWindow window, long sizeBytes) {
        if (window.start() < 0 || window.length() < 1 || window.length() > sizeBytes - window.start()) {
            throw new AssertionError(window + " on a disk of " + sizeBytes);
        }
    }
}
