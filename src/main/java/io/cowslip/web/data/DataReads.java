package io.cowslip.web.data;

import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveObserver.Operation;
import io.cowslip.web.data.TransferBuffers.Buffer;
import io.cowslip.web.server.ConnectionAdapter;
import io.cowslip.web.server.PatientChannel;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Enumeration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;

/**
 * GET and HEAD of a disk's bytes: conditions and ranges first, then the bytes themselves, straight from the image to the
 * socket through one buffer. An error after the first byte is left to the container, which breaks the connection.
 */
final class DataReads {
    private final TransferBuffers buffers;
    private final ContentDigests digests;
    private final OperationClock clock;
    private final boolean zeroCopy;

    DataReads(TransferBuffers buffers, ContentDigests digests, OperationClock clock, boolean zeroCopy) {
        this.buffers = buffers;
        this.digests = digests;
        this.clock = clock;
        this.zeroCopy = zeroCopy;
    }

    /** @param maxRanges how many ranges the request may ask for */
    void answer(DriveLease lease, int maxRanges, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        ByteView view = ByteView.of(lease);
        DataHeaders.describe(response, lease.id(), view.version());
        if (!answeredWithoutBytes(view, request, response)) {
            clock.time(lease.id(), Operation.READ, () -> send(view, maxRanges, request, response));
        }
    }

    /** Answers with what is read whole, and is called so. */
    void answer(ByteView view, String fileName, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        DataHeaders.describe(response, fileName, view.version());
        if (!answeredWithoutBytes(view, request, response)) {
            send(view, RangeHeader.MAX_RANGES, request, response);
        }
    }

    private static boolean answeredWithoutBytes(
            ByteView view, HttpServletRequest request, HttpServletResponse response) {
        if (Preconditions.notModified(request, view.version())) {
            response.setStatus(HttpServletResponse.SC_NOT_MODIFIED);
            return true;
        }
        if (HttpMethod.HEAD.matches(request.getMethod())) {
            describeOne(new ByteWindow(0, view.sizeBytes()), response);
            return true;
        }
        return false;
    }

    private long send(ByteView view, int maxRanges, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        long size = view.sizeBytes();
        List<ByteWindow> windows = view.rangeApplies(request)
                ? RangeHeader.windows(singleRange(request), size, maxRanges).orElse(List.of())
                : List.of();
        if (windows.size() > 1) {
            sendParts(view, windows, request, response);
            return windows.stream().mapToLong(ByteWindow::length).sum();
        }
        ByteWindow window = new ByteWindow(0, size);
        if (!windows.isEmpty()) {
            window = windows.getFirst();
            response.setStatus(HttpServletResponse.SC_PARTIAL_CONTENT);
            response.setHeader(HttpHeaders.CONTENT_RANGE, window.contentRange(size));
        }
        describeOne(window, response);
        if (!digests.sendVerifiable(view, window, request, response)) {
            sendAll(view, List.of(window), null, request, response);
        }
        return window.length();
    }

    /** The Range header; several of them are no valid one. */
    static @Nullable String singleRange(HttpServletRequest request) {
        Enumeration<String> lines = request.getHeaders(HttpHeaders.RANGE);
        String first = lines.hasMoreElements() ? lines.nextElement() : null;
        return lines.hasMoreElements() ? null : first;
    }

    private static void describeOne(ByteWindow window, HttpServletResponse response) {
        response.setContentType(DataHeaders.OCTET_STREAM);
        response.setContentLengthLong(window.length());
    }

    private void sendParts(
            ByteView view, List<ByteWindow> windows, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        MultipartRanges parts = new MultipartRanges(windows, view.sizeBytes());
        response.setStatus(HttpServletResponse.SC_PARTIAL_CONTENT);
        response.setContentType(parts.contentType());
        response.setContentLengthLong(parts.contentLength());
        sendAll(view, windows, parts, request, response);
    }

    private void sendAll(
            ByteView view,
            List<ByteWindow> windows,
            @Nullable MultipartRanges parts,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        ServletOutputStream out = DirectOutput.of(response);
        PatientChannel connection = zeroCopy ? ConnectionAdapter.plainConnection(request) : null;
        try (Buffer buffer = buffers.take();
                PageOutput pages = new PageOutput(view, out, connection)) {
            WindowOutput output = new WindowOutput(view, buffer, out, pages);
            for (ByteWindow window : windows) {
                if (parts != null) {
                    out.write(parts.head(window).getBytes(StandardCharsets.US_ASCII));
                }
                output.send(window);
            }
            if (parts != null) {
                out.write(parts.tail().getBytes(StandardCharsets.US_ASCII));
            }
            pages.finish();
        }
    }
}
