package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.map.DiskSize;
import io.cowslip.engine.image.snapshot.SnapshotReader;
import io.cowslip.engine.image.snapshot.Snapshots;
import java.io.IOException;

/**
 * Changes of the snapshots of a writable qcow2 image, and of its caches with them: what is cached of L2 tables means
 * nothing afterwards, and a disk that goes back to a snapshot may get another size. No request is in flight, and none begins
 * meanwhile. Takes the metadata lock.
 */
public final class Qcow2Snapshots {
    private final Qcow2Layer layer;
    private final DiskSize diskSize;
    private final Qcow2Writing writing;
    private final LayerCaches caches;

    Qcow2Snapshots(Qcow2Layer layer, Qcow2Writing writing, LayerCaches caches) {
        this.layer = layer;
        this.diskSize = layer.diskSize();
        this.writing = writing;
        this.caches = caches;
    }

    /** What is done with snapshots. */
    @FunctionalInterface
    public interface Change {
        /** Does it, under the metadata lock and with everything committed. */
        void make(Snapshots snapshots) throws IOException;
    }

    /**
     * Changes snapshots, with everything else committed.
     *
     * @throws ImageException UNSUPPORTED_FEATURE for an image with an external data file
     */
    public void change(Change change) throws IOException {
        if (layer.data().isExternal()) {
            throw ImageException.of(
                    ImageException.Kind.UNSUPPORTED_FEATURE,
                    layer.file().path(),
                    "an image with an external data file cannot have snapshots");
        }
        LayerCaches.Change empty = caches.prepareEmpty();
        try {
            make(change, empty::replaceSlices);
        } finally {
            empty.finish();
        }
    }

    /**
     * Goes back to a snapshot, whose disk may have another size.
     *
     * @param options what cache sizes are asked for
     * @throws ImageException NOT_FOUND; UNSUPPORTED_FEATURE; INCONSISTENT_BITMAP
     */
    public void revert(String idOrName, CacheOptions options) throws IOException {
        Long diskBytes = SnapshotReader.diskBytesOf(idOrName, layer.file());
        if (diskBytes == null || diskBytes == diskSize.bytes()) {
            change(snapshots -> snapshots.revert(idOrName));
            return;
        }
        LayerCaches.Change resized = caches.prepareEmpty(options, diskBytes);
        try {
            revert(idOrName, diskBytes, resized);
        } finally {
            resized.finish();
        }
    }

    private void revert(String idOrName, long diskBytes, LayerCaches.Change resized) throws IOException {
        LayerCaches.Change unlessDone = caches.prepareEmpty();
        try {
            make(
                    snapshots -> snapshots.revert(idOrName),
                    () -> (diskSize.bytes() == diskBytes ? resized : unlessDone).replaceSlices());
            resized.replaceRefcountCache();
        } finally {
            unlessDone.finish();
        }
    }

    /** @param replaceSlices puts other slices in the place of the cached ones, also when the change fails half-way */
    private void make(Change change, Runnable replaceSlices) throws IOException {
        writing.whenSettled(() -> {
            try {
                change.make(writing.snapshots());
            } finally {
                replaceSlices.run();
            }
            return null;
        });
    }
}
