package io.cowslip.engine.host;

import org.jspecify.annotations.Nullable;

/**
 * What direct I/O on a file asks for, in bytes: addresses of memory are multiples of {@code memoryBytes}, offsets and
 * lengths of {@code blockBytes}. Zeros say that the file has no direct I/O (statx(2), {@code STATX_DIOALIGN}).
 */
record DirectAlignment(int memoryBytes, int blockBytes) {
    /** As good as any block device asks for, where the kernel does not tell. */
    private static final DirectAlignment USUAL = new DirectAlignment(4096, 4096);

    private static final int LARGEST_BLOCK_BYTES = 64 << 10;

    static DirectAlignment of(@Nullable DirectAlignment told) {
        return told == null ? USUAL : told;
    }

    /** Whether there is direct I/O, and {@link IoBuffers} are aligned well enough for it. */
    boolean isUsable() {
        return isPowerOfTwo(memoryBytes)
                && isPowerOfTwo(blockBytes)
                && memoryBytes <= IoBuffers.ALIGNMENT_BYTES
                && blockBytes <= LARGEST_BLOCK_BYTES;
    }

    private static boolean isPowerOfTwo(int bytes) {
        return Integer.bitCount(bytes) == 1 && bytes > 0;
    }

    long roundDown(long bytes) {
        return bytes & -blockBytes;
    }

    long roundUp(long bytes) {
        return roundDown(bytes + blockBytes - 1);
    }

    boolean isWhole(long bytes) {
        return roundDown(bytes) == bytes;
    }

    boolean isAligned(long hostOffset, long address) {
        return isWhole(hostOffset) && (address & (memoryBytes - 1)) == 0;
    }
}
