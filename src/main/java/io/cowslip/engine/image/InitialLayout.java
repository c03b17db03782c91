package io.cowslip.engine.image;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.RefcountBits;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Where everything lies in a new image: the header's cluster, the refcount table, the refcount blocks, the L1 table,
 * and behind it L2 tables where the guest's clusters have their places from the start. The blocks count themselves and
 * the rest.
 *
 * @param geometry the image's
 * @param refcountTableClusters clusters of the refcount table
 * @param refcountBlocks refcount blocks, a cluster each
 * @param l1Clusters clusters of the L1 table
 * @param l2Tables L2 tables, a cluster each
 * @param encryptionClusters clusters of the LUKS header and its key material, behind all else
 */
record InitialLayout(
        ImageGeometry geometry,
        int refcountTableClusters,
        int refcountBlocks,
        int l1Clusters,
        int l2Tables,
        int encryptionClusters) {

    /**
     * Finds the least table and blocks that have a count for every cluster, their own included.
     *
     * @param placed whether every cluster of the guest has its place, the one that it has in an external data file
     * @param encryptionBytes what the LUKS header and its key material take
     */
    static InitialLayout of(ImageGeometry geometry, boolean placed, long encryptionBytes) {
        int clusterBits = geometry.clusterBits();
        int l1Clusters =
                (int) (geometry.roundUpToCluster((long) geometry.l1EntriesNeeded() * Long.BYTES) >>> clusterBits);
        int encryptionClusters = (int) (geometry.roundUpToCluster(encryptionBytes) >>> clusterBits);
        int l2Tables = placed ? geometry.l1EntriesNeeded() : 0;
        InitialLayout layout = new InitialLayout(geometry, 1, 1, l1Clusters, l2Tables, encryptionClusters);
        while (!layout.countsAllClusters()) {
            int blocks = layout.blocksNeeded();
            int tableClusters = (int) (geometry.roundUpToCluster((long) blocks * Long.BYTES) >>> clusterBits);
            layout = new InitialLayout(geometry, tableClusters, blocks, l1Clusters, l2Tables, encryptionClusters);
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
        return 1 + refcountTableClusters + refcountBlocks + l1Clusters + l2Tables + encryptionClusters;
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

    private long l2TableOffset(int index) {
        return refcountBlockOffset(refcountBlocks + l1Clusters + index);
    }

    /** Where the LUKS header goes. */
    long encryptionOffset() {
        return l2TableOffset(l2Tables);
    }

    /** Writes the L1 table and the L2 tables, if there are any, into a file that reads as zeros. */
    void writeTables(HostFile file) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment cluster = loan.segment(geometry.clusterBytes());
            int entriesPerCluster = geometry.clusterBytes() / Long.BYTES;
            for (int first = 0; first < l2Tables; first += entriesPerCluster) {
                fillL1(cluster, first);
                file.write(l1TableOffset() + (long) first * Long.BYTES, cluster);
            }
            for (int table = 0; table < l2Tables; table++) {
                fillL2(cluster, table);
                file.write(l2TableOffset(table), cluster);
            }
        }
    }

    private void fillL1(MemorySegment cluster, int firstTable) {
        cluster.fill((byte) 0);
        int end = Math.min(l2Tables, firstTable + geometry.clusterBytes() / Long.BYTES);
        for (int table = firstTable; table < end; table++) {
            cluster.set(
                    BigEndian.LONG,
                    (long) (table - firstTable) * Long.BYTES,
                    L1Entry.ofCopiedTable(l2TableOffset(table)));
        }
    }

    private void fillL2(MemorySegment cluster, int table) {
        cluster.fill((byte) 0);
        long first = (long) table << geometry.l2EntriesPerTableBits();
        long end = Math.min(geometry.guestClusters(), first + (1L << geometry.l2EntriesPerTableBits()));
        for (long guestCluster = first; guestCluster < end; guestCluster++) {
            cluster.set(
                    BigEndian.LONG,
                    (guestCluster - first) * geometry.l2EntryBytes(),
                    L2Entry.ofCopiedData(guestCluster << geometry.clusterBits()));
        }
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
