package io.cowslip.drive;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.ImageFormat;
import io.cowslip.engine.image.ImageProbe;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * What an uploaded file must be before it gets a volume's name.
 *
 * @param format what the caller says that it is; null: what its content says, which is never raw
 * @param backingFile whether it may name a backing file
 * @param dataFile whether it may name an external data file
 */
public record UploadRules(@Nullable ImageFormat format, boolean backingFile, boolean dataFile) {

    /** What the file is to be taken for. */
    ImageFormat pinnedFormat() {
        return format == null ? ImageFormat.QCOW2 : format;
    }

    /** Refuses what says at once that it is something else. */
    void checkMagic(MemorySegment start) throws ImageException {
        boolean qcow2 = ImageProbe.saysQcow2(start);
        if (pinnedFormat() == ImageFormat.QCOW2 && !qcow2) {
            throw ImageException.of(
                    Kind.INVALID_FORMAT,
                    format == null
                            ? "the file does not begin as qcow2 does; what it is must be said where that is raw: format=raw"
                            : "format is qcow2, but the file does not begin as qcow2 does");
        }
    }

    /**
     * Refuses what a header says that it must not.
     *
     * @param start the first {@link ImageProbe#LENGTH_BYTES} of the file, or all of a shorter one
     * @throws ImageException INVALID_FORMAT, UNSUPPORTED_FEATURE
     */
    void check(MemorySegment start, long fileSizeBytes) throws ImageException {
        checkMagic(start);
        if (pinnedFormat() != ImageFormat.QCOW2) {
            return;
        }
        ImageProbe probe = ImageProbe.ofQcow2(start, fileSizeBytes);
        if (probe.backingName() != null && !backingFile) {
            throw refused("backing file", "allow-backing-file");
        }
        if (probe.dataFileName() != null && !dataFile) {
            throw refused("external data file", "allow-data-file");
        }
    }

    private static ImageException refused(String what, String parameter) {
        return ImageException.of(
                Kind.INVALID_FORMAT,
                "the image names " + (what.startsWith("e") ? "an " : "a ") + what + "; it may do so with " + parameter
                        + "=y");
    }
}
