package io.cowslip.engine.cache;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Which slot holds which piece of the tables: two array loads, no hashing, no key objects. A row of slot numbers stands
 * for the pieces of one table and is made on its first use, so that an image costs memory for the tables it touches.
 *
 * <p>Lookups take no lock and may see an entry that is about to go: whoever finds a slot checks its owner. Changes are
 * made under the cache's eviction lock.
 */
final class SliceDirectory {
    static final int ABSENT = -1;

    private static final VarHandle ROWS = MethodHandles.arrayElementVarHandle(int[][].class);
    private static final VarHandle SLOTS = MethodHandles.arrayElementVarHandle(int[].class);

    private final int rowBits;
    private final int rowMask;
    private final int[][] rows;

    /** A directory of {@code keys} pieces in rows of {@code 1 << rowBits}. */
    SliceDirectory(long keys, int rowBits) {
        this.rowBits = rowBits;
        this.rowMask = (1 << rowBits) - 1;
        this.rows = new int[Math.toIntExact(Math.ceilDiv(Math.max(1, keys), 1L << rowBits))][];
    }

    /** The slot that may hold {@code key}, or {@link #ABSENT}. */
    int slotOf(long key) {
        int[] row = (int[]) ROWS.getAcquire(rows, (int) (key >>> rowBits));
        return row == null ? ABSENT : (int) SLOTS.getAcquire(row, (int) key & rowMask) - 1;
    }

    void put(long key, int slot) {
        int rowIndex = (int) (key >>> rowBits);
        int[] row = rows[rowIndex];
        if (row == null) {
            row = new int[1 << rowBits];
            ROWS.setRelease(rows, rowIndex, row);
        }
        SLOTS.setRelease(row, (int) key & rowMask, slot + 1);
    }

    void remove(long key) {
        SLOTS.setRelease(rows[(int) (key >>> rowBits)], (int) key & rowMask, 0);
    }
}
