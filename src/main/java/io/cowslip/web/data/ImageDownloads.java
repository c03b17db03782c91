package io.cowslip.web.data;

import io.cowslip.drive.work.Download;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.export.ExportedImage;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.web.problem.Refusal;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;

/**
 * Disks as files, raw or qcow2, made while they are sent. An answer that cannot be finished, as when the disk is written
 * meanwhile, is broken off before the length that it announced.
 */
public final class ImageDownloads {
    private final DataReads reads;
    private final DownloadLimits limits;
    private volatile boolean ending;

    ImageDownloads(DataReads reads, DownloadLimits limits) {
        this.reads = reads;
        this.limits = limits;
    }

    /** Breaks off what is still being planned, as the service ends: that may take longer than anyone is to wait. */
    void end() {
        ending = true;
    }

    /**
     * What a disk is sent as.
     *
     * @param compression of qcow2; null: its clusters are plain
     */
    public record Form(boolean qcow2, @Nullable CompressionType compression) {
        static final Form RAW = new Form(false, null);

        /** By the values of the query parameters of these names; what they cannot be is refused by its name. */
        public static Form of(String format, String compress) {
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

        /** Tells this form's bytes from those of another form of the same disk, and from what another version makes of it. */
        String tag() {
            String encoded = compression == null ? "" : compression.name().toLowerCase(Locale.ROOT) + "-";
            return "qcow2-" + encoded + ExportedImage.version(compression);
        }
    }

    /** Answers with a disk in this form, called {@code name} and the form's extension. */
    public void answer(Download download, Form form, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        try {
            if (form.qcow2()) {
                exported(download, form, request, response);
            } else {
                reads.answer(ByteView.of(download), download.fileName() + ".raw", request, response);
            }
        } catch (ImageException failure) {
            throw download.unlessChanged(failure);
        }
    }

    /** Answers with a file as it is. */
    public void answerFile(Download download, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
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
        DownloadPlanning planning = new DownloadPlanning(limits, request, () -> ending);
        try (planning) {
            if (form.compression() == null) {
                plan(download, planning, version, head, request, response);
            } else if (!head) {
                // The length of compressed clusters takes compressing them, which is too much for a look.
                compress(download, form.compression(), planning, version, request, response);
            }
        }
    }

    private void plan(
            Download download,
            DownloadPlanning planning,
            String version,
            boolean head,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        ExportedImage planned;
        try (DownloadLimits.Permit permit = limits.toPlan()) {
            planned = ExportedImage.plan(download.image(), null, download::requireUnchanged, planning);
        }
        try (planned) {
            send(planned, download, version, head, request, response);
        }
    }

    private void compress(
            Download download,
            CompressionType compression,
            DownloadPlanning planning,
            String version,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        try (DownloadLimits.Permit permit = limits.toCompress();
                ExportedImage planned =
                        ExportedImage.plan(download.image(), compression, download::requireUnchanged, planning)) {
            send(planned, download, version, false, request, response);
        }
    }

    private static void send(
            ExportedImage image,
            Download download,
            String version,
            boolean head,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        ByteView view = new ByteView(
                download.image(), image.sizeBytes(), version, download::requireUnchanged, download.isUnchanging());
        ByteWindow window = head ? new ByteWindow(0, view.sizeBytes()) : window(view, request, response);
        response.setContentLengthLong(window.length());
        if (!head) {
            ServletOutputStream out = DirectOutput.of(response);
            image.send(window.start(), window.length(), piece -> out.write(piece.asByteBuffer()));
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
