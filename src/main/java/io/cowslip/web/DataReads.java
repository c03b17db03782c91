package io.cowslip.web;

import io.cowslip.drive.DriveLease;
import io.cowslip.drive.DriveObserver.Operation;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.GuestExtent;
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

    DataReads(TransferBuffers buffers, ContentDigests digests, OperationClock clock) {
        this.buffers = buffers;
        this.digests = digests;
        this.clock = clock;
    }

    void answer(DriveLease lease, HttpServletRequest request, HttpServletResponse response) throws IOException {
        String version = lease.dataVersion();
        DataHeaders.describe(response, lease.id(), version);
        if (Preconditions.notModified(request, version)) {
            response.setStatus(HttpServletResponse.SC_NOT_MODIFIED);
            return;
        }
        if (HttpMethod.HEAD.matches(request.getMethod())) {
            describeOne(new ByteWindow(0, lease.image().virtualSizeBytes()), response);
        } else {
            clock.time(lease.id(), Operation.READ, () -> send(lease.image(), version, request, response));
        }
    }

    private long send(DiskImage image, String version, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        long size = image.virtualSizeBytes();
        List<ByteWindow> windows = Preconditions.rangeApplies(request, version)
                ? RangeHeader.windows(singleRange(request), size).orElse(List.of())
                : List.of();
        if (windows.size() > 1) {
            sendParts(image, windows, response);
            return windows.stream().mapToLong(ByteWindow::length).sum();
        }
        ByteWindow window = new ByteWindow(0, size);
        if (!windows.isEmpty()) {
            window = windows.getFirst();
            response.setStatus(HttpServletResponse.SC_PARTIAL_CONTENT);
            response.setHeader(HttpHeaders.CONTENT_RANGE, window.contentRange(size));
        }
        describeOne(window, response);
        if (!digests.sendVerifiable(image, window, request, response)) {
            sendWindow(image, window, DirectOutput.of(response));
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

    private void sendParts(DiskImage image, List<ByteWindow> windows, HttpServletResponse response) throws IOException {
        MultipartRanges parts = new MultipartRanges(windows, image.virtualSizeBytes());
        response.setStatus(HttpServletResponse.SC_PARTIAL_CONTENT);
        response.setContentType(parts.contentType());
        response.setContentLengthLong(parts.contentLength());
        ServletOutputStream out = DirectOutput.of(response);
        for (ByteWindow window : windows) {
            out.write(parts.head(window).getBytes(StandardCharsets.US_ASCII));
            sendWindow(image, window, out);
        }
        out.write(parts.tail().getBytes(StandardCharsets.US_ASCII));
    }

    /**
     * Sends a window. The map is asked ahead only where more than a buffer is left, so that long runs of zeros cost no
     * read and small requests no second look-up.
     */
    private void sendWindow(DiskImage image, ByteWindow window, ServletOutputStream out) throws IOException {
        try (Buffer buffer = buffers.take()) {
            long position = window.start();
            long readAhead = position;
            while (position < window.end()) {
                long left = window.end() - position;
                if (position >= readAhead && left > buffer.sizeBytes()) {
                    GuestExtent run = image.extentAt(position, left);
                    if (run.zero() && run.length() >= buffer.sizeBytes()) {
                        sendZeros(run.length(), out);
                        position += run.length();
                        continue;
                    }
                    readAhead = position + run.length();
                }
                int step = (int) Math.min(buffer.sizeBytes(), left);
                image.read(position, buffer.memory(step));
                out.write(buffer.view(step));
                position += step;
            }
        }
    }

    private void sendZeros(long length, ServletOutputStream out) throws IOException {
        for (long left = length; left > 0; left -= buffers.sizeBytes()) {
            out.write(buffers.zeros(Math.min(left, buffers.sizeBytes())));
        }
    }
}
