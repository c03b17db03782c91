package io.cowslip.engine.cache;

import io.cowslip.engine.format.L2Entry;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Where each piece of the tables is: two array loads, no hashing, no key objects. A row of words stands for the pieces
 * of one table and is made on its first use, so that an image costs memory for the tables it touches.
 *
 * <p>A word is {@link #ABSENT}; or it names a slot; or it <em>is</em> the piece. The last is so for a slice whose entries
 * are one run: the first entry says it all, and its bits 1 to 8 and 56 to 61, which the format keeps at 0 (qcow2
 * specification, "Standard Cluster Descriptor"), leave room to say that it is a run and when it was used last.
 *
 * <p>Lookups take no lock and may see a word that is about to go: whoever finds a slot checks its owner. Words come and
 * go under the cache's eviction lock; marking a run as used is a compare-and-set by anybody.
 */
final class SliceDirectory {
    static final long ABSENT = 0;

    private static final long RUN = 1 << 1;
    private static final long SLOT = 1 << 2;
    private static final int EPOCH_SHIFT = 3;
    private static final long EPOCH_MASK = 0b11;
    private static final long CHANCE = 1 << 5;
    private static final long USE_MASK = CHANCE | EPOCH_MASK << EPOCH_SHIFT;
    private static final int SLOT_SHIFT = 8;

    /** The bits of an entry that survive in the word of a run. */
    private static final long RUN_ENTRY_MASK = L2Entry.COPIED | L2Entry.OFFSET_MASK | L2Entry.ZERO;

    private static final VarHandle ROWS = MethodHandles.arrayElementVarHandle(long[][].class);
    private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);

    private final int rowBits;
    private final int rowMask;
    private final long[] @Nullable [] rows;

    /** A directory of {@code keys} pieces in rows of {@code 1 << rowBits}. */
    SliceDirectory(long keys, int rowBits) {
        this.rowBits = rowBits;
        this.rowMask = (1 << rowBits) - 1;
        this.rows = new long[Math.toIntExact(Math.ceilDiv(Math.max(1, keys), 1L << rowBits))][];
    }

    /** What is known of {@code key}. */
    long word(long key) {
        long[] row = (long[]) ROWS.getAcquire(rows, (int) (key >>> rowBits));
        return row == null ? ABSENT : (long) WORDS.getAcquire(row, (int) key & rowMask);
    }

    static boolean isSlot(long word) {
        return (word & SLOT) != 0;
    }

    static int slot(long word) {
        return (int) (word >>> SLOT_SHIFT);
    }

    static boolean isRun(long word) {
        return (word & RUN) != 0;
    }

    /** Whether a run that begins with {@code entry} can be told by a word. */
    static boolean canBeRun(long entry) {
        return (entry & ~RUN_ENTRY_MASK) == 0;
    }

    /** The first entry of a run. */
    static long runEntry(long word) {
        return word & RUN_ENTRY_MASK;
    }

    /** Pieces of one table. */
    int rowLength() {
        return rowMask + 1;
    }

    void putSlot(long key, int slot) {
        put(key, (long) slot << SLOT_SHIFT | SLOT);
    }

    /** @param epoch the use that brings the run in; it is not yet one that earns a second chance */
    void putRun(long key, long entry, int epoch) {
        put(key, entry | RUN | epochBits(epoch));
    }

    /** Removes {@code key} if it is in {@code slot}, as far as is known here. */
    void removeSlot(long key, int slot) {
        long word = word(key);
        if (isSlot(word) && slot(word) == slot) {
            remove(key);
        }
    }

    void remove(long key) {
        WORDS.setRelease(rows[(int) (key >>> rowBits)], (int) key & rowMask, ABSENT);
    }

    /** Marks a run as used in {@code epoch}, unless it is so marked or has changed since {@code word} was read. */
    void touchRun(long key, long word, int epoch) {
        long touched = (word & ~USE_MASK) | epochBits(epoch) | CHANCE;
        long[] row = touched == word ? null : rows[(int) (key >>> rowBits)];
        if (row != null) {
            WORDS.compareAndSet(row, (int) key & rowMask, word, touched);
        }
    }

    /**
     * The next run at or after {@code key} that gives way, removed: one not used since it was asked before, or the next
     * one in any case when {@code mercy} is over. Those passed lose their second chance.
     *
     * @return its key, or -1 where there is none up to the end
     */
    long removeRunFrom(long key, boolean mercy) {
        for (int index = (int) (key >>> rowBits), column = (int) key & rowMask; index < rows.length; index++) {
            long[] row = rows[index];
            for (; row != null && column <= rowMask; column++) {
                long word = (long) WORDS.getAcquire(row, column);
                if (!isRun(word)) {
                    continue;
                }
                if (mercy && (word & CHANCE) != 0) {
                    WORDS.compareAndSet(row, column, word, word & ~CHANCE);
                } else if (WORDS.compareAndSet(row, column, word, ABSENT)) {
                    return ((long) index << rowBits) + column;
                }
            }
            column = 0;
        }
        return -1;
    }

    /** Removes the runs not used in {@code epoch}, and rows that nothing is left in; says how many runs went. */
    int removeIdleRuns(int epoch) {
        int removed = 0;
        for (int index = 0; index < rows.length; index++) {
            long[] row = rows[index];
            if (row == null) {
                continue;
            }
            boolean empty = true;
            for (int column = 0; column <= rowMask; column++) {
                long word = (long) WORDS.getAcquire(row, column);
                boolean idle = isRun(word) && (word & EPOCH_MASK << EPOCH_SHIFT) != epochBits(epoch);
                if (idle && WORDS.compareAndSet(row, column, word, ABSENT)) {
                    removed++;
                } else {
                    empty &= word == ABSENT;
                }
            }
            if (empty) {
                rows[index] = null;
            }
        }
        return removed;
    }

    /** Tells of every key that is here. Under the eviction lock, or what comes and goes meanwhile may be left out. */
    void forEach(LongConsumer action) {
        for (int index = 0; index < rows.length; index++) {
            long[] row = (long[]) ROWS.getAcquire(rows, index);
            for (int column = 0; row != null && column <= rowMask; column++) {
                if ((long) WORDS.getAcquire(row, column) != ABSENT) {
                    action.accept(((long) index << rowBits) + column);
                }
            }
        }
    }

    private void put(long key, long word) {
        int rowIndex = (int) (key >>> rowBits);
        long[] row = rows[rowIndex];
        if (row == null) {
            row = new long[rowMask + 1];
            ROWS.setRelease(rows, rowIndex, row);
        }
        WORDS.setRelease(row, (int) key & rowMask, word);
    }

    private static long epochBits(int epoch) {
        return (epoch & EPOCH_MASK) << EPOCH_SHIFT;
    }
}
