package io.cowslip.web;

import io.cowslip.drive.Download;
import io.cowslip.engine.image.CreateOptions.CompressionType;
import io.cowslip.engine.image.ExportedImage;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;

/**
 * Disks as files, raw or qcow2, made while they are sent. An answer that cannot be finished, as when the disk is written
 * meanwhile, is broken off before the length that it announced.
 */
final class ImageDownloads {
    private static final String RETRY_SECONDS = "10";

    private final DataReads reads;
    private final Semaphore compressed;

    /** @param compressedAtOnce how many answers may be compressed at once: each takes all processors */
    ImageDownloads(DataReads reads, int compressedAtOnce) {
        this.reads = reads;
        this.compressed = new Semaphore(compressedAtOnce);
    }

    /**
     * What a disk is sent as.
     *
     * @param compression of qcow2; null: its clusters are plain
     */
    record Form(boolean qcow2, @Nullable CompressionType compression) {
        static final Form RAW = new Form(false, null);

        static Form of(String format, String compress) {
            return switch (format) {
                case "qcow2" -> new Form(true, compression(compress));
                case "raw" -> {
                    if (compression(compress) != null) {
                        throw Refusal.ofOption(
                                "compress", "compress is \"" + compress + "\"; a raw image cannot be compressed");
                    }
                    yield RAW;
                }
                default ->
                    throw Refusal.ofOption("format", "format is \"" + format + "\"; it may be \"qcow2\" or \"raw\"");
            };
        }

        private static @Nullable CompressionType compression(String compress) {
            return switch (compress) {
                case "none" -> null;
                case "zlib" -> CompressionType.ZLIB;
                case "zstd" -> CompressionType.ZSTD;
                default ->
                    throw Refusal.ofOption(
                            "compress", "compress is \"" + compress + "\"; it may be \"none\", \"zlib\" or \"zstd\"");
            };
        }

        /** Tells this form's bytes from those of another form of the same disk. */
        String tag() {
            return compression == null ? "qcow2" : "qcow2-" + compression.name().toLowerCase(Locale.ROOT);
        }
    }

    /** Answers with a disk in this form, called {@code name} and the form's extension. */
    void answer(Download download, Form form, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        if (form.qcow2()) {
            exported(download, form, request, response);
        } else {
            reads.answer(ByteView.of(download), download.fileName() + ".raw", request, response);
        }
    }

    /** Answers with a file as it is. */
    void answerFile(Download download, HttpServletRequest request, HttpServletResponse response) throws IOException {
        reads.answer(ByteView.of(download), download.fileName(), request, response);
    }

    private void exported(Download download, Form form, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        String version = download.version() + "-" + form.tag();
        DataHeaders.describe(response, download.fileName() + ".qcow2", version);
        response.setContentType(DataHeaders.OCTET_STREAM);
        if (Preconditions.notModified(request, version)) {
            response.setStatus(HttpServletResponse.SC_NOT_MODIFIED);
            return;
        }
        boolean head = HttpMethod.HEAD.matches(request.getMethod());
        if (form.compression() == null) {
            plan(download, null, version, head, request, response);
        } else if (!head) {
            // The length of compressed clusters takes compressing them, which is too much for a look.
            planCompressed(download, form.compression(), version, request, response);
        }
    }

    private void planCompressed(
            Download download,
            CompressionType compression,
            String version,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        if (!compressed.tryAcquire()) {
            throw Refusal.of(
                            ProblemType.LIMIT_REACHED,
                            "as many downloads are being compressed as cowslip.web.compressed-downloads allows")
                    .with(HttpHeaders.RETRY_AFTER, RETRY_SECONDS);
        }
        try {
            plan(download, compression, version, false, request, response);
        } finally {
            compressed.release();
        }
    }

    private static void plan(
            Download download,
            @Nullable CompressionType compression,
            String version,
            boolean head,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        try (ExportedImage image = ExportedImage.plan(download.image(), compression, download::requireUnchanged)) {
            ByteView view = new ByteView(
                    download.image(), image.sizeBytes(), version, download::requireUnchanged, download.isUnchanging());
            ByteWindow window = head ? new ByteWindow(0, view.sizeBytes()) : window(view, request, response);
            response.setContentLengthLong(window.length());
            if (!head) {
                ServletOutputStream out = DirectOutput.of(response);
                image.send(window.start(), window.length(), piece -> out.write(piece.asByteBuffer()));
            }
        }
    }

    /** What is asked for; several ranges at once are answered with the whole. */
    private static ByteWindow window(ByteView view, HttpServletRequest request, HttpServletResponse response) {
        List<ByteWindow> windows = view.rangeApplies(request)
                ? RangeHeader.windows(DataReads.singleRange(request), view.sizeBytes())
                        .orElse(List.of())
                : List.of();
        if (windows.size() != 1) {
            return new ByteWindow(0, view.sizeBytes());
        }
        ByteWindow window = windows.getFirst();
        response.setStatus(HttpServletResponse.SC_PARTIAL_CONTENT);
        response.setHeader(HttpHeaders.CONTENT_RANGE, window.contentRange(view.sizeBytes()));
        return window;
    }
}
