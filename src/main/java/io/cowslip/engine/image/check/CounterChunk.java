package io.cowslip.engine.image.check;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Counts of clusters that follow each other: a byte each, eight in a word. What a byte cannot hold is kept in units of
 * 256 in an array beside them, made when first needed; there, counts stop at what an int holds.
 *
 * <p>Any thread may add, and none waits: tables that several threads go through lead to the same stretch of the file
 * more often than not. Reading is for when no thread adds any more.
 */
final class CounterChunk {
    static final int BITS = 16;
    static final int CLUSTERS = 1 << BITS;

    private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);
    private static final int COUNTS_PER_WORD = Long.BYTES;
    private static final long EACH_COUNT = 0x0101_0101_0101_0101L;
    private static final long UPPER_HALF_OF_ANY = 0x8080_8080_8080_8080L;

    private final long[] words = new long[CLUSTERS / COUNTS_PER_WORD];
    private final AtomicReference<@Nullable AtomicIntegerArray> units = new AtomicReference<>();

    /** Adds {@code amount}, which may be negative, to {@code length} counts from {@code from} on. */
    void add(int from, int length, int amount) {
        int position = from;
        int end = from + length;
        while (position < end) {
            if (isWholeWord(position, end) && addToWord(position / COUNTS_PER_WORD, amount)) {
                position += COUNTS_PER_WORD;
            } else {
                addToOne(position, amount);
                position++;
            }
        }
    }

    private static boolean isWholeWord(int position, int end) {
        return position % COUNTS_PER_WORD == 0 && end - position >= COUNTS_PER_WORD;
    }

    /** Adds to the eight counts of a word; false, with nothing done, where one of them might leave its byte. */
    private boolean addToWord(int index, int amount) {
        if (amount < 0 || amount > Byte.MAX_VALUE) {
            return false;
        }
        long before = words[index];
        while ((before & UPPER_HALF_OF_ANY) == 0) {
            long found = (long) WORDS.compareAndExchange(words, index, before, before + amount * EACH_COUNT);
            if (found == before) {
                return true;
            }
            before = found;
        }
        return false;
    }

    private void addToOne(int position, int amount) {
        int index = position / COUNTS_PER_WORD;
        int shift = shift(position);
        long before = words[index];
        while (true) {
            int sum = (int) (before >>> shift & 0xFF) + (amount & 0xFF);
            long after = (before & ~(0xFFL << shift)) | (sum & 0xFFL) << shift;
            long found = (long) WORDS.compareAndExchange(words, index, before, after);
            if (found == before) {
                addUnits(position, (amount >> Byte.SIZE) + (sum >> Byte.SIZE));
                return;
            }
            before = found;
        }
    }

    private void addUnits(int position, int more) {
        if (more == 0) {
            return;
        }
        if (units.get() == null) {
            units.compareAndSet(null, new AtomicIntegerArray(CLUSTERS));
        }
        Objects.requireNonNull(units.get()).accumulateAndGet(position, more, (held, added) ->
                (int) Math.min(Integer.MAX_VALUE, (long) held + added));
    }

    private static int shift(int position) {
        return position % COUNTS_PER_WORD * Byte.SIZE;
    }

    int get(int position) {
        int low = (int) (words[position / COUNTS_PER_WORD] >>> shift(position) & 0xFF);
        AtomicIntegerArray counted = units.getPlain();
        return counted == null
                ? low
                : (int) Math.min(Integer.MAX_VALUE, low + ((long) counted.get(position) << Byte.SIZE));
    }

    /** The largest count. */
    int most() {
        int most = 0;
        for (int position = 0; position < CLUSTERS; position++) {
            most = Math.max(most, get(position));
        }
        return most;
    }

    /** How many counts from {@code from} on are the same: at least one, at most {@code length}. */
    int lengthAlike(int from, int length) {
        int count = get(from);
        if (units.getPlain() != null) {
            return 1;
        }
        int position = from + 1;
        int end = from + length;
        while (position < end) {
            if (isWholeWord(position, end) && words[position / COUNTS_PER_WORD] == count * EACH_COUNT) {
                position += COUNTS_PER_WORD;
            } else if (get(position) == count) {
                position++;
            } else {
                break;
            }
        }
        return position - from;
    }

    /** Whether all counts are the same as {@code other}'s, and bytes hold them. */
    boolean isSameInBytes(CounterChunk other) {
        return units.getPlain() == null && other.units.getPlain() == null && Arrays.equals(words, other.words);
    }
}
