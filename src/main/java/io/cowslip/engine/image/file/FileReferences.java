package io.cowslip.engine.image.file;

import io.cowslip.engine.ImageException;
import java.io.IOException;
import java.nio.file.Path;

/** Decides which file a name inside an image stands for: the policy on backing files, given by who opens images. */
@FunctionalInterface
public interface FileReferences {

    /** What an image names another file for. */
    enum Role {
        BACKING_FILE("backing-file"),
        /** It has the disk's bytes, or a part of them. */
        DATA_FILE("data-file");

        private final String option;

        Role(String option) {
            this.option = option;
        }

        /** The option by which a caller names such a file. */
        public String option() {
            return option;
        }
    }

    /**
     * The file that {@code name}, found in the header of {@code image}, stands for. Relative names are relative to the
     * image's own folder.
     *
     * @throws ImageException FORBIDDEN when the name may not be followed (outside the image root, {@code json:} or a
     *     protocol, against the policy), INVALID_FORMAT when this image may name none, NOT_FOUND when there is no such file
     */
    Path resolve(Path image, String name, Role role) throws ImageException;

    /** The same for a name that a caller gives, whatever the image itself may name. */
    default Path resolveGiven(Path image, String name, Role role) throws ImageException {
        return resolve(image, name, role);
    }

    /**
     * Where a new file goes that {@code name} is to stand for in the header of {@code image}. Unless the policy knows
     * better, that is the image's own folder.
     *
     * @throws ImageException FORBIDDEN when {@link #resolve} would never follow the name
     */
    default Path resolveNew(Path image, String name) throws IOException {
        if (name.indexOf('/') >= 0) {
            throw ImageException.of(ImageException.Kind.FORBIDDEN, "the name leads out of the image's folder");
        }
        return image.resolveSibling(name);
    }
}
