package io.cowslip.engine.image;

/**
 * How large a disk is now, in bytes: it may get another size while its image is open. Any thread may ask. It changes
 * while requests that could tell the difference are kept out, or reach no further than the smaller of both sizes.
 */
final class DiskSize {
    private volatile long bytes;

    DiskSize(long bytes) {
        this.bytes = bytes;
    }

    long bytes() {
        return bytes;
    }

    void set(long otherBytes) {
        bytes = otherBytes;
    }
}
