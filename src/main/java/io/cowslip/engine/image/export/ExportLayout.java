package io.cowslip.engine.image.export;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;

/**
 * Where everything is in an exported image, in clusters of the file: header, refcount table, refcount blocks, L1 table, L2
 * tables, compressed clusters byte after byte, and then plain ones. So all that says where something is comes before it,
 * and the image can be written from front to back.
 *
 * @param refcountBlocks first cluster of the refcount blocks
 * @param l1Table first cluster of the L1 table
 * @param l2Tables first cluster of the L2 tables
 * @param packed first cluster that holds compressed ones
 * @param plain first plain cluster
 * @param end how many clusters there are
 */
record ExportLayout(
        int clusterBits, long refcountBlocks, long l1Table, long l2Tables, long packed, long plain, long end) {
    static final long REFCOUNT_TABLE = 1;

    static ExportLayout of(ImageGeometry geometry, int l2Tables, long packedBytes, long plainClusters) {
        long l1Clusters = clusters(geometry, (long) geometry.l1EntriesNeeded() * Long.BYTES);
        long packedClusters = clusters(geometry, packedBytes);
        long others = 1 + l1Clusters + l2Tables + packedClusters + plainClusters;
        long blocks = 1;
        long tableClusters = 1;
        while (blocks < blocksFor(geometry, others + blocks + tableClusters)) {
            blocks = blocksFor(geometry, others + blocks + tableClusters);
            tableClusters = clusters(geometry, blocks * Long.BYTES);
        }
        long blocksStart = REFCOUNT_TABLE + tableClusters;
        long l1Start = blocksStart + blocks;
        long l2Start = l1Start + l1Clusters;
        long packedStart = l2Start + l2Tables;
        long plainStart = packedStart + packedClusters;
        return new ExportLayout(
                geometry.clusterBits(),
                blocksStart,
                l1Start,
                l2Start,
                packedStart,
                plainStart,
                plainStart + plainClusters);
    }

    private static long blocksFor(ImageGeometry geometry, long clusters) {
        return Math.ceilDiv(clusters, 1L << geometry.refcountsPerBlockBits());
    }

    private static long clusters(ImageGeometry geometry, long bytes) {
        return geometry.roundUpToCluster(bytes) >>> geometry.clusterBits();
    }

    /** @throws ImageException UNSUPPORTED_FEATURE where the refcount table would be larger than QEMU takes */
    void requireCountable() throws ImageException {
        long tableBytes = offset(refcountBlocks - REFCOUNT_TABLE);
        if (tableBytes > ImageGeometry.MAX_REFCOUNT_TABLE_BYTES) {
            throw ImageException.of(
                    ImageException.Kind.UNSUPPORTED_FEATURE,
                    "the file would have " + sizeBytes() + " bytes, and a refcount table of " + tableBytes
                            + "; it may have at most " + ImageGeometry.MAX_REFCOUNT_TABLE_BYTES);
        }
    }

    long offset(long cluster) {
        return cluster << clusterBits;
    }

    int refcountTableClusters() {
        return Math.toIntExact(refcountBlocks - REFCOUNT_TABLE);
    }

    long sizeBytes() {
        return offset(end);
    }
}
