package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * A count for each cluster of a file: a byte, in chunks that are made when first counted in, so that what is sparse
 * costs nothing. A chunk with a count that a byte cannot hold goes over to ints; counts stop at the largest int.
 *
 * <p>Any thread may add; reading is for when no thread adds any more.
 */
final class ClusterCounters {
    static final int CHUNK_CLUSTERS = 1 << 16;

    private static final int CHUNK_BITS = 16;

    /** 64 Gi clusters: 4 PiB of file with clusters of 64 KiB. */
    private static final int MAX_CHUNKS = 1 << 20;

    private static final int MAX_NARROW = 255;

    private final AtomicReferenceArray<@Nullable Chunk> chunks;

    /** @throws ImageException UNSUPPORTED_FEATURE where no memory would do for so many */
    ClusterCounters(long clusters) throws ImageException {
        long wanted = (clusters + CHUNK_CLUSTERS - 1) >>> CHUNK_BITS;
        if (wanted > MAX_CHUNKS) {
            throw ImageException.of(
                    ImageException.Kind.UNSUPPORTED_FEATURE,
                    "the file has " + clusters + " clusters; at most " + ((long) MAX_CHUNKS << CHUNK_BITS)
                            + " can be checked");
        }
        chunks = new AtomicReferenceArray<>(Math.max(1, (int) wanted));
    }

    int chunkCount() {
        return chunks.length();
    }

    /** Adds {@code amount} to {@code length} clusters from {@code first} on. */
    void add(long first, long length, int amount) {
        long position = first;
        long end = first + length;
        while (position < end) {
            int chunk = (int) (position >>> CHUNK_BITS);
            long chunkEnd = Math.min(end, (chunk + 1L) << CHUNK_BITS);
            chunk(chunk).add((int) (position & (CHUNK_CLUSTERS - 1)), (int) (chunkEnd - position), amount);
            position = chunkEnd;
        }
    }

    int get(long cluster) {
        Chunk chunk = chunks.getPlain((int) (cluster >>> CHUNK_BITS));
        return chunk == null ? 0 : chunk.get((int) cluster & (CHUNK_CLUSTERS - 1));
    }

    /** Whether the counts of a chunk are those that {@code other} has there. */
    boolean sameInChunk(int chunk, ClusterCounters other) {
        Chunk mine = chunks.getPlain(chunk);
        Chunk theirs = other.chunks.getPlain(chunk);
        if (mine == null || theirs == null) {
            return mine == theirs;
        }
        return mine.wide == null && theirs.wide == null && Arrays.equals(mine.narrow, theirs.narrow);
    }

    boolean isEmptyChunk(int chunk) {
        return chunks.getPlain(chunk) == null;
    }

    private Chunk chunk(int index) {
        Chunk chunk = chunks.get(index);
        if (chunk != null) {
            return chunk;
        }
        Chunk made = new Chunk();
        return chunks.compareAndSet(index, null, made) ? made : Objects.requireNonNull(chunks.get(index));
    }

    private static final class Chunk {
        private byte[] narrow = new byte[CHUNK_CLUSTERS];
        private int @Nullable [] wide;

        synchronized void add(int from, int length, int amount) {
            int done = 0;
            if (wide == null) {
                done = addNarrow(from, length, amount);
                if (done == length) {
                    return;
                }
                widen();
            }
            addWide(from + done, length - done, amount);
        }

        /** Adds as far as bytes do; returns how far that was. */
        private int addNarrow(int from, int length, int amount) {
            byte[] counts = narrow;
            for (int i = 0; i < length; i++) {
                int sum = Byte.toUnsignedInt(counts[from + i]) + amount;
                if (sum > MAX_NARROW || sum < 0) {
                    return i;
                }
                counts[from + i] = (byte) sum;
            }
            return length;
        }

        private void widen() {
            int[] counts = new int[CHUNK_CLUSTERS];
            for (int i = 0; i < CHUNK_CLUSTERS; i++) {
                counts[i] = Byte.toUnsignedInt(narrow[i]);
            }
            wide = counts;
            narrow = new byte[0];
        }

        private void addWide(int from, int length, int amount) {
            int[] counts = Objects.requireNonNull(wide);
            for (int i = from; i < from + length; i++) {
                counts[i] = (int) Math.min(Integer.MAX_VALUE, (long) counts[i] + amount);
            }
        }

        int get(int index) {
            return wide == null ? Byte.toUnsignedInt(narrow[index]) : wide[index];
        }
    }
}
