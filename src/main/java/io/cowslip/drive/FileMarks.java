package io.cowslip.drive;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import org.jspecify.annotations.Nullable;

/**
 * Short notes on volumes, kept by the host as extended attributes ({@code user.cowslip.…}), so that they go wherever the
 * file goes. Not every file system has a place for them.
 */
final class FileMarks {
    private static final String PREFIX = "cowslip.";
    private static final int MAX_BYTES = 64;

    private FileMarks() {}

    /** Notes something of a file; false where there is no place for it. */
    static boolean set(Path file, String name, String value) {
        try {
            UserDefinedFileAttributeView attributes = attributes(file);
            if (attributes == null) {
                return false;
            }
            attributes.write(PREFIX + name, ByteBuffer.wrap(value.getBytes(StandardCharsets.US_ASCII)));
            return true;
        } catch (IOException unsupported) {
            return false;
        }
    }

    /** What is noted; null: nothing. */
    static @Nullable String get(Path file, String name) {
        try {
            UserDefinedFileAttributeView attributes = attributes(file);
            if (attributes == null || !attributes.list().contains(PREFIX + name)) {
                return null;
            }
            ByteBuffer value = ByteBuffer.allocate(MAX_BYTES);
            attributes.read(PREFIX + name, value);
            return StandardCharsets.US_ASCII.decode(value.flip()).toString();
        } catch (IOException unreadable) {
            return null;
        }
    }

    /** Takes a note away that is there. */
    static void remove(Path file, String name) throws IOException {
        UserDefinedFileAttributeView attributes = attributes(file);
        if (attributes != null) {
            attributes.delete(PREFIX + name);
        }
    }

    private static @Nullable UserDefinedFileAttributeView attributes(Path file) {
        return Files.getFileAttributeView(file, UserDefinedFileAttributeView.class);
    }
}
