package io.cowslip.drive;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.file.FileReferences.Role;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Which other files the images of an image root may stand on, whoever named them.
 *
 * @param backingFile of backing files
 * @param dataFile of files that have an image's data, or parts of it
 */
public record ReferencePolicy(Rule backingFile, Rule dataFile) {
    /** Anywhere below the image root, whatever the file is for. */
    public static final ReferencePolicy FOLLOW_ALL = new ReferencePolicy(Rule.FOLLOW, Rule.FOLLOW);

    /** Where such a file may be. */
    public enum Rule {
        /** Anywhere below the image root. */
        FOLLOW,
        /** In the image's own folder. */
        SAME_FOLDER,
        /** Nowhere: images that name one are refused. */
        DENY
    }

    private Rule rule(Role role) {
        return switch (role) {
            case BACKING_FILE -> backingFile;
            case DATA_FILE -> dataFile;
        };
    }

    /** Refuses before the host is looked at. */
    public void requireAllowed(Role role) throws ImageException {
        if (rule(role) == Rule.DENY) {
            throw refused(role, "which allows none");
        }
    }

    /**
     * Refuses a file that is elsewhere than it may be.
     *
     * @param image by its path without links
     * @param file the same
     */
    public void requireAllowed(Role role, Path image, Path file) throws ImageException {
        if (rule(role) == Rule.SAME_FOLDER && !file.resolveSibling("").equals(image.resolveSibling(""))) {
            throw refused(role, "which allows those in the image's own folder");
        }
    }

    private ImageException refused(Role role, String why) {
        return ImageException.of(
                        Kind.FORBIDDEN,
                        "the " + role.option() + " is against cowslip.references." + role.option() + "="
                                + rule(role).name().toLowerCase(Locale.ROOT).replace('_', '-') + ", " + why)
                .concerning(role.option());
    }
}
