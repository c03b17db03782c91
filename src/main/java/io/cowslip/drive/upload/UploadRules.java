package io.cowslip.drive.upload;

import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.image.ImageProbe;
import io.cowslip.engine.image.file.FileReferences.Role;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an uploaded file must be before it gets a volume's name. Whoever made the file need not be who uploads it, so that
 * an image stands on those volumes only that the request names as well.
 *
 * @param format what the caller says that it is; null: what its content says, which is never raw
 * @param backingFile the volume that it names as its backing file, relative to the image root; null: it may name none
 * @param dataFiles the volumes that it may name as holding its data
 */
public record UploadRules(
        @Nullable ImageFormat format, @Nullable String backingFile, List<String> dataFiles) {

    boolean isRaw() {
        return format == ImageFormat.RAW;
    }

    /** How the file is opened, or looked at. */
    public ImageOptions asked() {
        ImageOptions defaults = ImageOptions.defaults();
        return format == null ? defaults : defaults.withFormat(format);
    }

    /**
     * Refuses a file that says what it must not. Nothing is opened that it names.
     *
     * @param image where the file is
     */
    void check(ImageRoot root, Path image, ImageProbe probe) throws ImageException {
        if (probe.backingName() != null) {
            List<String> named = backingFile == null ? List.of() : List.of(backingFile);
            requireNamed(root, image, probe.backingName(), Role.BACKING_FILE, named);
        }
        for (String dataFile : probe.dataFileNames()) {
            requireNamed(root, image, dataFile, Role.DATA_FILE, dataFiles);
        }
    }

    private static void requireNamed(ImageRoot root, Path image, String found, Role role, List<String> named)
            throws ImageException {
        if (named.isEmpty()) {
            throw refused(
                    role,
                    "the image names a " + role.option() + "; it may do so where the request names it as well: "
                            + role.option() + "=");
        }
        FileIdentity file = root.identity(root.resolveGiven(image, found, role));
        for (String volume : named) {
            if (root.identity(root.existing(volume)).equals(file)) {
                return;
            }
        }
        throw refused(role, "the image names another " + role.option() + " than the request does");
    }

    private static ImageException refused(Role role, String why) {
        return ImageException.of(Kind.INVALID_FORMAT, why).concerning(role.option());
    }
}
