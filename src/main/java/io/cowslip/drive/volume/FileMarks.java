package io.cowslip.drive.volume;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.ExtendedAttributes;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Short notes on volumes, kept by the host as extended attributes ({@code user.cowslip.…}), so that they go wherever the
 * file goes. Not every file system has a place for them.
 */
record FileMarks(ExtendedAttributes attributes) {
    private static final String PREFIX = "user.cowslip.";

    /** Notes something of a file; false where there is no place for it. */
    boolean set(Path file, String name, String value) throws ImageException {
        return attributes.set(file, PREFIX + name, value);
    }

    /** What is noted; null: nothing. */
    @Nullable
    String get(Path file, String name) throws ImageException {
        return attributes.get(file, PREFIX + name);
    }

    /** Takes a note away, if it is there. */
    void remove(Path file, String name) throws ImageException {
        attributes.remove(file, PREFIX + name);
    }
}
