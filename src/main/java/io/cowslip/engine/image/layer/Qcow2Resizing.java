package io.cowslip.engine.image.layer;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.map.DataStore;
import io.cowslip.engine.image.map.DiskSize;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;

/** A qcow2 disk of another size: its map and its caches, and the file that has its data if that is another. */
final class Qcow2Resizing implements DiskResizing {
    private final DataStore data;
    private final DiskSize diskSize;
    private final Qcow2Writing writing;
    private final LayerCaches caches;

    Qcow2Resizing(DataStore data, DiskSize diskSize, Qcow2Writing writing, LayerCaches caches) {
        this.data = data;
        this.diskSize = diskSize;
        this.writing = writing;
        this.caches = caches;
    }

    @Override
    public void requirePossible(long newBytes, Preallocation preallocation) throws IOException {
        writing.resizer().requirePossible(newBytes);
    }

    @Override
    public CacheChange prepareCaches(CacheOptions options, long newBytes) throws IOException {
        return caches.prepareResize(options, newBytes);
    }

    @Override
    public void beginGrowth(
            long oldBytes, long newBytes, Preallocation preallocation, CacheChange change, WorkThreads work)
            throws IOException {
        long endOfRemains = writing.resizer().endOfRemains(newBytes);
        data.grow(oldBytes, newBytes);
        writing.barrier().dataWritten();
        writing.lock().during(() -> writing.resizer().growTable(newBytes));
        change.putInForce();
        diskSize.set(newBytes);
        if (!data.isRaw() && endOfRemains > oldBytes) {
            writing.zero(oldBytes, endOfRemains - oldBytes, true);
        }
        writing.resizer().preallocate(oldBytes, newBytes, preallocation, work);
    }

    @Override
    public void endGrowth(long oldBytes, long newBytes) throws IOException {
        writing.lock().during(() -> writing.resizer().publishGrowth(oldBytes, newBytes));
    }

    /** An L1 table that has become longer stays so: nothing is wrong with that. */
    @Override
    public void abandonGrowth(long oldBytes, long newBytes, CacheChange change) throws IOException {
        if (diskSize.bytes() == newBytes) {
            try {
                if (!data.isRaw()) {
                    writing.zero(oldBytes, newBytes - oldBytes, true);
                }
            } finally {
                diskSize.set(oldBytes);
            }
            change.putInForce();
        }
        data.cut(oldBytes);
    }

    @Override
    public Clipping shrink(long newBytes, CacheChange change) throws IOException {
        return new DiskClipping(data, diskSize, writing, caches).shrink(newBytes, (LayerCaches.Change) change);
    }
}
