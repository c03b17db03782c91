package io.cowslip.engine.image.check;

import java.util.Arrays;

/**
 * L2 tables to be read, each once, in the order in which they lie in the file, however many L1 entries lead to one.
 * Holds so many entries at most; a fuller L1 table is dealt with in several rounds.
 */
final class TableUses {
    private static final int INDEX_BITS = 20;
    private static final int MAX_USES = 1 << INDEX_BITS;
    private static final int FIRST_USES = 1 << 10;

    private final int clusterBits;
    private long[] origins = new long[FIRST_USES];

    /** The table's cluster above, the number of the use below: sorting by this sorts by place. */
    private long[] keys = new long[FIRST_USES];

    private int size;
    private int[] starts = new int[0];
    private int tables;

    TableUses(int clusterBits) {
        this.clusterBits = clusterBits;
    }

    boolean isFull() {
        return size == MAX_USES;
    }

    /**
     * Notes that an L1 entry leads to a table.
     *
     * @param tableOffset host offset of the table, a cluster of the file
     * @param l1Number which L1 table; 0 is the active one
     * @param l1Index which of its entries
     */
    void add(long tableOffset, int l1Number, int l1Index) {
        if (size == keys.length) {
            keys = Arrays.copyOf(keys, 2 * size);
            origins = Arrays.copyOf(origins, 2 * size);
        }
        keys[size] = tableOffset >>> clusterBits << INDEX_BITS | size;
        origins[size] = (long) l1Number << 32 | l1Index;
        size++;
    }

    /** Ends a round of adding: tables may be asked for from now on. */
    void sort() {
        Arrays.sort(keys, 0, size);
        starts = new int[size + 1];
        tables = 0;
        for (int i = 0; i < size; i++) {
            if (i == 0 || keys[i] >>> INDEX_BITS != keys[i - 1] >>> INDEX_BITS) {
                starts[tables++] = i;
            }
        }
        starts[tables] = size;
    }

    /** Begins the next round. */
    void clear() {
        size = 0;
        tables = 0;
    }

    /** Different tables. */
    int tables() {
        return tables;
    }

    long tableOffset(int table) {
        return keys[starts[table]] >>> INDEX_BITS << clusterBits;
    }

    /** How many L1 entries lead to a table. */
    int uses(int table) {
        return starts[table + 1] - starts[table];
    }

    /** How many of them are of the active L1 table. */
    int activeUses(int table) {
        int active = 0;
        for (int i = starts[table]; i < starts[table + 1]; i++) {
            active += l1Number(origin(i)) == 0 ? 1 : 0;
        }
        return active;
    }

    /** The first of them, for {@link #l1Number} and {@link #l1Index}: one of the active table where there is one. */
    long firstOrigin(int table) {
        return origin(starts[table]);
    }

    private long origin(int position) {
        return origins[(int) keys[position] & (MAX_USES - 1)];
    }

    static int l1Number(long origin) {
        return (int) (origin >>> 32);
    }

    static int l1Index(long origin) {
        return (int) origin;
    }
}
