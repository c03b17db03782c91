package io.cowslip.engine.image.create;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.RefcountBits;
import io.cowslip.engine.format.SubclusterBitmap;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Where everything lies in a new image: the header's cluster, the refcount table, the refcount blocks, the L1 table,
 * and behind it L2 tables where the guest's clusters have their places from the start, and these clusters where they lie
 * in this file. The blocks count themselves and the rest.
 *
 * @param geometry the image's
 * @param refcountTableClusters clusters of the refcount table
 * @param refcountBlocks refcount blocks, a cluster each
 * @param l1Clusters clusters of the L1 table
 * @param l2Tables L2 tables, a cluster each
 * @param encryptionClusters clusters of the LUKS header and its key material, behind all tables
 * @param dataClusters clusters for the guest's bytes in this file, in the disk's order
 */
record InitialLayout(
        ImageGeometry geometry,
        int refcountTableClusters,
        int refcountBlocks,
        int l1Clusters,
        int l2Tables,
        int encryptionClusters,
        long dataClusters) {

    /** Where the guest's clusters have their places from the start. */
    enum Places {
        /** Nowhere. */
        NONE,
        /** Behind the tables. */
        IN_FILE,
        /** In an external data file, as on the disk. */
        IN_DATA_FILE
    }

    /** What places read as before the first write. */
    enum Reads {
        /** What the host has there: zeros in a new file. */
        HOST,
        /** Zeros, whatever that would decrypt to. */
        ZEROS,
        /** The backing file: with subclusters alone, none of which is allocated. */
        BACKING
    }

    /**
     * Finds the least table and blocks that have a count for every cluster, their own included.
     *
     * @param encryptionBytes what the LUKS header and its key material take
     * @throws ImageException INVALID_OPTION when so many clusters cannot be counted
     */
    static InitialLayout of(ImageGeometry geometry, Places places, long encryptionBytes) throws ImageException {
        int clusterBits = geometry.clusterBits();
        int l1Clusters =
                (int) (geometry.roundUpToCluster((long) geometry.l1EntriesNeeded() * Long.BYTES) >>> clusterBits);
        int encryptionClusters = (int) (geometry.roundUpToCluster(encryptionBytes) >>> clusterBits);
        int l2Tables = places == Places.NONE ? 0 : geometry.l1EntriesNeeded();
        long dataClusters = places == Places.IN_FILE ? geometry.guestClusters() : 0;
        InitialLayout layout =
                new InitialLayout(geometry, 1, 1, l1Clusters, l2Tables, encryptionClusters, dataClusters);
        while (!layout.countsAllClusters()) {
            long tableBytes = geometry.roundUpToCluster(layout.blocksNeeded() * Long.BYTES);
            requireTableFits(tableBytes);
            int blocks = (int) layout.blocksNeeded();
            layout = new InitialLayout(
                    geometry,
                    (int) (tableBytes >>> clusterBits),
                    blocks,
                    l1Clusters,
                    l2Tables,
                    encryptionClusters,
                    dataClusters);
        }
        return layout;
    }

    private static void requireTableFits(long tableBytes) throws ImageException {
        if (tableBytes > ImageGeometry.MAX_REFCOUNT_TABLE_BYTES) {
            throw ImageException.invalidOption(
                    "preallocation",
                    "preallocation needs a refcount table of " + tableBytes + " bytes for this virtual-size, and it may"
                            + " take " + ImageGeometry.MAX_REFCOUNT_TABLE_BYTES
                            + "; it must be off, or cluster-size larger or refcount-bits smaller");
        }
    }

    private boolean countsAllClusters() {
        return refcountBlocks >= blocksNeeded();
    }

    private long blocksNeeded() {
        return Math.ceilDiv(clusters(), 1L << geometry.refcountsPerBlockBits());
    }

    private long clusters() {
        return tableClusters() + dataClusters;
    }

    /** All but the guest's. */
    private long tableClusters() {
        return 1L + refcountTableClusters + refcountBlocks + l1Clusters + l2Tables + encryptionClusters;
    }

    long fileBytes() {
        return clusters() << geometry.clusterBits();
    }

    /** Where the guest's clusters begin, if they lie in this file. */
    long dataOffset() {
        return tableClusters() << geometry.clusterBits();
    }

    /** Bytes of the guest's clusters that lie in this file. */
    long dataBytes() {
        return dataClusters << geometry.clusterBits();
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

    /**
     * Writes the L1 table and the L2 tables, if there are any, into a file that reads as zeros.
     */
    void writeTables(HostFile file, Reads reads) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment cluster = loan.segment(geometry.clusterBytes());
            int entriesPerCluster = geometry.clusterBytes() / Long.BYTES;
            for (int first = 0; first < l2Tables; first += entriesPerCluster) {
                fillL1(cluster, first);
                file.write(l1TableOffset() + (long) first * Long.BYTES, cluster);
            }
            for (int table = 0; table < l2Tables; table++) {
                fillL2(cluster, table, reads);
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

    private void fillL2(MemorySegment cluster, int table, Reads reads) {
        cluster.fill((byte) 0);
        long first = (long) table << geometry.l2EntriesPerTableBits();
        long diskStart = dataClusters == 0 ? 0 : dataOffset();
        long end = Math.min(geometry.guestClusters(), first + (1L << geometry.l2EntriesPerTableBits()));
        for (long guestCluster = first; guestCluster < end; guestCluster++) {
            long offset = (guestCluster - first) * geometry.l2EntryBytes();
            long entry = L2Entry.ofCopiedData(diskStart + (guestCluster << geometry.clusterBits()));
            if (geometry.extendedL2()) {
                cluster.set(BigEndian.LONG, offset, entry);
                cluster.set(BigEndian.LONG, offset + Long.BYTES, subclusters(reads));
            } else {
                cluster.set(BigEndian.LONG, offset, reads == Reads.ZEROS ? entry | L2Entry.ZERO : entry);
            }
        }
    }

    private static long subclusters(Reads reads) {
        return switch (reads) {
            case HOST -> SubclusterBitmap.ALL_ALLOCATED;
            case ZEROS -> SubclusterBitmap.ALL_ZERO;
            case BACKING -> 0;
        };
    }

    /** Writes the refcount table and its blocks into a file that reads as zeros. */
    void writeRefcounts(HostFile file) throws IOException {
        writeRefcountTable(file);
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment block = loan.segment(geometry.clusterBytes());
            long countsPerBlock = 1L << geometry.refcountsPerBlockBits();
            for (int index = 0; index < refcountBlocks; index++) {
                int used = (int) Math.min(countsPerBlock, clusters() - index * countsPerBlock);
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
