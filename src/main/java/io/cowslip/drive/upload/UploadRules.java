package io.cowslip.drive.upload;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.ImageProbe;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import org.jspecify.annotations.Nullable;

/**
 * What an uploaded file must be before it gets a volume's name.
 *
 * @param format what the caller says that it is; null: what its content says, which is never raw
 * @param backingFile whether it may name a backing file
 * @param dataFiles whether it may name other files that hold its data
 */
public record UploadRules(@Nullable ImageFormat format, boolean backingFile, boolean dataFiles) {

    boolean isRaw() {
        return format == ImageFormat.RAW;
    }

    /** How the file is opened, or looked at. */
    public ImageOptions asked() {
        ImageOptions defaults = ImageOptions.defaults();
        return format == null ? defaults : defaults.withFormat(format);
    }

    /** Refuses a file that says what it must not. */
    void check(ImageProbe probe) throws ImageException {
        if (probe.backingName() != null && !backingFile) {
            throw refused("a backing file", "allow-backing-file");
        }
        if (probe.namesDataFiles() && !dataFiles) {
            throw refused("a file that holds its data", "allow-data-file");
        }
    }

    private static ImageException refused(String what, String parameter) {
        return ImageException.of(
                Kind.INVALID_FORMAT, "the image names " + what + "; it may do so with " + parameter + "=y");
    }
}
