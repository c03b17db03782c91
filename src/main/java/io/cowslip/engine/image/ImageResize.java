package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.layer.CacheChange;
import io.cowslip.engine.image.layer.DiskResizing;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * One change of the size of an open image's disk: which requests wait for what. While a disk grows, reads go on, and so do
 * changes until the moment that the greater size becomes true: nobody reaches what is behind the old end before. When it
 * shrinks, those that are under way end first, and others wait until the smaller size is true; what the disk has lost is
 * let go of beside them.
 *
 * <p>The image's owner lets one happen at a time, and no reconfiguration beside it.
 */
final class ImageResize {
    private static final long SECTOR_BYTES = 512;

    private final DiskResizing disk;
    private final CacheOptions caches;
    private final PublishedSize published;
    private final DiskGates gates;

    /**
     * @param caches what cache sizes are asked for: they are fitted to the new size by the rules of opening
     * @param published the size that requests are held against
     */
    ImageResize(DiskResizing disk, CacheOptions caches, PublishedSize published, DiskGates gates) {
        this.disk = disk;
        this.caches = caches;
        this.published = published;
        this.gates = gates;
    }

    /** Refuses what is no size of a disk, or less than it has where that is not asked for. */
    static void check(long newBytes, long oldBytes, boolean shrink, Preallocation preallocation) throws ImageException {
        if (newBytes <= 0 || newBytes % SECTOR_BYTES != 0) {
            throw ImageException.invalidOption(
                    "virtual-size",
                    "virtual-size is " + newBytes + "; it must be a multiple of " + SECTOR_BYTES + " and more than 0");
        }
        if (newBytes < oldBytes && !shrink) {
            throw ImageException.invalidOption(
                    "shrink",
                    "virtual-size is " + newBytes + " and the disk has " + oldBytes
                            + " bytes; what lies behind the new end is lost, so shrink must be true");
        }
        if (newBytes <= oldBytes && preallocation != Preallocation.OFF) {
            throw ImageException.invalidOption(
                    "preallocation",
                    "preallocation is \"" + preallocation.wireName()
                            + "\"; it must be \"off\" unless the disk grows, and it has " + oldBytes
                            + " bytes already");
        }
    }

    /** Gives the disk this size, durable on return; does nothing where it has it. */
    void to(long newBytes, Preallocation preallocation, WorkObserver observer) throws IOException {
        long oldBytes = published.bytes();
        if (newBytes == oldBytes) {
            return;
        }
        disk.requirePossible(newBytes, preallocation);
        if (newBytes > oldBytes) {
            grow(oldBytes, newBytes, preallocation, observer);
        } else {
            shrink(newBytes);
        }
    }

    private void grow(long oldBytes, long newBytes, Preallocation preallocation, WorkObserver observer)
            throws IOException {
        CacheChange change = disk.prepareCaches(caches, newBytes);
        try {
            WorkThreads work = new WorkThreads(observer);
            work.expect(newBytes - oldBytes);
            disk.beginGrowth(oldBytes, newBytes, preallocation, change, work);
            publishGrowth(newBytes);
        } catch (IOException | RuntimeException | Error failure) {
            takeBack(oldBytes, newBytes, failure);
            throw failure;
        } finally {
            finish(change);
        }
    }

    private void publishGrowth(long newBytes) throws IOException {
        gates.whileUnchanging(() -> {
            disk.endGrowth(published.bytes(), newBytes);
            published.set(newBytes);
        });
    }

    /** What cannot be taken back either is behind the disk's end, and known to be in use. */
    private void takeBack(long oldBytes, long newBytes, Throwable failure) {
        try {
            CacheChange back = disk.prepareCaches(caches, oldBytes);
            try {
                disk.abandonGrowth(oldBytes, newBytes, back);
            } finally {
                finish(back);
            }
        } catch (IOException | RuntimeException second) {
            failure.addSuppressed(second);
        }
    }

    private void shrink(long newBytes) throws IOException {
        CacheChange change = disk.prepareCaches(caches, newBytes);
        try {
            DiskResizing.Clipping clipping = clip(newBytes, change);
            clipping.release();
            gates.awaitAllBegun();
            clipping.trim();
        } finally {
            finish(change);
        }
    }

    private DiskResizing.Clipping clip(long newBytes, CacheChange change) throws IOException {
        List<DiskResizing.Clipping> clipped = new ArrayList<>();
        gates.whileUnused(() -> {
            clipped.add(disk.shrink(newBytes, change));
            published.set(newBytes);
        });
        return clipped.getFirst();
    }

    private void finish(CacheChange change) {
        gates.awaitAllBegun();
        change.finish();
    }
}
