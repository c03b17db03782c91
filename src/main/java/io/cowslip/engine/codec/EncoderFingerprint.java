package io.cowslip.engine.codec;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * Tells an encoder from one that encodes otherwise, such as that of another version of its library: by its version's name,
 * and by what it makes of clusters that are always the same.
 */
public final class EncoderFingerprint {
    private static final int CLUSTER_BYTES = 64 << 10;
    private static final int CLUSTERS = 8;

    /** The multiplier and the increment of Knuth's MMIX generator. */
    private static final long MULTIPLIER = 6364136223846793005L;

    private static final long INCREMENT = 1442695040888963407L;

    private EncoderFingerprint() {}

    /** Eight hexadecimal digits. */
    public static String of(ClusterCodec codec) {
        CRC32C sum = new CRC32C();
        sum.update(codec.encoderVersion().getBytes(StandardCharsets.UTF_8));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment cluster = arena.allocate(CLUSTER_BYTES);
            MemorySegment payload = arena.allocate(CLUSTER_BYTES);
            for (int sample = 0; sample < CLUSTERS; sample++) {
                fill(cluster, sample);
                sum.update(payload.asSlice(0, codec.encode(cluster, payload)).asByteBuffer());
                sum.update(sample);
            }
        }
        return String.format("%08x", sum.getValue());
    }

    /** Bytes of few or many values, in which earlier ones come back the more often, the higher the sample's number is. */
    private static void fill(MemorySegment cluster, int sample) {
        int values = 2 << sample;
        long state = sample;
        int position = 0;
        while (position < CLUSTER_BYTES) {
            state = state * MULTIPLIER + INCREMENT;
            int length = Math.min(CLUSTER_BYTES - position, 4 + (int) (state >>> 58));
            if (position > CLUSTER_BYTES / 16 && (state >>> 40) % CLUSTERS < sample) {
                long from = (state >>> 33) % (position - length);
                MemorySegment.copy(cluster, from, cluster, position, length);
            } else {
                for (int index = 0; index < length; index++) {
                    state = state * MULTIPLIER + INCREMENT;
                    cluster.set(ValueLayout.JAVA_BYTE, position + index, (byte) ((state >>> 33) % values));
                }
            }
            position += length;
        }
    }
}
