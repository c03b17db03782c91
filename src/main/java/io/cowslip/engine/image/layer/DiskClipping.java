package io.cowslip.engine.image.layer;

import io.cowslip.engine.image.map.ClippedClusters;
import io.cowslip.engine.image.map.DataStore;
import io.cowslip.engine.image.map.DiskSize;
import io.cowslip.engine.image.map.WriteBarrier;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Makes the disk of a writable qcow2 image smaller, or empty, and lets go of what it has lost. The file leads there no
 * more before anything is let go of; in between, clusters are counted that nothing leads to, and the image is marked as
 * dirty, so that whoever opens it for writing after a crash repairs it. Takes the metadata lock for each step.
 */
final class DiskClipping {
    private final DataStore data;
    private final DiskSize diskSize;
    private final Qcow2Writing writing;
    private final LayerCaches caches;

    DiskClipping(DataStore data, DiskSize diskSize, Qcow2Writing writing, LayerCaches caches) {
        this.data = data;
        this.diskSize = diskSize;
        this.writing = writing;
        this.caches = caches;
    }

    /**
     * Makes a smaller size of the disk true, durably. No request is in flight.
     *
     * @param resized caches for the smaller disk
     */
    DiskResizing.Clipping shrink(long newBytes, LayerCaches.Change resized) throws IOException {
        ClippedClusters clipped = writing.whenSettled(() -> {
            ClippedClusters lost = markedDirty(() -> writing.resizer().clip(newBytes));
            diskSize.set(newBytes);
            resized.replaceSlices();
            return lost;
        });
        return new DiskResizing.Clipping() {
            @Override
            public void release() throws IOException {
                data.cut(newBytes);
                resized.replaceRefcountCache();
                letGoOf(clipped);
            }

            @Override
            public void trim() throws IOException {
                trimFile();
            }
        };
    }

    /**
     * Lets go of all that the layer has of the disk, so that what is below shows through, durably. Snapshots and bitmaps
     * stay. Nothing else uses the image.
     */
    void empty() throws IOException {
        if (diskSize.bytes() == 0) {
            return;
        }
        LayerCaches.Change change = caches.prepareEmpty();
        try {
            ClippedClusters lost = writing.whenSettled(() -> {
                ClippedClusters all = markedDirty(writing.resizer()::empty);
                change.replaceSlices();
                return all;
            });
            if (data.isExternal()) {
                data.punchWherePossible(0, diskSize.bytes());
            }
            letGoOf(lost);
            trimFile();
        } finally {
            change.finish();
        }
    }

    @FunctionalInterface
    private interface Clip {
        @Nullable
        ClippedClusters make() throws IOException;
    }

    /**
     * Makes a clip with the image marked as dirty, which {@link #trimFile} ends. A clip that fails ends it too, unless nobody
     * knows any more what the file says: then whoever opens the image next repairs it.
     */
    private @Nullable ClippedClusters markedDirty(Clip clip) throws IOException {
        WriteBarrier barrier = writing.barrier();
        barrier.beginDirtyChange();
        boolean done = false;
        try {
            ClippedClusters clipped = clip.make();
            done = true;
            return clipped;
        } finally {
            if (!done && barrier.isSound()) {
                barrier.endDirtyChange();
            }
        }
    }

    /** One step after the other, beside requests. */
    private void letGoOf(@Nullable ClippedClusters clipped) throws IOException {
        if (clipped != null) {
            clipped.release(writing.lock());
            writing.lock().during(() -> writing.resizer().moveTablesDown(diskSize.bytes()));
        }
    }

    /** Ends the file after its last cluster in use, and with that the change. */
    private void trimFile() throws IOException {
        writing.lock().during(() -> {
            writing.resizer().trimFile();
            writing.barrier().endDirtyChange();
        });
    }
}
