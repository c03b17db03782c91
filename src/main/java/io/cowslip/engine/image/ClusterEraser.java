package io.cowslip.engine.image;

import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Zeroing and discarding in one image, by changing entries instead of writing data where the format can say it. Version
 * 2 has no zero clusters: there, only what nothing below shows through can be let go. The last cluster of the disk
 * counts as whole when the range reaches the disk's end. Under the image's metadata lock.
 */
final class ClusterEraser {
    private static final int ZEROS_BYTES = 256 << 10;

    private final ImageGeometry geometry;
    private final int version;
    private final Qcow2Layer layer;
    private final @Nullable ImageLayer backing;
    private final WritableMap map;
    private final ClusterWriter writer;

    ClusterEraser(
            ImageGeometry geometry,
            int version,
            Qcow2Layer layer,
            @Nullable ImageLayer backing,
            WritableMap map,
            ClusterWriter writer) {
        this.geometry = geometry;
        this.version = version;
        this.layer = layer;
        this.backing = backing;
        this.map = map;
        this.writer = writer;
    }

    /** Makes the range read as zeros. Clusters that the image has keep their place in the file. */
    void zero(long guestOffset, long lengthBytes) throws IOException {
        long end = guestOffset + lengthBytes;
        long firstWhole = geometry.roundUpToCluster(guestOffset);
        long endWhole = endOfWholeClusters(end);
        if (firstWhole >= endWhole) {
            writeZeros(guestOffset, lengthBytes);
            return;
        }
        writeZeros(guestOffset, firstWhole - guestOffset);
        long position = firstWhole;
        while (position < endWhole) {
            long cluster = position >>> geometry.clusterBits();
            if (!map.hasTable(cluster) && !isBacked(cluster)) {
                position = endOfTable(position);
            } else {
                zeroCluster(cluster, Math.min(end, position + geometry.clusterBytes()) - position);
                position += geometry.clusterBytes();
            }
        }
        writeZeros(endWhole, end - endWhole);
    }

    /** Lets go of the whole clusters in the range, so that they read as zeros; does nothing where it cannot. */
    void discard(long guestOffset, long lengthBytes) throws IOException {
        long endWhole = endOfWholeClusters(guestOffset + lengthBytes);
        long position = geometry.roundUpToCluster(guestOffset);
        while (position < endWhole) {
            long cluster = position >>> geometry.clusterBits();
            if (!map.hasTable(cluster) && !isBacked(cluster)) {
                position = endOfTable(position);
            } else {
                discardCluster(cluster);
                position += geometry.clusterBytes();
            }
        }
    }

    private void zeroCluster(long cluster, long lengthBytes) throws IOException {
        if (version == 2) {
            if (isBacked(cluster)) {
                writeZeros(cluster << geometry.clusterBits(), lengthBytes);
            } else {
                replaceUnlessSame(cluster, 0);
            }
            return;
        }
        long entry = map.entry(cluster);
        boolean plain = !L2Entry.isCompressed(entry);
        if (entry == 0 && !isBacked(cluster) || plain && L2Entry.isZero(entry)) {
            return;
        }
        boolean keepsPlace = plain && L2Entry.isCopied(entry);
        replaceUnlessSame(cluster, keepsPlace ? entry | L2Entry.ZERO : L2Entry.ZERO);
    }

    private void discardCluster(long cluster) throws IOException {
        if (version == 2) {
            // As in QEMU, not even past the end of the backing file, which may grow.
            if (backing == null) {
                replaceUnlessSame(cluster, 0);
            }
        } else if (isBacked(cluster) || map.entry(cluster) != 0) {
            replaceUnlessSame(cluster, L2Entry.ZERO);
        }
    }

    private void replaceUnlessSame(long cluster, long entry) throws IOException {
        if (map.entry(cluster) != entry) {
            map.prepare(cluster);
            map.replace(cluster, entry, entry == 0 || entry == L2Entry.ZERO);
        }
    }

    private void writeZeros(long guestOffset, long lengthBytes) throws IOException {
        if (lengthBytes <= 0 || layer.readsAsZeros(guestOffset, lengthBytes)) {
            return;
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(ZEROS_BYTES)) {
            MemorySegment zeros = loan.segment().fill((byte) 0);
            for (long done = 0; done < lengthBytes; done += ZEROS_BYTES) {
                writer.write(guestOffset + done, zeros.asSlice(0, Math.min(ZEROS_BYTES, lengthBytes - done)));
            }
        }
    }

    /** Whether a hole at {@code cluster} would show something of the layer below. */
    private boolean isBacked(long cluster) {
        return backing != null && cluster << geometry.clusterBits() < backing.virtualSizeBytes();
    }

    private long endOfWholeClusters(long end) {
        return end == geometry.virtualSizeBytes() ? geometry.roundUpToCluster(end) : geometry.clusterStart(end);
    }

    private long endOfTable(long position) {
        long bytesPerTable = geometry.guestBytesPerTable();
        return (position & -bytesPerTable) + bytesPerTable;
    }
}
