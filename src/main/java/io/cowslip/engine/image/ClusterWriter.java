package io.cowslip.engine.image;

import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * The slow write of one image: onto holes, zeros, compressed clusters, and clusters that something else refers to as
 * well. Allocates, writes the guest's bytes and around them what the clusters held before, then publishes the entries.
 * When anything before that fails, the clusters are given back and the map is as it was. Under the image's metadata
 * lock.
 */
final class ClusterWriter {
    private final HostFile file;
    private final ImageGeometry geometry;
    private final Qcow2Layer layer;
    private final WritableMap map;
    private final ClusterAllocator allocator;
    private final WriteBarrier barrier;

    ClusterWriter(
            HostFile file,
            ImageGeometry geometry,
            Qcow2Layer layer,
            WritableMap map,
            ClusterAllocator allocator,
            WriteBarrier barrier) {
        this.file = file;
        this.geometry = geometry;
        this.layer = layer;
        this.map = map;
        this.allocator = allocator;
        this.barrier = barrier;
    }

    /** Writes all of {@code from}. */
    void write(long guestOffset, MemorySegment from) throws IOException {
        long done = 0;
        while (done < from.byteSize()) {
            done += writeSome(guestOffset + done, from.asSlice(done));
        }
    }

    /** Writes as far as one step goes, at least to the end of a cluster or of the range, and says how far. */
    long writeSome(long guestOffset, MemorySegment from) throws IOException {
        long cluster = guestOffset >>> geometry.clusterBits();
        map.prepare(cluster);
        long entry = map.entry(cluster);
        if (isOwnData(entry)) {
            MemorySegment part = withinClusters(guestOffset, from, 1);
            try {
                file.write(L2Entry.hostOffset(entry) + geometry.offsetInCluster(guestOffset), part);
            } finally {
                barrier.dataWritten();
            }
            return part.byteSize();
        }
        if (isOwnReserved(entry)) {
            return writeReserved(cluster, entry, guestOffset, withinClusters(guestOffset, from, 1));
        }
        return writeAllocating(cluster, guestOffset, from);
    }

    private static boolean isOwnData(long entry) {
        return !L2Entry.isCompressed(entry)
                && !L2Entry.isZero(entry)
                && L2Entry.isCopied(entry)
                && L2Entry.hostOffset(entry) != 0;
    }

    private static boolean isOwnReserved(long entry) {
        return !L2Entry.isCompressed(entry)
                && L2Entry.isZero(entry)
                && L2Entry.isCopied(entry)
                && L2Entry.hostOffset(entry) != 0;
    }

    /** Onto zeros with a host cluster in reserve: what it holds is stale, so the rest of it is zeroed. */
    private long writeReserved(long cluster, long entry, long guestOffset, MemorySegment part) throws IOException {
        long host = L2Entry.hostOffset(entry);
        long head = geometry.offsetInCluster(guestOffset);
        long tail = geometry.clusterBytes() - head - part.byteSize();
        if (head > 0) {
            file.zero(host, head);
        }
        file.write(host + head, part);
        if (tail > 0) {
            file.zero(host + head + part.byteSize(), tail);
        }
        barrier.dataWritten();
        map.replace(cluster, entry & ~L2Entry.ZERO, false);
        return part.byteSize();
    }

    private long writeAllocating(long cluster, long guestOffset, MemorySegment from) throws IOException {
        long lastCluster = guestOffset + from.byteSize() - 1 >>> geometry.clusterBits();
        ClusterAllocator.Run run = allocator.allocate(clustersToAllocate(cluster, lastCluster));
        MemorySegment part = withinClusters(guestOffset, from, run.clusters());
        try {
            writeWholeClusters(run.hostOffset(), guestOffset, part);
            barrier.dataWritten();
            map.replace(cluster, L2Entry.ofCopiedData(run.hostOffset()), false);
        } catch (IOException refused) {
            allocator.giveBack(run);
            throw refused;
        }
        for (int index = 1; index < run.clusters(); index++) {
            long host = run.hostOffset() + ((long) index << geometry.clusterBits());
            map.replace(cluster + index, L2Entry.ofCopiedData(host), false);
        }
        return part.byteSize();
    }

    /** How many clusters from {@code cluster} on need a new place, within the range and the slice. */
    private int clustersToAllocate(long cluster, long lastCluster) throws IOException {
        long end = Math.min(lastCluster + 1, map.sliceEnd(cluster));
        long next = cluster + 1;
        while (next < end) {
            long entry = map.entry(next);
            if (isOwnData(entry) || isOwnReserved(entry)) {
                break;
            }
            next++;
        }
        return (int) (next - cluster);
    }

    /** Fills the new clusters: the guest's bytes, and at both edges what the disk holds there now. */
    private void writeWholeClusters(long host, long guestOffset, MemorySegment part) throws IOException {
        long head = geometry.offsetInCluster(guestOffset);
        long end = guestOffset + part.byteSize();
        long tail = geometry.roundUpToCluster(end) - end;
        // Past its end the file reads as zeros once it has grown, so zeros need not be written there.
        boolean pastEndOfFile = host >= file.sizeBytes();
        if (head > 0) {
            copyFromDisk(guestOffset - head, head, host, pastEndOfFile);
        }
        file.write(host + head, part);
        if (tail > 0) {
            copyFromDisk(end, tail, host + head + part.byteSize(), pastEndOfFile);
        }
    }

    private void copyFromDisk(long guestOffset, long lengthBytes, long host, boolean pastEndOfFile) throws IOException {
        if (layer.readsAsZeros(guestOffset, lengthBytes)) {
            if (!pastEndOfFile) {
                file.zero(host, lengthBytes);
            }
            return;
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(lengthBytes)) {
            MemorySegment copy = loan.segment(lengthBytes);
            layer.readPadded(guestOffset, copy);
            file.write(host, copy);
        }
    }

    /** What of {@code from} lies in the first {@code clusters} clusters from {@code guestOffset} on. */
    private MemorySegment withinClusters(long guestOffset, MemorySegment from, int clusters) {
        long room = ((long) clusters << geometry.clusterBits()) - geometry.offsetInCluster(guestOffset);
        return from.asSlice(0, Math.min(room, from.byteSize()));
    }
}
