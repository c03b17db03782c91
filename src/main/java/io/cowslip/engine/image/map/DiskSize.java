package io.cowslip.engine.image.map;

/**
 * How large a disk is now, in bytes: it may get another size while its image is open. Any thread may ask. It changes
 * while requests that could tell the difference are kept out, or reach no further than the smaller of both sizes.
 */
public final class DiskSize {
    private volatile long bytes;

    /** @param bytes size of the disk */
    public DiskSize(long bytes) {
        this.bytes = bytes;
    }

    /** Size of the disk, as it is now. */
    public long bytes() {
        return bytes;
    }

    /** The disk has this size from now on. */
    public void set(long otherBytes) {
        bytes = otherBytes;
    }
}
