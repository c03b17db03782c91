package io.cowslip.engine.image.layer;

import io.cowslip.engine.codec.ClusterCodec;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.work.CompressionThreads;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Consecutive whole clusters of a guest, each in the form in which it takes least: compressed, plain where that does not
 * come to less, or as zeros. Holds memory until it is closed.
 */
public final class PackedClusters implements AutoCloseable {
    private static final int PLAIN = -1;
    private static final int ZERO = 0;

    private final int[] lengths;
    private final IoBuffers.@Nullable Loan[] payloads;

    private PackedClusters(int clusters) {
        lengths = new int[clusters];
        payloads = new IoBuffers.@Nullable Loan[clusters];
    }

    /**
     * Packs clusters, several at a time.
     *
     * @param plain the guest's bytes; what the last cluster lacks are zeros
     * @param zeroClusters whether zeros may be told without data
     */
    public static PackedClusters pack(ClusterCodec codec, MemorySegment plain, int clusterBytes, boolean zeroClusters) {
        int clusters = (int) Math.ceilDiv(plain.byteSize(), clusterBytes);
        PackedClusters packed = new PackedClusters(clusters);
        boolean done = false;
        try {
            CompressionThreads.run(
                    clusters, plain, index -> packed.packOne(codec, plain, clusterBytes, zeroClusters, index));
            done = true;
        } finally {
            if (!done) {
                packed.close();
            }
        }
        return packed;
    }

    private void packOne(ClusterCodec codec, MemorySegment plain, int clusterBytes, boolean zeroClusters, int index) {
        long from = (long) index * clusterBytes;
        long to = Math.min(from + clusterBytes, plain.byteSize());
        if (zeroClusters && ZeroDetection.isZero(plain, from, to)) {
            return;
        }
        MemorySegment cluster = plain.asSlice(from, to - from);
        if (to - from == clusterBytes) {
            lengths[index] = encode(codec, cluster, index);
            return;
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(clusterBytes)) {
            MemorySegment padded = loan.segment(clusterBytes);
            padded.asSlice(to - from).fill((byte) 0);
            lengths[index] = encode(codec, padded.copyFrom(cluster), index);
        }
    }

    private int encode(ClusterCodec codec, MemorySegment cluster, int index) {
        IoBuffers.Loan payload = IoBuffers.borrow(cluster.byteSize());
        payloads[index] = payload;
        int length = codec.encode(cluster, payload.segment());
        if (length > 0) {
            return length;
        }
        payload.close();
        payloads[index] = null;
        return PLAIN;
    }

    /** How many there are. */
    public int clusters() {
        return lengths.length;
    }

    /** Whether it would not come to less. */
    public boolean isPlain(int index) {
        return lengths[index] == PLAIN;
    }

    /** Whether all its bytes are zeros, so that it has no payload. */
    public boolean isZero(int index) {
        return lengths[index] == ZERO;
    }

    /** Bytes that the compressed cluster takes; 0 for zeros. */
    public int lengthBytes(int index) {
        return lengths[index];
    }

    /** Where the clusters from {@code index} on end that are plain, or not plain, as that one. */
    int endOfRun(int index) {
        int end = index + 1;
        while (end < lengths.length && isPlain(end) == isPlain(index)) {
            end++;
        }
        return end;
    }

    /** The compressed cluster. */
    public MemorySegment payload(int index) {
        IoBuffers.Loan payload = payloads[index];
        if (payload == null) {
            throw new IllegalStateException("cluster " + index + " is not compressed");
        }
        return payload.segment(lengths[index]);
    }

    @Override
    public void close() {
        for (IoBuffers.Loan payload : payloads) {
            if (payload != null) {
                payload.close();
            }
        }
    }
}
