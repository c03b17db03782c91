package io.cowslip.testing;

import io.cowslip.engine.image.DiskImage;
import java.nio.file.Path;

/** Where assertions on images begin. */
public final class ImageAssertions {
    private ImageAssertions() {}

    /** An image file that nobody has open for writing. */
    public static ImageFileAssert assertThat(Path imageFile) {
        return new ImageFileAssert(imageFile);
    }

    /** An image that the engine has open. */
    public static DiskImageAssert assertThat(DiskImage image) {
        return new DiskImageAssert(image);
    }
}
