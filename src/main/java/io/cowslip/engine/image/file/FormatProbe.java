package io.cowslip.engine.image.file;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.foreign.ForeignFormat;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.options.ImageFormat;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Which format a file's content says it has. That a raw disk looks like another format is its guest's doing. */
public final class FormatProbe {
    private static final int MAGIC_BYTES = 4096;

    private FormatProbe() {}

    /** The format that the content says, or null: then it may be raw, or a fixed VHD image. */
    public static @Nullable ImageFormat byContent(HostFile file) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(MAGIC_BYTES)) {
            MemorySegment buffer = loan.segment(MAGIC_BYTES);
            if (ImageHeader.hasMagic(buffer.asSlice(0, file.read(0, buffer)))) {
                return ImageFormat.QCOW2;
            }
        }
        ForeignFormat foreign = ForeignFormat.byContent(file);
        return foreign == null ? null : ImageFormat.of(foreign);
    }

    /**
     * What an image is opened as: what was said, or else what its content says.
     *
     * @throws ImageException INVALID_FORMAT where neither says anything
     */
    public static ImageFormat of(HostFile file, @Nullable ImageFormat said) throws IOException {
        ImageFormat format = said == null ? byContent(file) : said;
        if (format == null) {
            throw ImageException.of(
                    ImageException.Kind.INVALID_FORMAT,
                    file.path(),
                    "the content says no format that it can tell (qcow2 and others); where the image is raw, give"
                            + " \"format\": \"raw\" (guessing would let a guest choose)");
        }
        return format;
    }

    /**
     * Refuses a format said of a backing file that is not of it.
     *
     * @throws ImageException INVALID_OPTION naming backing-format
     */
    public static void requireBacking(HostFile file, ImageFormat said) throws IOException {
        if (said.isKnownByContent() && byContent(file) != said) {
            throw ImageException.invalidOption(
                    "backing-format",
                    "backing-format is " + said.wireName() + ", but backing-file is no " + said.wireName() + " image");
        }
    }
}
