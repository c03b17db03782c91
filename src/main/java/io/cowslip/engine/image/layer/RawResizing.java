package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.image.file.UnsyncedData;
import io.cowslip.engine.image.map.DiskSize;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;

/** A raw disk is as large as its file. */
final class RawResizing implements DiskResizing {
    private static final long PIECE_BYTES = 64L << 20;

    private final HostFile file;
    private final DiskSize diskSize;
    private final UnsyncedData unsynced;

    RawResizing(HostFile file, DiskSize diskSize, UnsyncedData unsynced) {
        this.file = file;
        this.diskSize = diskSize;
        this.unsynced = unsynced;
    }

    @Override
    public void requirePossible(long newBytes, Preallocation preallocation) throws ImageException {
        if (preallocation == Preallocation.METADATA) {
            throw ImageException.invalidOption(
                    "preallocation",
                    file.path(),
                    "preallocation is \"metadata\", but a raw image has none; it may be \"off\", \"falloc\" or \"full\"");
        }
    }

    @Override
    public CacheChange prepareCaches(CacheOptions options, long newBytes) {
        return CacheChange.NONE;
    }

    @Override
    public void beginGrowth(
            long oldBytes, long newBytes, Preallocation preallocation, CacheChange caches, WorkThreads work)
            throws IOException {
        truncate(newBytes);
        for (long position = oldBytes; position < newBytes; position += PIECE_BYTES) {
            long length = Math.min(PIECE_BYTES, newBytes - position);
            preallocation.allocate(file, position, length);
            work.done(length);
        }
    }

    private void truncate(long bytes) throws IOException {
        unsynced.requireSound();
        try {
            file.truncate(bytes);
        } finally {
            unsynced.written();
        }
    }

    @Override
    public void endGrowth(long oldBytes, long newBytes) throws IOException {
        unsynced.written();
        unsynced.sync();
        diskSize.set(newBytes);
    }

    @Override
    public void abandonGrowth(long oldBytes, long newBytes, CacheChange caches) throws IOException {
        truncate(oldBytes);
    }

    @Override
    public Clipping shrink(long newBytes, CacheChange caches) throws IOException {
        truncate(newBytes);
        diskSize.set(newBytes);
        return new Clipping() {
            @Override
            public void release() throws IOException {
                unsynced.sync();
            }

            @Override
            public void trim() {}
        };
    }
}
