package io.cowslip.engine.image.layer;

import io.cowslip.engine.format.ExtendedL2Entry;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.SubclusterBitmap;
import io.cowslip.engine.image.map.DiskSize;
import io.cowslip.engine.image.map.ImageMetadata;
import io.cowslip.engine.image.map.PassedDiscards;
import io.cowslip.engine.image.map.WritableMap;
import io.cowslip.engine.image.map.WriteBarrier;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Zeroing and discarding whole clusters of one image, by changing entries instead of writing data where the format can
 * say it. Version 2 has no zero clusters: there, only what nothing below shows through can be let go. The last cluster
 * of the disk counts as whole when the range reaches the disk's end. Clusters that somebody else has reserved are waited
 * for, one by one. Under the image's metadata lock, which may be given up between two clusters.
 */
final class ClusterEraser {
    private final ImageGeometry geometry;
    private final DiskSize diskSize;
    private final int version;
    private final @Nullable ImageLayer backing;
    private final WritableMap map;
    private final ClusterReservations reservations;
    private final WriteBarrier barrier;
    private final PassedDiscards passedDiscards;
    private final KeptClusters kept;

    ClusterEraser(
            ImageMetadata metadata,
            Qcow2Layer layer,
            WritableMap map,
            ClusterReservations reservations,
            PassedDiscards passedDiscards,
            KeptClusters kept) {
        this.geometry = metadata.geometry();
        this.diskSize = layer.diskSize();
        this.version = layer.version();
        this.backing = layer.backing();
        this.map = map;
        this.reservations = reservations;
        this.barrier = metadata.barrier();
        this.passedDiscards = passedDiscards;
        this.kept = kept;
    }

    /** Makes whole clusters read as zeros, from {@link #firstErasable} on. Those that the image has keep their place. */
    void zero(long guestOffset, long lengthBytes) throws IOException {
        eachCluster(guestOffset, lengthBytes, this::zeroCluster);
    }

    /** The same, letting go of the clusters' places. */
    void zeroUnmapping(long guestOffset, long lengthBytes) throws IOException {
        eachCluster(guestOffset, lengthBytes, version == 2 ? this::zeroCluster : this::discardCluster);
    }

    /** Lets go of whole clusters, so that they read as zeros; does nothing where it cannot. */
    void discard(long guestOffset, long lengthBytes) throws IOException {
        eachCluster(guestOffset, lengthBytes, this::discardCluster);
    }

    /** Whether {@link #zeroReserved} can do with any cluster. */
    boolean zeroesAnyCluster() {
        return version > 2 || backing == null;
    }

    /** Makes one cluster, which the caller has reserved, read as zeros, and lets go of its place. */
    void zeroReserved(long cluster) throws IOException {
        if (version == 2) {
            zeroCluster(cluster);
        } else if (map.hasTable(cluster) || isBacked(cluster)) {
            discardCluster(cluster);
        }
    }

    /** The first cluster's offset at or after {@code guestOffset} from which on no zeros need to be written as data. */
    long firstErasable(long guestOffset) {
        if (version > 2 || backing == null) {
            return guestOffset;
        }
        return Math.max(guestOffset, geometry.roundUpToCluster(backing.virtualSizeBytes()));
    }

    /** Where the clusters end that a range up to {@code end} has whole. */
    long endOfWholeClusters(long end) {
        return end == diskSize.bytes() ? geometry.roundUpToCluster(end) : geometry.clusterStart(end);
    }

    @FunctionalInterface
    private interface Erasure {
        void erase(long cluster) throws IOException;
    }

    private void eachCluster(long guestOffset, long lengthBytes, Erasure erasure) throws IOException {
        long position = guestOffset;
        while (position < guestOffset + lengthBytes) {
            long cluster = position >>> geometry.clusterBits();
            if (reservations.awaitFree(cluster)) {
                barrier.requireSound();
            }
            if (!map.hasTable(cluster) && !isBacked(cluster)) {
                position = endOfTable(position);
            } else {
                erasure.erase(cluster);
                position += geometry.clusterBytes();
            }
        }
    }

    /**
     * Makes whole subclusters of one cluster read as zeros. False where that takes data: in a compressed cluster. Waits
     * for whoever has the cluster reserved.
     */
    boolean zeroSubclusters(long guestOffset, long lengthBytes) throws IOException {
        long cluster = guestOffset >>> geometry.clusterBits();
        if (reservations.awaitFree(cluster)) {
            barrier.requireSound();
        }
        int first = geometry.subcluster(guestOffset);
        int end = geometry.subcluster(guestOffset + lengthBytes - 1) + 1;
        ExtendedL2Entry now = map.extendedEntry(cluster);
        if (L2Entry.isCompressed(now.descriptor())) {
            return false;
        }
        if (isBacked(cluster) || !now.equals(ExtendedL2Entry.NONE)) {
            replaceUnlessSame(
                    cluster,
                    now.withBitmap(SubclusterBitmap.withZero(now.bitmap(), SubclusterBitmap.range(first, end))),
                    false);
        }
        return true;
    }

    private void zeroExtended(long cluster) throws IOException {
        ExtendedL2Entry now = map.extendedEntry(cluster);
        if (!isBacked(cluster) && now.equals(ExtendedL2Entry.NONE)) {
            return;
        }
        boolean keepsPlace = !L2Entry.isCompressed(now.descriptor()) && L2Entry.isCopied(now.descriptor());
        replaceUnlessSame(
                cluster, keepsPlace ? now.withBitmap(SubclusterBitmap.ALL_ZERO) : ExtendedL2Entry.ZERO, !keepsPlace);
    }

    private void discardExtended(long cluster) throws IOException {
        ExtendedL2Entry now = map.extendedEntry(cluster);
        if (kept.keeps(now.descriptor())) {
            kept.requireNoMetadataIn(now.descriptor());
            replaceUnlessSame(cluster, now.withBitmap(SubclusterBitmap.ALL_ZERO), false);
            kept.punch(now.descriptor());
        } else if (isBacked(cluster) || !now.equals(ExtendedL2Entry.NONE)) {
            replaceUnlessSame(cluster, ExtendedL2Entry.ZERO, true);
        }
    }

    private void replaceUnlessSame(long cluster, ExtendedL2Entry entry, boolean punch) throws IOException {
        if (!map.extendedEntry(cluster).equals(entry)) {
            map.prepare(cluster);
            map.replace(cluster, entry, punch && passedDiscards.request());
        }
    }

    private void zeroCluster(long cluster) throws IOException {
        if (geometry.extendedL2()) {
            zeroExtended(cluster);
            return;
        }
        if (version == 2) {
            replaceUnlessSame(cluster, 0);
            return;
        }
        long entry = map.entry(cluster);
        boolean plain = !L2Entry.isCompressed(entry);
        if ((entry == 0 && !isBacked(cluster)) || (plain && L2Entry.isZero(entry))) {
            return;
        }
        boolean keepsPlace = plain && L2Entry.isCopied(entry);
        replaceUnlessSame(cluster, keepsPlace ? entry | L2Entry.ZERO : L2Entry.ZERO);
    }

    private void discardCluster(long cluster) throws IOException {
        if (geometry.extendedL2()) {
            discardExtended(cluster);
            return;
        }
        if (version == 2) {
            // As in QEMU, not even past the end of the backing file, which may grow.
            if (backing == null) {
                replaceUnlessSame(cluster, 0);
            }
            return;
        }
        long entry = map.entry(cluster);
        if (kept.keeps(entry)) {
            kept.requireNoMetadataIn(entry);
            replaceUnlessSame(cluster, entry | L2Entry.ZERO);
            kept.punch(entry);
        } else if (isBacked(cluster) || entry != 0) {
            replaceUnlessSame(cluster, L2Entry.ZERO);
        }
    }

    private void replaceUnlessSame(long cluster, long entry) throws IOException {
        if (map.entry(cluster) != entry) {
            map.prepare(cluster);
            map.replace(cluster, entry, passedDiscards.request() && (entry == 0 || entry == L2Entry.ZERO));
        }
    }

    /** Whether a hole at {@code cluster} would show something of the layer below. */
    private boolean isBacked(long cluster) {
        return backing != null && cluster << geometry.clusterBits() < backing.virtualSizeBytes();
    }

    private long endOfTable(long position) {
        long bytesPerTable = geometry.guestBytesPerTable();
        return (position & -bytesPerTable) + bytesPerTable;
    }
}
