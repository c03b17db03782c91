package io.cowslip.engine.host;

/**
 * What an opening of an image claims, in the terms of QEMU's image locking: a locked byte {@code 100 + i} says "I use
 * permission i", a locked byte {@code 200 + i} "I do not share permission i"; permission 0 is consistent reading, 1
 * writing, 3 resizing. Every lock is a shared one on a single byte of the image file; conflicts are found by asking
 * whether an exclusive lock could be had. The rules as measured on QEMU 7.2, which on external data files bears others'
 * writes beside its own: here such a file is locked like its image.
 */
public enum ImageLock {
    /** Reads, and bears no writer beside it: what QEMU takes for a read-only image and for backing files. */
    READER(new int[] {100, 201, 203}, new int[] {200, 101, 103}),
    /** Writes, and bears neither writer nor reader beside it. */
    WRITER(new int[] {100, 101, 103, 201, 203}, new int[] {200, 201, 203, 101, 103});

    private final int[] held;
    private final int[] conflicting;

    ImageLock(int[] held, int[] conflicting) {
        this.held = held;
        this.conflicting = conflicting;
    }

    /** Bytes that are locked for as long as the image is open. */
    int[] heldBytes() {
        return held.clone();
    }

    /** Bytes that nobody else may hold. */
    int[] conflictingBytes() {
        return conflicting.clone();
    }

    boolean holds(int lockByte) {
        for (int heldByte : held) {
            if (heldByte == lockByte) {
                return true;
            }
        }
        return false;
    }
}
