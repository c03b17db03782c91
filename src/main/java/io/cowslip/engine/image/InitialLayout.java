package io.cowslip.engine.image;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.RefcountBits;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Where everything lies in a new image: the header's cluster, the refcount table, the refcount blocks, the L1 table,
 * and nothing behind it. The blocks count themselves and the rest.
 *
 * @param geometry the image's
 * @param refcountTableClusters clusters of the refcount table
 * @param refcountBlocks refcount blocks, a cluster each
 * @param l1Clusters clusters of the L1 table
 */
record InitialLayout(ImageGeometry geometry, int refcountTableClusters, int refcountBlocks, int l1Clusters) {

    /** Finds the least table and blocks that have a count for every cluster, their own included. */
    static InitialLayout of(ImageGeometry geometry) {
        int clusterBits = geometry.clusterBits();
        int l1Clusters =
                (int) (geometry.roundUpToCluster((long) geometry.l1EntriesNeeded() * Long.BYTES) >>> clusterBits);
        InitialLayout layout = new InitialLayout(geometry, 1, 1, l1Clusters);
        while (!layout.countsAllClusters()) {
            int blocks = layout.blocksNeeded();
            int tableClusters = (int) (geometry.roundUpToCluster((long) blocks * Long.BYTES) >>> clusterBits);
            layout = new InitialLayout(geometry, tableClusters, blocks, l1Clusters);
        }
        return layout;
    }

    private boolean countsAllClusters() {
        return refcountBlocks >= blocksNeeded();
    }

    private int blocksNeeded() {
        int countsPerBlock = 1 << geometry.refcountsPerBlockBits();
        return (clusters() + countsPerBlock - 1) / countsPerBlock;
    }

    int clusters() {
        return 1 + refcountTableClusters + refcountBlocks + l1Clusters;
    }

    long fileBytes() {
        return (long) clusters() << geometry.clusterBits();
    }

    long refcountTableOffset() {
        return geometry.clusterBytes();
    }

    private long refcountBlockOffset(int index) {
        return (1L + refcountTableClusters + index) << geometry.clusterBits();
    }

    /** 0 where there is no L1 table, since the disk has no bytes. */
    long l1TableOffset() {
        return l1Clusters == 0 ? 0 : refcountBlockOffset(refcountBlocks);
    }

    /** Writes the refcount table and its blocks into a file that reads as zeros. */
    void writeRefcounts(HostFile file) throws IOException {
        writeRefcountTable(file);
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment block = loan.segment(geometry.clusterBytes());
            int countsPerBlock = 1 << geometry.refcountsPerBlockBits();
            for (int index = 0; index < refcountBlocks; index++) {
                int used = Math.min(countsPerBlock, clusters() - index * countsPerBlock);
                fillBlock(block, used);
                file.write(refcountBlockOffset(index), block);
            }
        }
    }

    private void writeRefcountTable(HostFile file) throws IOException {
        long tableBytes = (long) refcountTableClusters << geometry.clusterBits();
        try (IoBuffers.Loan loan = IoBuffers.borrow(tableBytes)) {
            MemorySegment table = loan.segment(tableBytes).fill((byte) 0);
            for (int index = 0; index < refcountBlocks; index++) {
                table.set(BigEndian.LONG, (long) index * Long.BYTES, refcountBlockOffset(index));
            }
            file.write(refcountTableOffset(), table);
        }
    }

    private void fillBlock(MemorySegment block, int used) {
        block.fill((byte) 0);
        for (int index = 0; index < used; index++) {
            RefcountBits.set(block, geometry.refcountOrder(), index, 1);
        }
    }
}
