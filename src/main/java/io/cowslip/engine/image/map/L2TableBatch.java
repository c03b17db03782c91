package io.cowslip.engine.image.map;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;

/**
 * L2 tables of one state of a disk, read together past the drive's cache: in the order of the file, those that touch each
 * other in one read. Used by one thread.
 */
public final class L2TableBatch {
    private static final int READ_BYTES = 1 << 20;

    private final int tableBytes;
    private final int tableWords;
    private final long[] hostOffsets;
    private final int[] l1Indexes;
    private final BitSet newer = new BitSet();
    private long[] words = new long[0];
    private int size;

    /** Room for as many tables as make 1 MiB, or for one; and for no more than a place has bits to count them in. */
    public L2TableBatch(ImageGeometry geometry) {
        this.tableBytes = geometry.clusterBytes();
        this.tableWords = tableBytes / Long.BYTES;
        int most = Math.clamp(READ_BYTES / tableBytes, 1, tableBytes);
        this.hostOffsets = new long[most];
        this.l1Indexes = new int[most];
    }

    /** Forgets all tables, for others to be added. */
    public void clear() {
        size = 0;
        newer.clear();
    }

    /** Tables noted. */
    public int size() {
        return size;
    }

    /** The most tables that there can be. */
    public int room() {
        return hostOffsets.length;
    }

    /** Notes a table to be read; says by which number its words are asked for then. */
    public int add(int l1Index, long hostOffset) {
        hostOffsets[size] = hostOffset;
        l1Indexes[size] = l1Index;
        return size++;
    }

    /** A word of a table that was read, by the number that {@link #add} said. */
    public long word(int table, int word) {
        return words[table * tableWords + word];
    }

    /**
     * Reads all tables that were noted.
     *
     * @throws io.cowslip.engine.ImageException CORRUPT when the file ends before a table does
     */
    public void read(HostFile file, DiskTables tables) throws IOException {
        if (words.length < size * tableWords) {
            words = new long[size * tableWords];
        }
        // First what memory has: what is not newer there is in the file by then, and the file is read after that.
        for (int table = 0; table < size; table++) {
            tables.copyNewer(l1Indexes[table], words, table * tableWords, newer);
        }
        int[] order = inOrderOfFile();
        try (IoBuffers.Loan loan = IoBuffers.borrow((long) size * tableBytes)) {
            int first = 0;
            while (first < size) {
                int end = first + 1;
                while (end < size && hostOffsets[order[end]] == hostOffsets[order[end - 1]] + tableBytes) {
                    end++;
                }
                MemorySegment run = loan.segment((long) (end - first) * tableBytes);
                file.readWhole("L2 table", hostOffsets[order[first]], run);
                for (int i = first; i < end; i++) {
                    copyWhatIsNotNewer(run.asSlice((long) (i - first) * tableBytes, tableBytes), order[i]);
                }
                first = end;
            }
        }
    }

    private int[] inOrderOfFile() {
        // A place ends in as many zero bits as a table's number can have.
        long[] keys = new long[size];
        for (int table = 0; table < size; table++) {
            keys[table] = hostOffsets[table] | table;
        }
        Arrays.sort(keys);
        return Arrays.stream(keys)
                .mapToInt(key -> (int) (key & (tableBytes - 1)))
                .toArray();
    }

    private void copyWhatIsNotNewer(MemorySegment from, int table) {
        int start = table * tableWords;
        int end = start + tableWords;
        int at = newer.nextClearBit(start);
        while (at < end) {
            int next = newer.nextSetBit(at);
            int to = next < 0 ? end : Math.min(next, end);
            MemorySegment.copy(from, BigEndian.LONG, (long) (at - start) * Long.BYTES, words, at, to - at);
            at = newer.nextClearBit(to);
        }
    }
}
