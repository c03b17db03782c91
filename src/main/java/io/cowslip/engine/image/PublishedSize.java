package io.cowslip.engine.image;

import java.util.concurrent.atomic.AtomicLong;

/** The size that requests to an open disk are held against, in bytes. Any thread may ask. Another size is another disk. */
final class PublishedSize {
    private final AtomicLong changeCount;
    private volatile long bytes;

    /** @param changeCount that of the disk, which grows as its size becomes another */
    PublishedSize(long bytes, AtomicLong changeCount) {
        this.bytes = bytes;
        this.changeCount = changeCount;
    }

    long bytes() {
        return bytes;
    }

    /**
     * Holds requests against this size from now on. Under the image's monitor, while changes wait, and reads as well
     * where the disk gets smaller.
     */
    void set(long otherBytes) {
        if (otherBytes == bytes) {
            return;
        }
        // Before it shows and once it is true, as every change: whoever looked in between sees that it went on.
        changeCount.incrementAndGet();
        bytes = otherBytes;
        changeCount.incrementAndGet();
    }
}
