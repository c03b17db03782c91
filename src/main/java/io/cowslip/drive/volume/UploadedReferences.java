package io.cowslip.drive.volume;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.ImageInfo;
import java.nio.file.Path;

/**
 * What is kept of where an image came from: one that was uploaded, and named no other file then, never gets to name one by
 * what is written into it, but only by a request. The file itself bears the mark.
 */
public final class UploadedReferences {
    private static final String MARK = "references";
    private static final String NONE = "none";

    private UploadedReferences() {}

    /** Notes of an uploaded file that it names no other, if that is so. */
    public static void note(ImageRoot root, ImageInfo image) throws ImageException {
        if (image.backingName() == null
                && image.dataFileName() == null
                && image.dataFiles().isEmpty()) {
            root.marks().set(image.file(), MARK, NONE);
        }
    }

    /** Whether the image may name no other file. */
    static boolean areNone(ImageRoot root, Path image) throws ImageException {
        return NONE.equals(root.marks().get(image, MARK));
    }

    /** A request is about to give the image another file to stand on. */
    public static void allow(ImageRoot root, Path image) throws ImageException {
        root.marks().remove(image, MARK);
    }
}
