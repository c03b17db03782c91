package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.file.FormatProbe;
import io.cowslip.engine.image.layer.ForeignLayer;
import io.cowslip.engine.image.options.ImageFormat;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a file says of itself, with nothing followed that it names.
 *
 * @param format what it is taken for
 * @param backingName the backing file as the header names it; null: none
 * @param dataFileNames other files that hold the disk's bytes
 */
public record ImageProbe(ImageFormat format, @Nullable String backingName, List<String> dataFileNames) {
    /** So much of the beginning is looked at, of a file that is as long. */
    public static final int LENGTH_BYTES = HeaderLayout.MAX_BYTES_READ;

    /**
     * What the beginning of a file that is still coming in says.
     *
     * @param said what it is said to be; null: what its content says
     * @param fileSizeBytes how long it is going to be, as far as that is known
     * @throws ImageException INVALID_FORMAT, UNSUPPORTED_FEATURE
     */
    public static ImageProbe ofBeginning(HostFile file, @Nullable ImageFormat said, long fileSizeBytes)
            throws IOException {
        ImageFormat format = format(file, said);
        return format == ImageFormat.QCOW2 ? qcow2(file, fileSizeBytes) : new ImageProbe(format, null, List.of());
    }

    /** What a whole file says. */
    public static ImageProbe ofWhole(HostFile file, @Nullable ImageFormat said) throws IOException {
        ImageFormat format = format(file, said);
        return switch (format) {
            case QCOW2 -> qcow2(file, file.sizeBytes());
            case RAW -> new ImageProbe(format, null, List.of());
            default -> foreign(file, format);
        };
    }

    private static ImageFormat format(HostFile file, @Nullable ImageFormat said) throws IOException {
        if (said != null && !said.isKnownByContent()) {
            return said;
        }
        ImageFormat found = FormatProbe.byContent(file);
        if (found == null || (said != null && said != found)) {
            throw ImageException.of(
                    ImageException.Kind.INVALID_FORMAT,
                    said == null
                            ? "the file's content says no format; what it is must be said where that is raw: format=raw"
                            : "format is " + said.wireName() + ", and the file's content says something else");
        }
        return found;
    }

    private static ImageProbe qcow2(HostFile file, long fileSizeBytes) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(LENGTH_BYTES)) {
            MemorySegment start = loan.segment(LENGTH_BYTES);
            ImageHeader header = ImageHeader.parse(start.asSlice(0, file.read(0, start)), fileSizeBytes);
            header.requireSupported(false);
            String dataFileName = header.dataFileName();
            return new ImageProbe(
                    ImageFormat.QCOW2, header.backingName(), dataFileName == null ? List.of() : List.of(dataFileName));
        }
    }

    private static ImageProbe foreign(HostFile file, ImageFormat format) throws IOException {
        List<String> named = Objects.requireNonNull(format.foreign()).namedFiles(file);
        if (!named.isEmpty()) {
            return new ImageProbe(format, null, named);
        }
        try (ForeignLayer layer = ForeignLayer.open(file, format, name -> {
            throw ImageException.of(ImageException.Kind.INVALID_FORMAT, "the image names another file");
        })) {
            return new ImageProbe(layer.format(), null, List.of());
        }
    }

    /** What a file's content looks like; null: raw, or a fixed VHD image. Nothing in it is trusted for that. */
    public static @Nullable ImageFormat appearance(HostFile file) throws IOException {
        return FormatProbe.byContent(file);
    }
}
