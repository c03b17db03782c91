package io.cowslip.engine.image;

import io.cowslip.engine.image.bitmap.DirtyBits;

/** What of a disk is marked in one bitmap. Any thread. */
public final class DirtyMap {
    private final DirtyBits bits;
    private final long diskBytes;

    DirtyMap(DirtyBits bits, long diskBytes) {
        this.bits = bits;
        this.diskBytes = diskBytes;
    }

    /** Whether the part of the disk with this byte was changed. */
    public boolean isDirty(long guestOffset) {
        return bits.isDirty(guestOffset);
    }

    /**
     * Where the run ends that is as the byte at {@code guestOffset}; after that byte, and at {@code end} at the latest.
     * Of a bitmap that others mark meanwhile the run may have been shorter a moment ago.
     */
    public long runEnd(long guestOffset, long end) {
        return Math.max(bits.runEnd(guestOffset, Math.min(end, diskBytes)), guestOffset + 1);
    }

    /** Bytes of the disk that are marked. */
    public long dirtyBytes() {
        return bits.dirtyBytes();
    }
}
