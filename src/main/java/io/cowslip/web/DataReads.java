package io.cowslip.web;

import io.cowslip.drive.DriveLease;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.GuestExtent;
import io.cowslip.web.TransferBuffers.Buffer;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
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

    DataReads(TransferBuffers buffers, ContentDigests digests) {
        this.buffers = buffers;
        this.digests = digests;
    }

    void answer(DriveLease lease, HttpServletRequest request, HttpServletResponse response) throws IOException {
        String version = lease.dataVersion();
        DataHeaders.describe(response, lease.id(), version);
        if (Preconditions.notModified(request, version)) {
            response.setStatus(HttpServletResponse.SC_NOT_MODIFIED);
            return;
        }
        boolean head = HttpMethod.HEAD.matches(request.getMethod());
        Optional<List<ByteWindow>> windows = head || !Preconditions.rangeApplies(request, version)
                ? Optional.empty()
                : RangeHeader.windows(singleRange(request), lease.image().virtualSizeBytes());
        if (windows.isPresent() && windows.get().size() > 1) {
            sendParts(lease.image(), windows.get(), response);
        } else {
            sendOne(lease.image(), windows.map(List::getFirst), request, response, head);
        }
    }

    /** The Range header; several of them are no valid one. */
    private static @Nullable String singleRange(HttpServletRequest request) {
        var lines = request.getHeaders(HttpHeaders.RANGE);
        String first = lines.hasMoreElements() ? lines.nextElement() : null;
        return lines.hasMoreElements() ? null : first;
    }

    private void sendOne(
            DiskImage image,
            Optional<ByteWindow> range,
            HttpServletRequest request,
            HttpServletResponse response,
            boolean head)
            throws IOException {
        long size = image.virtualSizeBytes();
        ByteWindow window = range.orElse(new ByteWindow(0, size));
        if (range.isPresent()) {
            response.setStatus(HttpServletResponse.SC_PARTIAL_CONTENT);
            response.setHeader(HttpHeaders.CONTENT_RANGE, window.contentRange(size));
        }
        response.setContentType(DataHeaders.OCTET_STREAM);
        response.setContentLengthLong(window.length());
        if (head || digests.sendVerifiable(image, window, request, response)) {
            return;
        }
        send(image, window, response.getOutputStream());
    }

    private void sendParts(DiskImage image, List<ByteWindow> windows, HttpServletResponse response) throws IOException {
        MultipartRanges parts = new MultipartRanges(windows, image.virtualSizeBytes());
        response.setStatus(HttpServletResponse.SC_PARTIAL_CONTENT);
        response.setContentType(parts.contentType());
        response.setContentLengthLong(parts.contentLength());
        ServletOutputStream out = response.getOutputStream();
        for (ByteWindow window : windows) {
            out.write(parts.head(window).getBytes(StandardCharsets.US_ASCII));
            send(image, window, out);
        }
        out.write(parts.tail().getBytes(StandardCharsets.US_ASCII));
    }

    /**
     * Sends a window. The map is asked ahead only where more than a buffer is left, so that long runs of zeros cost no
     * read and small requests no second look-up.
     */
    private void send(DiskImage image, ByteWindow window, ServletOutputStream out) throws IOException {
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
