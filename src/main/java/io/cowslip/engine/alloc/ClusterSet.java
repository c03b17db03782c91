package io.cowslip.engine.alloc;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A set of host clusters, each a bit in a chunk of its neighbours; chunks exist where there are clusters, so it costs
 * next to nothing where the clusters are few and wherever in the file they lie. A cluster that is added twice must be
 * removed twice. Any thread may ask, without a lock; changes come one at a time, under the image's metadata lock.
 */
final class ClusterSet {
    private static final int CHUNK_BITS = 12;
    private static final int WORDS = 1 << (CHUNK_BITS - 6);
    private static final int FIRST_CAPACITY = 16;
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle CHUNK = MethodHandles.arrayElementVarHandle(Chunk[].class);

    private final Map<Long, Integer> addedAgain = new HashMap<>();
    private volatile Chunk[] chunks = new Chunk[FIRST_CAPACITY];
    private int chunkCount;

    private record Chunk(long number, long[] words) {}

    /** Whether any cluster from {@code first} up to but without {@code end} is in the set. Any thread. */
    boolean anyIn(long first, long end) {
        Chunk[] table = chunks;
        for (long number = first >>> CHUNK_BITS; number <= (end - 1) >>> CHUNK_BITS; number++) {
            Chunk chunk = find(table, number);
            if (chunk != null) {
                long start = number << CHUNK_BITS;
                long from = Math.max(first, start) - start;
                long to = Math.min(end - start, 1 << CHUNK_BITS);
                if (anySet(chunk.words, (int) from, (int) to)) {
                    return true;
                }
            }
        }
        return false;
    }

    private static boolean anySet(long[] words, int from, int to) {
        for (int word = from >>> 6; word <= (to - 1) >>> 6; word++) {
            long bits = (long) WORD.getOpaque(words, word);
            if (word == from >>> 6) {
                bits &= -1L << from;
            }
            if (word == (to - 1) >>> 6) {
                bits &= -1L >>> -to;
            }
            if (bits != 0) {
                return true;
            }
        }
        return false;
    }

    void add(long cluster) {
        long[] words = chunkFor(cluster >>> CHUNK_BITS).words;
        int word = wordOf(cluster);
        if ((words[word] & 1L << cluster) != 0) {
            addedAgain.merge(cluster, 1, Integer::sum);
        } else {
            WORD.setOpaque(words, word, words[word] | 1L << cluster);
        }
    }

    /** Takes back one {@link #add}. */
    void remove(long cluster) {
        if (addedAgain.computeIfPresent(cluster, (key, times) -> times - 1) != null) {
            addedAgain.remove(cluster, 0);
            return;
        }
        Chunk chunk = find(chunks, cluster >>> CHUNK_BITS);
        if (chunk != null) {
            int word = wordOf(cluster);
            WORD.setOpaque(chunk.words, word, chunk.words[word] & ~(1L << cluster));
        }
    }

    void clear() {
        addedAgain.clear();
        chunkCount = 0;
        chunks = new Chunk[FIRST_CAPACITY];
    }

    private static int wordOf(long cluster) {
        return (int) (cluster >>> 6) & WORDS - 1;
    }

    private Chunk chunkFor(long number) {
        Chunk found = find(chunks, number);
        if (found != null) {
            return found;
        }
        if (2 * (chunkCount + 1) > chunks.length) {
            grow();
        }
        Chunk made = new Chunk(number, new long[WORDS]);
        put(chunks, made);
        chunkCount++;
        return made;
    }

    private void grow() {
        Chunk[] larger = new Chunk[2 * chunks.length];
        for (Chunk chunk : chunks) {
            if (chunk != null) {
                put(larger, chunk);
            }
        }
        chunks = larger;
    }

    private static void put(Chunk[] table, Chunk chunk) {
        int slot = slotOf(table, chunk.number);
        while (table[slot] != null) {
            slot = slot + 1 & table.length - 1;
        }
        CHUNK.setRelease(table, slot, chunk);
    }

    private static @Nullable Chunk find(Chunk[] table, long number) {
        int slot = slotOf(table, number);
        Chunk chunk = (Chunk) CHUNK.getAcquire(table, slot);
        while (chunk != null && chunk.number != number) {
            slot = slot + 1 & table.length - 1;
            chunk = (Chunk) CHUNK.getAcquire(table, slot);
        }
        return chunk;
    }

    /** Neighbours in the file are neighbours here; multiplying spreads what lies far apart. */
    private static int slotOf(Chunk[] table, long number) {
        return (int) (number ^ (number * 0x9E37_79B9_7F4A_7C15L) >>> 40) & table.length - 1;
    }
}
