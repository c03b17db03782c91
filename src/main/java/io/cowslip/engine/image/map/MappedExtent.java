package io.cowslip.engine.image.map;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A run of the disk, and which file of the chain says how it reads, as {@code qemu-img map} tells it.
 *
 * @param start guest offset in bytes
 * @param length bytes
 * @param depth how far down the chain the file lies; 0 is the image itself
 * @param present whether that file says anything about the run; where it does not, the disk reads as zeros, since no file
 *     below reaches so far
 * @param zero whether the run reads as zeros without a look at any data
 * @param data whether there are bytes in the file
 * @param hostOffset where the run's bytes lie in {@code file}, as they are; negative: nowhere, or compressed or encrypted
 * @param file the file with the bytes, which may be an external data file; null where {@code hostOffset} is negative
 */
public record MappedExtent(
        long start,
        long length,
        int depth,
        boolean present,
        boolean zero,
        boolean data,
        long hostOffset,
        @Nullable Path file) {
    private static final long NOWHERE = -1;

    /** Nothing in this file, and none below that reaches so far. */
    public static MappedExtent absent(long start, long length) {
        return new MappedExtent(start, length, 0, false, true, false, NOWHERE, null);
    }

    /** Zeros by metadata alone. */
    public static MappedExtent zeros(long start, long length) {
        return new MappedExtent(start, length, 0, true, true, false, NOWHERE, null);
    }

    /** Bytes that do not lie in the file as they are. */
    public static MappedExtent packed(long start, long length) {
        return new MappedExtent(start, length, 0, true, false, true, NOWHERE, null);
    }

    /** The same at a place in a file. */
    public MappedExtent at(long offset, Path where) {
        return new MappedExtent(start, length, depth, present, zero, data, offset, where);
    }

    /** The same as the file above sees it. */
    public MappedExtent deeper() {
        return new MappedExtent(start, length, depth + 1, present, zero, data, hostOffset, file);
    }

    /** Whether the image itself says how the run reads, whatever is below. */
    boolean isOwn() {
        return depth == 0 && present;
    }

    /** This run and the one behind it as one, or null where they differ. */
    public @Nullable MappedExtent joined(MappedExtent following) {
        boolean goesOn = hostOffset < 0
                ? following.hostOffset < 0
                : following.hostOffset == hostOffset + length && file != null && file.equals(following.file);
        return goesOn
                        && depth == following.depth
                        && present == following.present
                        && zero == following.zero
                        && data == following.data
                ? new MappedExtent(start, length + following.length, depth, present, zero, data, hostOffset, file)
                : null;
    }
}
