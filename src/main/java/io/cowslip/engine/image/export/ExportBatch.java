package io.cowslip.engine.image.export;

import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.DiskImage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Clusters of a disk that are read together, one behind the other in memory wherever they are on the disk. */
final class ExportBatch implements AutoCloseable {
    private static final int BYTES = 2 << 20;

    private final DiskImage disk;
    private final Runnable requireUnchanged;
    private final ImageGeometry geometry;
    private final long[] clusters;
    private final IoBuffers.Loan loan = IoBuffers.borrow(BYTES);
    private int count;

    /** @param geometry of the exported image, whose disk is as large as this one was when the export began */
    ExportBatch(DiskImage disk, ImageGeometry geometry, Runnable requireUnchanged) {
        this.disk = disk;
        this.requireUnchanged = requireUnchanged;
        this.geometry = geometry;
        this.clusters = new long[BYTES / geometry.clusterBytes()];
    }

    int capacity() {
        return clusters.length;
    }

    boolean isFull() {
        return count == clusters.length;
    }

    int clusters() {
        return count;
    }

    void add(long guestCluster) {
        clusters[count++] = guestCluster;
    }

    void clear() {
        count = 0;
    }

    /** Reads the clusters; what the last of the disk lacks are zeros. All of it is of the moment in which the export began. */
    MemorySegment read() throws IOException {
        long clusterBytes = geometry.clusterBytes();
        MemorySegment bytes = loan.segment(count * clusterBytes);
        int first = 0;
        while (first < count) {
            int end = first + 1;
            while (end < count && clusters[end] == clusters[end - 1] + 1) {
                end++;
            }
            readRun(clusters[first], bytes.asSlice(first * clusterBytes, (end - first) * clusterBytes));
            first = end;
        }
        requireUnchanged.run();
        return bytes;
    }

    private void readRun(long firstCluster, MemorySegment into) throws IOException {
        long start = firstCluster << geometry.clusterBits();
        long onDisk = Math.min(into.byteSize(), geometry.virtualSizeBytes() - start);
        disk.read(start, into.asSlice(0, onDisk));
        into.asSlice(onDisk).fill((byte) 0);
    }

    @Override
    public void close() {
        loan.close();
    }
}
