package io.cowslip.engine.image.layer;

import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.format.ExtendedL2Entry;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.SubclusterBitmap;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.map.DataClusters;
import io.cowslip.engine.image.map.DiskSize;
import io.cowslip.engine.image.map.ImageMetadata;
import io.cowslip.engine.image.map.PassedDiscards;
import io.cowslip.engine.image.map.SubclusterPlan;
import io.cowslip.engine.image.map.WritableMap;
import io.cowslip.engine.image.map.WriteBarrier;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The slow write of one image: onto holes, zeros, compressed clusters, and clusters that something else refers to as
 * well. It has three steps, so that writers of different clusters write at the same time: {@link #begin} allocates and
 * reserves, {@link #fill} writes the guest's bytes and around them what the clusters held before, {@link #publish} puts
 * the entries into the map. Until then readers find what was there before. When a step fails, the clusters are given
 * back, with {@link #abandon} after a failed fill, and the map is as it was.
 */
final class ClusterWriter {
    private final ImageGeometry geometry;
    private final DiskSize diskSize;
    private final Qcow2Layer layer;
    private final WritableMap map;
    private final DataClusters clusters;
    private final WriteBarrier barrier;
    private final ClusterReservations reservations;
    private final PassedDiscards passedDiscards;

    ClusterWriter(
            ImageMetadata metadata,
            Qcow2Layer layer,
            WritableMap map,
            DataClusters clusters,
            ClusterReservations reservations,
            PassedDiscards passedDiscards) {
        this.geometry = metadata.geometry();
        this.diskSize = layer.diskSize();
        this.layer = layer;
        this.map = map;
        this.clusters = clusters;
        this.barrier = metadata.barrier();
        this.reservations = reservations;
        this.passedDiscards = passedDiscards;
    }

    /**
     * A write that has its host clusters and its guest clusters reserved.
     *
     * @param part the guest's bytes from {@code guestOffset} on, at least one in each cluster
     * @param run where they go
     * @param allocated whether nothing pointed at the run before: else the entry of one zeroed cluster keeps it in
     *     reserve
     */
    record Begun(
            long guestOffset, long firstCluster, MemorySegment part, ClusterAllocator.Run run, boolean allocated) {}

    /**
     * Takes on as much from the beginning of {@code from} as goes in one step; null when that can be written in place
     * as it is. Waits for others that have the first cluster reserved. Under the metadata lock.
     */
    @Nullable
    Begun begin(long guestOffset, MemorySegment from) throws IOException {
        long cluster = guestOffset >>> geometry.clusterBits();
        if (reservations.awaitFree(cluster)) {
            barrier.requireSound();
        }
        map.prepare(cluster);
        long entry = map.entry(cluster);
        if (isOwn(entry) && holdsData(entry, guestOffset)) {
            return null;
        }
        boolean allocates = !isOwn(entry);
        int wanted = allocates ? clustersToAllocate(cluster, lastCluster(guestOffset, from)) : 1;
        if (layer.data().isRaw()) {
            mapZeros(cluster, wanted);
            return null;
        }
        ClusterAllocator.Run run = allocates ? clusters.allocateFor(cluster, wanted) : kept(entry);
        reservations.reserve(cluster, run.clusters());
        return new Begun(guestOffset, cluster, withinClusters(guestOffset, from, run.clusters()), run, allocates);
    }

    /** The place that a cluster without data, or with some, has already. */
    private ClusterAllocator.Run kept(long entry) throws IOException {
        layer.requireDataAt(L2Entry.hostOffset(entry), geometry.clusterBytes());
        return new ClusterAllocator.Run(L2Entry.hostOffset(entry), 1);
    }

    /**
     * Makes clusters that read as zeros data, durably, so that they can be written in place. A data file that is to read
     * as the disk at any moment must not have bytes that the map says are none, not even after a failure or a crash.
     */
    private void mapZeros(long firstCluster, int count) throws IOException {
        if (geometry.extendedL2()) {
            for (long cluster = firstCluster; cluster < firstCluster + count; cluster++) {
                zeroAllButData(cluster);
            }
        } else {
            zeroInDataFile(firstCluster << geometry.clusterBits(), (long) count << geometry.clusterBits());
        }
        barrier.dataWritten();
        for (long cluster = firstCluster; cluster < firstCluster + count; cluster++) {
            long descriptor = L2Entry.ofCopiedData(cluster << geometry.clusterBits());
            map.replace(cluster, descriptor, SubclusterBitmap.ALL_ALLOCATED, false);
        }
        map.commit();
    }

    /** Some of a cluster's subclusters may be data already, which others write in place meanwhile. */
    private void zeroAllButData(long cluster) throws IOException {
        long start = cluster << geometry.clusterBits();
        long bitmap = map.extendedEntry(cluster).bitmap();
        int subcluster = 0;
        while (subcluster < SubclusterBitmap.SUBCLUSTERS) {
            int alike = SubclusterBitmap.alikeFrom(bitmap, subcluster);
            if (!SubclusterBitmap.isAllocated(bitmap, subcluster)) {
                zeroInDataFile(
                        start + ((long) subcluster << geometry.subclusterBits()),
                        (long) alike << geometry.subclusterBits());
            }
            subcluster += alike;
        }
    }

    private void zeroInDataFile(long guestOffset, long lengthBytes) throws IOException {
        long length = Math.min(lengthBytes, diskSize.bytes() - guestOffset);
        if (length > 0) {
            layer.data().zero(guestOffset, guestOffset, length);
        }
    }

    private long lastCluster(long guestOffset, MemorySegment from) {
        return (guestOffset + from.byteSize() - 1) >>> geometry.clusterBits();
    }

    /** Whether the cluster of an own entry has the guest's bytes at {@code guestOffset}, so that they are not zeros. */
    private boolean holdsData(long entry, long guestOffset) throws IOException {
        if (!geometry.extendedL2()) {
            return !L2Entry.isZero(entry);
        }
        long bitmap = map.extendedEntry(guestOffset >>> geometry.clusterBits()).bitmap();
        return SubclusterBitmap.isAllocated(bitmap, geometry.subcluster(guestOffset));
    }

    /** An entry that is sound and marked so has a place, which in an external data file may be at offset 0. */
    private static boolean isOwn(long entry) {
        return !L2Entry.isCompressed(entry) && L2Entry.isCopied(entry);
    }

    /** How many clusters from {@code cluster} on need a new place, within the range and the slice. */
    private int clustersToAllocate(long cluster, long lastCluster) throws IOException {
        long end = Math.min(lastCluster + 1, map.sliceEnd(cluster));
        long next = cluster + 1;
        while (next < end && !reservations.isReserved(next)) {
            long entry = map.entry(next);
            if (isOwn(entry)) {
                break;
            }
            next++;
        }
        return (int) (next - cluster);
    }

    /** Writes the guest's bytes, and at both edges what the disk holds there now. Without a lock. */
    void fill(Begun write) throws IOException {
        try {
            if (geometry.extendedL2()) {
                fillSubclusters(write);
            } else {
                fillClusters(write);
            }
        } finally {
            // Of a cluster with subclusters in use those are written in place: a write that fails has reached them in
            // part, and what is read must be what a flush keeps.
            barrier.newDataWritten(write.part.byteSize());
        }
    }

    private void fillClusters(Begun write) throws IOException {
        long host = write.run.hostOffset();
        long head = geometry.offsetInCluster(write.guestOffset);
        long end = write.guestOffset + write.part.byteSize();
        long tail = layer.data().endOfFill(geometry.roundUpToCluster(end), diskSize.bytes()) - end;
        if (head > 0) {
            copyFromDisk(write.guestOffset - head, head, host);
        }
        layer.data().write(host + head, write.guestOffset, write.part);
        if (tail > 0) {
            copyFromDisk(end, tail, host + head + write.part.byteSize());
        }
    }

    private void fillSubclusters(Begun write) throws IOException {
        long host = write.run.hostOffset() + geometry.offsetInCluster(write.guestOffset);
        layer.data().write(host, write.guestOffset, write.part);
        copyAround(write, 0);
        if (write.run.clusters() > 1) {
            copyAround(write, write.run.clusters() - 1);
        }
    }

    /** Copies what one cluster of a write has to have besides the guest's bytes, one run of subclusters after another. */
    private void copyAround(Begun write, int index) throws IOException {
        long start = (write.firstCluster + index) << geometry.clusterBits();
        long writtenFrom = write.guestOffset;
        long writtenTo = write.guestOffset + write.part.byteSize();
        long left = plan(write, index).copied();
        while (left != 0) {
            int first = Long.numberOfTrailingZeros(left);
            int end = first + Long.numberOfTrailingZeros(~(left >>> first));
            long from = start + ((long) first << geometry.subclusterBits());
            long to = start + ((long) end << geometry.subclusterBits());
            copyWithin(write, from, Math.min(to, writtenFrom));
            copyWithin(write, Math.max(from, writtenTo), to);
            left &= ~SubclusterBitmap.range(first, end);
        }
    }

    private void copyWithin(Begun write, long guestOffset, long wantedEnd) throws IOException {
        long end = layer.data().endOfFill(wantedEnd, diskSize.bytes());
        if (guestOffset < end) {
            long firstStart = write.firstCluster << geometry.clusterBits();
            copyFromDisk(guestOffset, end - guestOffset, write.run.hostOffset() + guestOffset - firstStart);
        }
    }

    private SubclusterPlan plan(Begun write, int index) throws IOException {
        long start = (write.firstCluster + index) << geometry.clusterBits();
        long from = Math.max(start, write.guestOffset);
        long last = Math.min(start + geometry.clusterBytes(), write.guestOffset + write.part.byteSize()) - 1;
        long touched = SubclusterBitmap.range(geometry.subcluster(from), geometry.subcluster(last) + 1);
        return SubclusterPlan.of(map.extendedEntry(write.firstCluster + index), !write.allocated, touched);
    }

    private void copyFromDisk(long guestOffset, long lengthBytes, long host) throws IOException {
        if (layer.readsAsZeros(guestOffset, lengthBytes)) {
            layer.data().zero(host, guestOffset, lengthBytes);
            return;
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(lengthBytes)) {
            MemorySegment copy = loan.segment(lengthBytes);
            layer.readPadded(guestOffset, copy);
            layer.data().write(host, guestOffset, copy);
        }
    }

    /**
     * Puts a filled write into the map, where everybody sees it from now on, and ends it. What cannot be published is
     * given back. Under the metadata lock.
     */
    void publish(Begun write) throws IOException {
        int published = 0;
        try {
            barrier.requireSound();
            while (published < write.run.clusters()) {
                long cluster = write.firstCluster + published;
                // Others may have put smaller slices into the cache since the write began.
                if (published == 0 || map.sliceEnd(cluster - 1) == cluster) {
                    map.prepare(cluster);
                }
                publish(write, published, L2Entry.ofCopiedData(hostOffset(write, published)));
                published++;
            }
        } finally {
            end(write, published);
        }
    }

    private void publish(Begun write, int index, long descriptor) throws IOException {
        long cluster = write.firstCluster + index;
        if (geometry.extendedL2()) {
            map.replace(
                    cluster, new ExtendedL2Entry(descriptor, plan(write, index).bitmap()), passedDiscards.other());
        } else {
            map.replace(cluster, descriptor, passedDiscards.other());
        }
    }

    /** Ends a write that was not published. Under the metadata lock. */
    void abandon(Begun write) {
        end(write, 0);
    }

    private void end(Begun write, int published) {
        reservations.release(write.firstCluster, write.run.clusters());
        int rest = write.run.clusters() - published;
        if (write.allocated && rest > 0) {
            clusters.giveBack(new ClusterAllocator.Run(hostOffset(write, published), rest));
        }
    }

    private long hostOffset(Begun write, int index) {
        return write.run.hostOffset() + ((long) index << geometry.clusterBits());
    }

    /** What of {@code from} lies in the first {@code clusters} clusters from {@code guestOffset} on. */
    private MemorySegment withinClusters(long guestOffset, MemorySegment from, int clusters) {
        long room = ((long) clusters << geometry.clusterBits()) - geometry.offsetInCluster(guestOffset);
        return from.asSlice(0, Math.min(room, from.byteSize()));
    }
}
