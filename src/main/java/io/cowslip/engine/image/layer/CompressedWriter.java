package io.cowslip.engine.image.layer;

import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.SubclusterBitmap;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.map.ImageMetadata;
import io.cowslip.engine.image.map.PassedDiscards;
import io.cowslip.engine.image.map.WritableMap;
import io.cowslip.engine.image.map.WriteBarrier;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Puts compressed clusters and zero clusters into one image: {@link #begin} reserves and allocates, {@link #fill} writes,
 * {@link #publish} puts the entries into the map, as {@link ClusterWriter} has it, and with its rules for failures.
 */
final class CompressedWriter {
    /** What goes into one call to the host. */
    private static final int MAX_WRITE_BYTES = 1 << 20;

    private final HostFile file;
    private final ImageGeometry geometry;
    private final WritableMap map;
    private final ClusterEraser eraser;
    private final ClusterAllocator allocator;
    private final WriteBarrier barrier;
    private final ClusterReservations reservations;
    private final PassedDiscards passedDiscards;

    CompressedWriter(
            ImageMetadata metadata,
            WritableMap map,
            ClusterEraser eraser,
            ClusterReservations reservations,
            PassedDiscards passedDiscards) {
        this.file = metadata.file();
        this.geometry = metadata.geometry();
        this.map = map;
        this.eraser = eraser;
        this.allocator = metadata.allocator();
        this.barrier = metadata.barrier();
        this.reservations = reservations;
        this.passedDiscards = passedDiscards;
    }

    /**
     * Clusters that have their guest clusters reserved, and those that are compressed their place in the file.
     *
     * @param firstCluster the first one's number on the disk
     * @param index the same in {@code packed}, none of whose clusters taken on is plain
     * @param hostOffsets where each goes
     */
    record Begun(long firstCluster, PackedClusters packed, int index, long[] hostOffsets) {
        int clusters() {
            return hostOffsets.length;
        }
    }

    /**
     * Takes on as many clusters as go in one step, from {@code index} to {@code end} at most. Waits for others that have
     * the first reserved. Under the metadata lock.
     *
     * @throws io.cowslip.engine.ImageException NO_SPACE when the format's limits are reached
     */
    Begun begin(long firstCluster, PackedClusters packed, int index, int end) throws IOException {
        if (reservations.awaitFree(firstCluster)) {
            barrier.requireSound();
        }
        int clusters = 1;
        while (index + clusters < end && !reservations.isReserved(firstCluster + clusters)) {
            clusters++;
        }
        Begun begun = allocate(firstCluster, packed, index, clusters);
        reservations.reserve(firstCluster, clusters);
        return begun;
    }

    /**
     * Reserves a cluster so that its bytes can be merged with others and put back, unless it has a host cluster of its own
     * with data, which can be written in place. Waits for others that have it reserved. Under the metadata lock.
     */
    boolean reserveToMerge(long cluster) throws IOException {
        if (reservations.awaitFree(cluster)) {
            barrier.requireSound();
        }
        if (hasOwnData(cluster)) {
            return false;
        }
        reservations.reserve(cluster, 1);
        return true;
    }

    private boolean hasOwnData(long cluster) throws IOException {
        long entry = map.entry(cluster);
        if (L2Entry.isCompressed(entry) || !L2Entry.isCopied(entry)) {
            return false;
        }
        return geometry.extendedL2()
                ? SubclusterBitmap.allocated(map.extendedEntry(cluster).bitmap()) != 0
                : !L2Entry.isZero(entry);
    }

    /** Takes on the one cluster of {@code packed}, which {@link #reserveToMerge} has reserved. Under the metadata lock. */
    Begun beginReserved(long cluster, PackedClusters packed) throws IOException {
        return allocate(cluster, packed, 0, 1);
    }

    /** Gives up what {@link #reserveToMerge} has reserved. Under the metadata lock. */
    void release(long cluster) {
        reservations.release(cluster, 1);
    }

    private Begun allocate(long firstCluster, PackedClusters packed, int index, int clusters) throws IOException {
        Begun begun = new Begun(firstCluster, packed, index, new long[clusters]);
        int allocated = 0;
        try {
            for (; allocated < clusters; allocated++) {
                if (!packed.isZero(index + allocated)) {
                    begun.hostOffsets[allocated] = allocator.allocateCompressed(packed.lengthBytes(index + allocated));
                }
            }
        } finally {
            if (allocated < clusters) {
                giveBack(begun, 0, allocated);
            }
        }
        return begun;
    }

    /** Writes the compressed clusters, those that follow each other in one go. Without a lock. */
    void fill(Begun write) throws IOException {
        int next = 0;
        while (next < write.clusters()) {
            if (write.packed.isZero(write.index + next)) {
                next++;
            } else {
                next = fillRun(write, next);
            }
        }
    }

    private int fillRun(Begun write, int first) throws IOException {
        int end = first;
        long length = 0;
        while (end < write.clusters() && (end == first || follows(write, first, end, length))) {
            length += write.packed.lengthBytes(write.index + end);
            end++;
        }
        if (end == first + 1) {
            file.write(write.hostOffsets[first], write.packed.payload(write.index + first));
        } else {
            writeTogether(write, first, end, length);
        }
        barrier.newDataWritten(length);
        return end;
    }

    private static boolean follows(Begun write, int first, int next, long length) {
        int index = write.index + next;
        return !write.packed.isZero(index)
                && write.hostOffsets[next] == write.hostOffsets[first] + length
                && length + write.packed.lengthBytes(index) <= MAX_WRITE_BYTES;
    }

    private void writeTogether(Begun write, int first, int end, long length) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(length)) {
            long at = 0;
            for (int next = first; next < end; next++) {
                MemorySegment payload = write.packed.payload(write.index + next);
                MemorySegment.copy(payload, 0, loan.segment(), at, payload.byteSize());
                at += payload.byteSize();
            }
            file.write(write.hostOffsets[first], loan.segment(length));
        }
    }

    /**
     * Puts filled clusters into the map, where everybody sees them from now on, and ends the write. What cannot be
     * published is given back. Under the metadata lock.
     */
    void publish(Begun write) throws IOException {
        int published = 0;
        try {
            barrier.requireSound();
            for (; published < write.clusters(); published++) {
                publish(write, published);
            }
        } finally {
            end(write, published);
        }
    }

    private void publish(Begun write, int index) throws IOException {
        long cluster = write.firstCluster + index;
        if (write.packed.isZero(write.index + index)) {
            eraser.zeroReserved(cluster);
            return;
        }
        long descriptor = L2Entry.ofCompressed(
                write.hostOffsets[index], write.packed.lengthBytes(write.index + index), geometry.clusterBits());
        map.prepare(cluster);
        map.replace(cluster, descriptor, 0, passedDiscards.other());
    }

    /** Ends a write that was not published. Under the metadata lock. */
    void abandon(Begun write) {
        end(write, 0);
    }

    private void end(Begun write, int published) {
        reservations.release(write.firstCluster, write.clusters());
        giveBack(write, published, write.clusters());
    }

    private void giveBack(Begun write, int from, int to) {
        for (int next = from; next < to; next++) {
            if (!write.packed.isZero(write.index + next)) {
                allocator.giveBackBytes(write.hostOffsets[next], write.packed.lengthBytes(write.index + next));
            }
        }
    }
}
