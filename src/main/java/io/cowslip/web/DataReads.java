package io.cowslip.web;

import io.cowslip.drive.DriveLease;
import io.cowslip.drive.DriveObserver.Operation;
import io.cowslip.web.TransferBuffers.Buffer;
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

    /** @param maxRanges how many ranges a request may ask for */
    void answer(DriveLease lease, int maxRanges, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        String version = lease.dataVersion();
        DataHeaders.describe(response, lease.id(), version);
        if (Preconditions.notModified(request, version)) {
            response.setStatus(HttpServletResponse.SC_NOT_MODIFIED);
            return;
        }
        if (HttpMethod.HEAD.matches(request.getMethod())) {
            describeOne(new ByteWindow(0, lease.sizeBytes()), response);
        } else {
            clock.time(lease.id(), Operation.READ, () -> send(lease, version, maxRanges, request, response));
        }
    }

    private long send(
            DriveLease lease, String version, int maxRanges, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        long size = lease.sizeBytes();
        List<ByteWindow> windows = Preconditions.rangeApplies(request, version)
                ? RangeHeader.windows(singleRange(request), size, maxRanges).orElse(List.of())
                : List.of();
        if (windows.size() > 1) {
            sendParts(lease, windows, size, request, response);
            return windows.stream().mapToLong(ByteWindow::length).sum();
        }
        ByteWindow window = new ByteWindow(0, size);
        if (!windows.isEmpty()) {
            window = windows.getFirst();
            response.setStatus(HttpServletResponse.SC_PARTIAL_CONTENT);
            response.setHeader(HttpHeaders.CONTENT_RANGE, window.contentRange(size));
        }
        describeOne(window, response);
        if (!digests.sendVerifiable(lease.image(), window, request, response)) {
            sendAll(lease, List.of(window), null, request, response);
        }
        return window.length();
    }

    /** The Range header; several of them are no valid one. */
    private static @Nullable String singleRange(HttpServletRequest request) {
        Enumeration<String> lines = request.getHeaders(HttpHeaders.RANGE);
        String first = lines.hasMoreElements() ? lines.nextElement() : null;
        return lines.hasMoreElements() ? null : first;
    }

    private static void describeOne(ByteWindow window, HttpServletResponse response) {
        response.setContentType(DataHeaders.OCTET_STREAM);
        response.setContentLengthLong(window.length());
    }

    private void sendParts(
            DriveLease lease,
            List<ByteWindow> windows,
            long size,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        MultipartRanges parts = new MultipartRanges(windows, size);
        response.setStatus(HttpServletResponse.SC_PARTIAL_CONTENT);
        response.setContentType(parts.contentType());
        response.setContentLengthLong(parts.contentLength());
        sendAll(lease, windows, parts, request, response);
    }

    private void sendAll(
            DriveLease lease,
            List<ByteWindow> windows,
            @Nullable MultipartRanges parts,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        ServletOutputStream out = DirectOutput.of(response);
        PatientChannel connection = zeroCopy ? ConnectionAdapter.plainConnection(request) : null;
        try (Buffer buffer = buffers.take();
                PageOutput pages = new PageOutput(lease, out, connection)) {
            WindowOutput output = new WindowOutput(lease, buffer, out, pages);
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
