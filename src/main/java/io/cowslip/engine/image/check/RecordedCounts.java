package io.cowslip.engine.image.check;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.RefcountBits;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The refcounts as the file has them. A cluster without a block has the count 0, and so has one whose block lies past
 * the end of the file; what a block says that is not where a cluster is, nobody knows.
 */
final class RecordedCounts {
    /** Answer of {@link #get} where the count cannot be found out. */
    static final int UNKNOWN = -1;

    /** Bits 9 to 63 (qcow2 specification, "Refcount table entry"). */
    static final long BLOCK_OFFSET_MASK = -512;

    private static final int PIECE_COUNTS = 1 << 13;

    private final MetadataFile file;
    private final ImageGeometry geometry;
    private final long clusters;
    private final long[] table;
    private final ClusterCounters counters;
    private final BitSet unreadableBlocks = new BitSet();

    private RecordedCounts(MetadataFile file, ImageGeometry geometry, long clusters, long[] table)
            throws ImageException {
        this.file = file;
        this.geometry = geometry;
        this.clusters = clusters;
        this.table = table;
        this.counters = new ClusterCounters(clusters);
    }

    /** Reads the counts of the file's first {@code clusters} clusters. */
    static RecordedCounts read(MetadataFile file, ImageHeader header, long clusters) throws IOException {
        int entries = (header.refcountTableClusters() << header.clusterBits()) / Long.BYTES;
        long[] table = new long[entries];
        file.readPieces(header.refcountTableOffset(), (long) entries * Long.BYTES, (firstByte, piece) -> {
            int first = (int) (firstByte / Long.BYTES);
            for (int i = 0; i < piece.byteSize() / Long.BYTES; i++) {
                table[first + i] = piece.get(BigEndian.LONG, (long) i * Long.BYTES);
            }
        });
        RecordedCounts counts = new RecordedCounts(file, header.geometry(), clusters, table);
        counts.readBlocks();
        return counts;
    }

    /** The refcount table's entries. */
    long[] table() {
        return table;
    }

    ClusterCounters counters() {
        return counters;
    }

    private int blockOf(long cluster) {
        return (int) Math.min(Integer.MAX_VALUE, cluster >>> geometry.refcountsPerBlockBits());
    }

    /** First cluster that {@code block} counts. */
    long firstCluster(int block) {
        return (long) block << geometry.refcountsPerBlockBits();
    }

    /** Blocks whose counts nobody knows. */
    BitSet unreadableBlocks() {
        return unreadableBlocks;
    }

    boolean isUnknown(long cluster) {
        return !unreadableBlocks.isEmpty() && unreadableBlocks.get(blockOf(cluster));
    }

    /** The count of any cluster, or {@link #UNKNOWN}; counts that an int cannot hold are the largest int. */
    int get(long cluster) throws IOException {
        if (isUnknown(cluster)) {
            return UNKNOWN;
        }
        return cluster < clusters ? counters.get(cluster) : readOne(cluster);
    }

    /** How many of so many clusters, {@code first} at the least, are known to have the same count as that. */
    int lengthAlike(long first, int length) {
        return unreadableBlocks.isEmpty() ? counters.lengthAlike(first, length) : 1;
    }

    private int readOne(long cluster) throws IOException {
        int block = blockOf(cluster);
        if (block >= table.length || table[block] == 0) {
            return 0;
        }
        long offset = table[block] & BLOCK_OFFSET_MASK;
        if (offset == 0 || offset >= file.file().sizeBytes()) {
            return 0;
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment bytes = loan.segment(geometry.clusterBytes());
            file.read(offset, bytes);
            int[] count = new int[1];
            RefcountBits.copy(bytes, geometry.refcountOrder(), cluster - firstCluster(block), count, 1);
            return count[0];
        }
    }

    private void readBlocks() throws IOException {
        int[] inFile = blocksInFile();
        file.threads().expect((long) inFile.length << geometry.clusterBits());
        file.threads().run(inFile.length, index -> readBlock(inFile[index]));
    }

    /** The blocks to read, in the order in which they lie in the file. */
    private int[] blocksInFile() throws IOException {
        long fileSizeBytes = file.file().sizeBytes();
        int blocks = (int) Math.min(table.length, blockOf(clusters - 1) + 1L);
        long[] keys = new long[blocks];
        int count = 0;
        for (int block = 0; block < table.length; block++) {
            long offset = table[block] & BLOCK_OFFSET_MASK;
            if (offset < 0 || geometry.offsetInCluster(offset) != 0) {
                unreadableBlocks.set(block);
            } else if (block < blocks && offset != 0 && offset < fileSizeBytes) {
                // A file has at most 2^36 clusters here, and a table at most 2^20 entries.
                keys[count++] = offset >>> geometry.clusterBits() << 20 | block;
            }
        }
        Arrays.sort(keys, 0, count);
        return Arrays.stream(keys, 0, count)
                .mapToInt(key -> (int) key & ((1 << 20) - 1))
                .toArray();
    }

    private void readBlock(int block) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment bytes = loan.segment(geometry.clusterBytes());
            file.read(table[block] & BLOCK_OFFSET_MASK, bytes);
            long first = firstCluster(block);
            addCounts(bytes, first, Math.min(1L << geometry.refcountsPerBlockBits(), clusters - first));
        }
    }

    private void addCounts(MemorySegment block, long first, long length) {
        int[] counts = new int[(int) Math.min(PIECE_COUNTS, length)];
        for (long done = 0; done < length; done += counts.length) {
            int some = (int) Math.min(counts.length, length - done);
            boolean alike = RefcountBits.areAlike(block, geometry.refcountOrder(), done, some);
            RefcountBits.copy(block, geometry.refcountOrder(), done, counts, alike ? 1 : some);
            if (!alike) {
                addRuns(counts, first + done, some);
            } else if (counts[0] > 0) {
                counters.add(first + done, some, counts[0]);
            }
        }
    }

    private void addRuns(int[] counts, long first, int length) {
        int start = 0;
        while (start < length) {
            int count = counts[start];
            int end = start + 1;
            while (end < length && counts[end] == count) {
                end++;
            }
            if (count > 0) {
                counters.add(first + start, end - start, count);
            }
            start = end;
        }
    }
}
