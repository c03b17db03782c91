package io.cowslip.engine.image.layer;

import io.cowslip.engine.alloc.InFlightRequests;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.map.DiskSize;
import io.cowslip.engine.image.map.ImageMetadata;
import io.cowslip.engine.image.map.MetadataLock;
import io.cowslip.engine.image.map.WriteBarrier;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Zeroing and discarding any range of the guest's disk. What the range has of whole clusters {@link ClusterEraser} does by
 * their entries, under the metadata lock, which is given up after each L2 table's worth of disk so that others get their
 * turn; the rest is written as zeros where it does not read so anyhow, as a guest would, and without the lock. A raw
 * external data file is changed alone: it is to read as the disk does.
 */
final class RangeEraser {
    private static final int ZEROS_BYTES = 256 << 10;

    private final ImageGeometry geometry;
    private final DiskSize diskSize;
    private final Qcow2Layer layer;
    private final ClusterEraser clusters;
    private final WriteBarrier barrier;
    private final MetadataLock lock;
    private final InFlightRequests requests;

    /** @param requests those that use the layer, of which zeros that are written are one */
    RangeEraser(ImageMetadata metadata, Qcow2Layer layer, ClusterEraser clusters, InFlightRequests requests) {
        this.geometry = metadata.geometry();
        this.diskSize = layer.diskSize();
        this.layer = layer;
        this.clusters = clusters;
        this.barrier = metadata.barrier();
        this.lock = metadata.lock();
        this.requests = requests;
    }

    /**
     * Makes the range read as zeros.
     *
     * @param unmap whether whole clusters let go of their places
     */
    void zero(long guestOffset, long lengthBytes, boolean unmap) throws IOException {
        barrier.requireSound();
        if (layer.data().isRaw()) {
            changeRaw(() -> {
                if (unmap) {
                    layer.data().discard(guestOffset, guestOffset, lengthBytes);
                } else {
                    layer.data().zero(guestOffset, guestOffset, lengthBytes);
                }
            });
            return;
        }
        long end = guestOffset + lengthBytes;
        long firstWhole = clusters.firstErasable(geometry.roundUpToCluster(guestOffset));
        long endWhole = clusters.endOfWholeClusters(end);
        if (firstWhole >= endWhole) {
            zeroParts(guestOffset, end);
            return;
        }
        zeroParts(guestOffset, firstWhole);
        inSteps(firstWhole, endWhole, unmap ? clusters::zeroUnmapping : clusters::zero);
        zeroParts(endWhole, end);
    }

    /** Gives the whole clusters of the range back, so that they read as zeros where the format can say so. */
    void discard(long guestOffset, long lengthBytes) throws IOException {
        barrier.requireSound();
        long firstWhole = geometry.roundUpToCluster(guestOffset);
        long endWhole = clusters.endOfWholeClusters(guestOffset + lengthBytes);
        if (!layer.data().isRaw()) {
            inSteps(firstWhole, endWhole, clusters::discard);
        } else if (firstWhole < endWhole) {
            long end = Math.min(endWhole, diskSize.bytes());
            changeRaw(() -> layer.data().discard(firstWhole, firstWhole, end - firstWhole));
        }
    }

    /**
     * Changes a data file that is to read as the disk at any moment, even after a crash: only there, and never also in
     * the map, which could tell it differently. What the map has for zeros already is zeros in the file as well.
     */
    private void changeRaw(MetadataLock.Change change) throws IOException {
        try {
            change.make();
        } finally {
            barrier.dataWritten();
        }
    }

    @FunctionalInterface
    private interface Step {
        void apply(long guestOffset, long lengthBytes) throws IOException;
    }

    private void inSteps(long guestOffset, long end, Step step) throws IOException {
        long position = guestOffset;
        while (position < end) {
            long bytesPerTable = geometry.guestBytesPerTable();
            long from = position;
            long to = Math.min(end, (position & -bytesPerTable) + bytesPerTable);
            lock.during(() -> step.apply(from, to - from));
            position = to;
        }
    }

    /** Zeroes less than whole clusters: as data, except for whole subclusters where there are any. */
    private void zeroParts(long guestOffset, long end) throws IOException {
        if (!geometry.extendedL2()) {
            writeZeros(guestOffset, end);
            return;
        }
        long position = guestOffset;
        while (position < end) {
            long clusterEnd = Math.min(end, geometry.clusterStart(position) + geometry.clusterBytes());
            zeroPartOfCluster(position, clusterEnd);
            position = clusterEnd;
        }
    }

    private void zeroPartOfCluster(long guestOffset, long end) throws IOException {
        long firstWhole = geometry.roundUpToSubcluster(guestOffset);
        long endWhole =
                end == diskSize.bytes() ? geometry.roundUpToSubcluster(end) : end & -1L << geometry.subclusterBits();
        boolean erased =
                firstWhole < endWhole && lock.step(() -> clusters.zeroSubclusters(firstWhole, endWhole - firstWhole));
        writeZeros(guestOffset, erased ? firstWhole : end);
        writeZeros(endWhole, erased ? end : endWhole);
    }

    /** Writes zeros as a guest would, except where the disk reads as zeros anyhow. */
    private void writeZeros(long guestOffset, long end) throws IOException {
        if (guestOffset >= end || layer.readsAsZeros(guestOffset, end - guestOffset)) {
            return;
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(ZEROS_BYTES)) {
            MemorySegment zeros = loan.segment().fill((byte) 0);
            long position = guestOffset;
            while (position < end) {
                long clusterEnd = geometry.clusterStart(position) + geometry.clusterBytes();
                long length = Math.min(ZEROS_BYTES, Math.min(end, clusterEnd) - position);
                if (!layer.readsAsZeros(position, length)) {
                    layer.write(position, zeros.asSlice(0, length), requests);
                }
                position += length;
            }
        }
    }
}
