package io.cowslip.engine.image.layer;

import io.cowslip.engine.alloc.InFlightRequests;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.map.MetadataLock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * What a guest writes to an image that is to compress it (the open option {@code compress}). Whole clusters are stored
 * compressed, whatever was there before, zeros as zero clusters, and what does not come to less than a cluster plainly. A
 * part of a cluster is written in place where the cluster has data of its own in the file that is not compressed;
 * elsewhere it is merged with the rest of the cluster and that is compressed. The disk's last cluster counts as whole when
 * it is written up to the disk's end.
 *
 * <p>Clusters are compressed several at a time and without a lock; only then they are given their places.
 */
final class CompressingWrites {
    /** What is compressed before any of it is stored: enough for all processors, and no more memory than that. */
    private static final int BATCH_BYTES = 1 << 20;

    private static final int FEWEST_IN_BATCH = Math.min(8, Runtime.getRuntime().availableProcessors());

    private final ImageGeometry geometry;
    private final Qcow2Layer layer;
    private final MetadataLock lock;
    private final CompressedWriter writer;
    private final boolean zeroClusters;

    /** @param zeroClusters whether the image can say of any cluster that it reads as zeros */
    CompressingWrites(
            ImageGeometry geometry,
            Qcow2Layer layer,
            MetadataLock lock,
            CompressedWriter writer,
            boolean zeroClusters) {
        this.geometry = geometry;
        this.layer = layer;
        this.lock = lock;
        this.writer = writer;
        this.zeroClusters = zeroClusters;
    }

    /** Writes all of {@code from}. When it fails, a prefix may be written. */
    void write(long guestOffset, MemorySegment from, InFlightRequests requests) throws IOException {
        long done = 0;
        while (done < from.byteSize()) {
            MemorySegment rest = from.asSlice(done);
            MemorySegment whole = wholeClusters(guestOffset + done, rest);
            if (whole.byteSize() > 0) {
                writeWhole(guestOffset + done, whole, requests);
                done += whole.byteSize();
            } else {
                MemorySegment part = withinCluster(guestOffset + done, rest);
                writePart(guestOffset + done, part, requests);
                done += part.byteSize();
            }
        }
    }

    /** What of {@code from} is whole clusters from its beginning on, a batch at most. */
    private MemorySegment wholeClusters(long guestOffset, MemorySegment from) {
        if (geometry.offsetInCluster(guestOffset) != 0) {
            return from.asSlice(0, 0);
        }
        long most = Math.max(BATCH_BYTES, (long) FEWEST_IN_BATCH << geometry.clusterBits());
        long length = Math.min(from.byteSize(), most);
        boolean toEnd = guestOffset + length == layer.virtualSizeBytes();
        return from.asSlice(0, toEnd ? length : geometry.clusterStart(length));
    }

    private MemorySegment withinCluster(long guestOffset, MemorySegment from) {
        long toClusterEnd = geometry.clusterBytes() - geometry.offsetInCluster(guestOffset);
        return from.asSlice(0, Math.min(toClusterEnd, from.byteSize()));
    }

    private void writeWhole(long guestOffset, MemorySegment from, InFlightRequests requests) throws IOException {
        long firstCluster = guestOffset >>> geometry.clusterBits();
        try (PackedClusters packed = pack(from)) {
            int index = 0;
            while (index < packed.clusters()) {
                int end = packed.endOfRun(index);
                if (packed.isPlain(index)) {
                    long start = (long) index << geometry.clusterBits();
                    long length = Math.min((long) end << geometry.clusterBits(), from.byteSize()) - start;
                    layer.writePlain(guestOffset + start, from.asSlice(start, length), requests);
                } else {
                    store(firstCluster, packed, index, end);
                }
                index = end;
            }
        }
    }

    private PackedClusters pack(MemorySegment plain) {
        return PackedClusters.pack(layer.codec(), plain, geometry.clusterBytes(), zeroClusters);
    }

    private void store(long firstCluster, PackedClusters packed, int from, int end) throws IOException {
        int index = from;
        while (index < end) {
            int next = index;
            CompressedWriter.Begun write = lock.step(() -> writer.begin(firstCluster + next, packed, next, end));
            store(write);
            index += write.clusters();
        }
    }

    private void store(CompressedWriter.Begun write) throws IOException {
        boolean filled = false;
        try {
            writer.fill(write);
            filled = true;
        } finally {
            if (!filled) {
                lock.ending(() -> writer.abandon(write));
            }
        }
        lock.ending(() -> writer.publish(write));
    }

    private void writePart(long guestOffset, MemorySegment part, InFlightRequests requests) throws IOException {
        long cluster = guestOffset >>> geometry.clusterBits();
        boolean reserved = lock.step(() -> writer.reserveToMerge(cluster));
        if (!reserved || !storeMerged(guestOffset, part)) {
            layer.writePlain(guestOffset, part, requests);
        }
    }

    /** Stores a reserved cluster with {@code part} in it, and gives it up; false where it does not come to less. */
    private boolean storeMerged(long guestOffset, MemorySegment part) throws IOException {
        long cluster = guestOffset >>> geometry.clusterBits();
        boolean begun = false;
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment merged = loan.segment(geometry.clusterBytes());
            layer.readPadded(geometry.clusterStart(guestOffset), merged);
            MemorySegment.copy(part, 0, merged, geometry.offsetInCluster(guestOffset), part.byteSize());
            try (PackedClusters packed = pack(merged)) {
                if (packed.isPlain(0)) {
                    return false;
                }
                CompressedWriter.Begun write = lock.step(() -> writer.beginReserved(cluster, packed));
                begun = true;
                store(write);
                return true;
            }
        } finally {
            if (!begun) {
                lock.ending(() -> writer.release(cluster));
            }
        }
    }
}
