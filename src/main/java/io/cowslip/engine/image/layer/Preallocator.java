package io.cowslip.engine.image.layer;

import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.format.ExtendedL2Entry;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.SubclusterBitmap;
import io.cowslip.engine.image.map.DataClusters;
import io.cowslip.engine.image.map.DataStore;
import io.cowslip.engine.image.map.ImageMetadata;
import io.cowslip.engine.image.map.MetadataLock;
import io.cowslip.engine.image.map.WritableMap;
import io.cowslip.engine.image.map.WriteBarrier;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;

/**
 * Gives clusters of a disk their places before anybody writes them; they go on reading as zeros. For a part of the disk
 * that no guest can reach yet. As with a write, places are counted first, then the file gets ready, then the map learns
 * of them; the metadata lock is given up in between and after each slice.
 */
final class Preallocator {
    private final ImageGeometry geometry;
    private final int version;
    private final DataStore data;
    private final WritableMap map;
    private final DataClusters clusters;
    private final WriteBarrier barrier;
    private final MetadataLock lock;

    Preallocator(ImageMetadata metadata, Qcow2Layer layer, WritableMap map, DataClusters clusters) {
        this.geometry = metadata.geometry();
        this.version = layer.version();
        this.data = layer.data();
        this.map = map;
        this.clusters = clusters;
        this.barrier = metadata.barrier();
        this.lock = metadata.lock();
    }

    /**
     * Gives places to the clusters that have none, of those that begin from {@code guestOffset} on up to {@code end}.
     *
     * @param work told of the bytes that have their places
     */
    void allocate(long guestOffset, long end, Preallocation mode, WorkThreads work) throws IOException {
        long cluster = geometry.roundUpToCluster(guestOffset) >>> geometry.clusterBits();
        long endCluster = geometry.roundUpToCluster(end) >>> geometry.clusterBits();
        while (cluster < endCluster) {
            long next = step(cluster, endCluster, mode);
            work.done((next - cluster) << geometry.clusterBits());
            cluster = next;
        }
    }

    private long step(long from, long endCluster, Preallocation mode) throws IOException {
        Step step = new Step(from);
        lock.during(() -> step.begin(endCluster));
        if (step.end > step.first) {
            boolean filled = false;
            try {
                step.fill(mode);
                filled = true;
            } finally {
                if (!filled) {
                    lock.during(() -> step.giveBackFrom(0));
                }
            }
            lock.during(step::publish);
        }
        return step.end;
    }

    /** Some clusters that follow each other and lie in one slice. */
    private final class Step {
        private long first;
        private long end;
        private long hostOffset;
        private boolean readsAsZeros;

        Step(long first) {
            this.first = first;
            this.end = first;
        }

        void begin(long endCluster) throws IOException {
            map.prepare(first);
            long most = Math.min(endCluster, map.sliceEnd(first));
            while (first < most && hasPlace(first)) {
                first++;
            }
            end = first;
            while (end < most && !hasPlace(end)) {
                end++;
            }
            if (first < end) {
                ClusterAllocator.Run run = clusters.allocateFor(first, (int) (end - first));
                hostOffset = run.hostOffset();
                end = first + run.clusters();
            }
        }

        private boolean hasPlace(long cluster) throws IOException {
            long entry = map.entry(cluster);
            return L2Entry.isCompressed(entry) || L2Entry.isCopied(entry) || L2Entry.hostOffset(entry) != 0;
        }

        void fill(Preallocation mode) throws IOException {
            long lengthBytes = (end - first) << geometry.clusterBits();
            long guestOffset = first << geometry.clusterBits();
            readsAsZeros = data.reserve(mode, hostOffset, guestOffset, lengthBytes);
            if (!readsAsZeros && version == 2) {
                data.zero(hostOffset, guestOffset, lengthBytes);
                readsAsZeros = true;
            }
            barrier.newDataWritten(lengthBytes);
        }

        void publish() throws IOException {
            int published = 0;
            try {
                barrier.requireSound();
                map.prepare(first);
                for (; first + published < end; published++) {
                    publish(first + published, L2Entry.ofCopiedData(hostOffset(published)));
                }
            } finally {
                giveBackFrom(published);
            }
        }

        private void publish(long cluster, long descriptor) throws IOException {
            if (geometry.extendedL2()) {
                long bitmap = readsAsZeros ? SubclusterBitmap.ALL_ALLOCATED : SubclusterBitmap.ALL_ZERO;
                map.replace(cluster, new ExtendedL2Entry(descriptor, bitmap), false);
            } else {
                map.replace(cluster, readsAsZeros ? descriptor : descriptor | L2Entry.ZERO, false);
            }
        }

        void giveBackFrom(int index) {
            int rest = (int) (end - first) - index;
            if (rest > 0) {
                clusters.giveBack(new ClusterAllocator.Run(hostOffset(index), rest));
            }
        }

        private long hostOffset(int index) {
            return hostOffset + ((long) index << geometry.clusterBits());
        }
    }
}
