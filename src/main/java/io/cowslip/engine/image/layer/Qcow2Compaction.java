package io.cowslip.engine.image.layer;

import io.cowslip.engine.image.map.DiskSize;
import io.cowslip.engine.image.map.MetadataLock;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;

/**
 * Makes the file of a writable qcow2 image shorter by moving what lies at its end into room before it, in the order of
 * what leads to what. Between two moves everything is committed. While nothing else uses the image; takes the metadata
 * lock for each step.
 */
final class Qcow2Compaction {
    private final Qcow2Layer layer;
    private final DiskSize diskSize;
    private final Qcow2Writing writing;
    private final LayerCaches caches;
    private final MetadataLock lock;
    private final ClusterMover mover;

    Qcow2Compaction(Qcow2Layer layer, Qcow2Writing writing, LayerCaches caches) {
        this.layer = layer;
        this.diskSize = layer.diskSize();
        this.writing = writing;
        this.caches = caches;
        this.lock = writing.lock();
        this.mover = writing.mover();
    }

    /**
     * Moves what can be moved, once nothing else is to be let go of.
     *
     * @param work told of the bytes that are moved
     */
    void moveDown(WorkThreads work) throws IOException {
        if (diskSize.bytes() == 0) {
            return;
        }
        writeBitmapsTwice();
        if (layer.backing() == null) {
            dropEmptyTables();
        }
        moveL1Down();
        long floor = mover.moveDown(work, writing::flush);
        writing.settle();
        mover.moveRefcountBlocks(floor);
        writing.settle();
        lock.during(() -> {
            writing.resizer().trimFile();
            mover.punchFree();
        });
    }

    /** Bitmaps are written anew when they are saved: the second time into what the first time has left. */
    private void writeBitmapsTwice() throws IOException {
        writing.settleAndSaveBitmaps();
        writing.resumeBitmaps();
        writing.settleAndSaveBitmaps();
    }

    private void dropEmptyTables() throws IOException {
        if (mover.dropEmptyTables()) {
            writing.settle();
            LayerCaches.Change change = caches.prepareEmpty();
            try {
                change.putInForce();
            } finally {
                change.finish();
            }
        }
    }

    private void moveL1Down() throws IOException {
        lock.during(() -> writing.resizer().moveTablesDown(diskSize.bytes()));
        writing.settle();
    }
}
