package io.cowslip.engine.host;

import io.cowslip.engine.ImageException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Short texts that the host keeps with files below one folder, under names that begin with {@code user.}: they go wherever
 * a file goes. Not every file system has a place for them.
 */
public final class ExtendedAttributes {
    private static final int MAX_BYTES = 4096;

    private final HostFolder folder;

    ExtendedAttributes(HostFolder folder) {
        this.folder = folder;
    }

    /** What is kept under this name; null: nothing, also where the file system keeps nothing. */
    public @Nullable String get(Path file, String name) throws ImageException {
        int descriptor = open(file);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocate(MAX_BYTES);
            long length = PosixNames.attribute(descriptor, name, value);
            if (length == -Posix.ENODATA || length == -Posix.EOPNOTSUPP) {
                return null;
            }
            HostFolder.require(file, (int) length);
            return new String(value.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
        } finally {
            Posix.close(descriptor);
        }
    }

    /** Keeps a text; false where the file system has no place for it, or the host refuses. */
    public boolean set(Path file, String name, String text) throws ImageException {
        int descriptor = open(file);
        try {
            MemorySegment bytes = MemorySegment.ofArray(text.getBytes(StandardCharsets.UTF_8));
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment value = arena.allocate(bytes.byteSize()).copyFrom(bytes);
                return PosixNames.setAttribute(descriptor, name, value) >= 0;
            }
        } finally {
            Posix.close(descriptor);
        }
    }

    /** Takes a text away, if it is there. */
    public void remove(Path file, String name) throws ImageException {
        int descriptor = open(file);
        try {
            int result = PosixNames.removeAttribute(descriptor, name);
            if (result != -Posix.ENODATA && result != -Posix.EOPNOTSUPP) {
                HostFolder.require(file, result);
            }
        } finally {
            Posix.close(descriptor);
        }
    }

    private int open(Path file) throws ImageException {
        return HostFolder.require(file, folder.openFile(file, Posix.O_RDONLY | Posix.O_NONBLOCK | Posix.O_NOCTTY, 0));
    }
}
