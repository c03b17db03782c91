package io.cowslip.engine.image.check;

import io.cowslip.engine.ImageException;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * A count for each cluster of a file, in chunks that are made when first counted in, so that what is sparse costs
 * nothing. Counts stop at the largest int.
 *
 * <p>Any thread may add; reading is for when no thread adds any more.
 */
public final class ClusterCounters {
    static final int CHUNK_CLUSTERS = CounterChunk.CLUSTERS;

    /** 64 Gi clusters: 4 PiB of file with clusters of 64 KiB. */
    private static final int MAX_CHUNKS = 1 << 20;

    private final AtomicReferenceArray<@Nullable CounterChunk> chunks;

    /** @throws ImageException UNSUPPORTED_FEATURE where no memory would do for so many */
    public ClusterCounters(long clusters) throws ImageException {
        long wanted = (clusters + CHUNK_CLUSTERS - 1) >>> CounterChunk.BITS;
        if (wanted > MAX_CHUNKS) {
            throw ImageException.of(
                    ImageException.Kind.UNSUPPORTED_FEATURE,
                    "the file has " + clusters + " clusters; at most " + ((long) MAX_CHUNKS << CounterChunk.BITS)
                            + " can be checked");
        }
        chunks = new AtomicReferenceArray<>(Math.max(1, (int) wanted));
    }

    int chunkCount() {
        return chunks.length();
    }

    /** Adds {@code amount} to {@code length} clusters from {@code first} on. */
    public void add(long first, long length, int amount) {
        long position = first;
        long end = first + length;
        while (position < end) {
            int chunk = (int) (position >>> CounterChunk.BITS);
            long chunkEnd = Math.min(end, (chunk + 1L) << CounterChunk.BITS);
            chunk(chunk).add(inChunk(position), (int) (chunkEnd - position), amount);
            position = chunkEnd;
        }
    }

    private static int inChunk(long cluster) {
        return (int) cluster & (CHUNK_CLUSTERS - 1);
    }

    /** The count of a cluster, by its number in the file. */
    public int get(long cluster) {
        CounterChunk chunk = chunks.getPlain((int) (cluster >>> CounterChunk.BITS));
        return chunk == null ? 0 : chunk.get(inChunk(cluster));
    }

    /** How many clusters from {@code first} on have the same count: at least one, at most {@code length}. */
    int lengthAlike(long first, int length) {
        int most = Math.min(length, CHUNK_CLUSTERS - inChunk(first));
        CounterChunk chunk = chunks.getPlain((int) (first >>> CounterChunk.BITS));
        return chunk == null ? most : chunk.lengthAlike(inChunk(first), most);
    }

    /** Whether the counts of a chunk are plainly those that {@code other} has there. */
    boolean sameInChunk(int chunk, ClusterCounters other) {
        CounterChunk mine = chunks.getPlain(chunk);
        CounterChunk theirs = other.chunks.getPlain(chunk);
        return (mine == null || theirs == null) ? mine == theirs : mine.isSameInBytes(theirs);
    }

    /** The largest count in a chunk. */
    int mostInChunk(int chunk) {
        CounterChunk counted = chunks.getPlain(chunk);
        return counted == null ? 0 : counted.most();
    }

    boolean isEmptyChunk(int chunk) {
        return chunks.getPlain(chunk) == null;
    }

    private CounterChunk chunk(int index) {
        CounterChunk chunk = chunks.get(index);
        if (chunk != null) {
            return chunk;
        }
        CounterChunk made = new CounterChunk();
        return chunks.compareAndSet(index, null, made) ? made : Objects.requireNonNull(chunks.get(index));
    }
}
