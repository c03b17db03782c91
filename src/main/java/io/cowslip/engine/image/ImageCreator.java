package io.cowslip.engine.image;

import java.io.IOException;
import java.nio.file.Path;

/** Makes new images. */
public final class ImageCreator {
    private ImageCreator() {}

    /**
     * Creates {@code file}, durable when this returns. A failure leaves no file behind; an existing file is refused
     * with ALREADY_EXISTS and kept as it is.
     */
    public static void create(Path file, CreateOptions options, ImageEnvironment environment) throws IOException {
        throw new UnsupportedOperationException();
    }
}
