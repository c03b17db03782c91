package io.cowslip.fuzz;

import com.github.luben.zstd.ZstdInputStream;
import io.cowslip.engine.codec.ClusterCodec;
import io.cowslip.engine.format.ImageHeader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.zip.Inflater;
import java.util.zip.InflaterInputStream;

/**
 * A compressed cluster. The input's first byte has the codec and the cluster's size, the rest is what the L2 entry leads
 * to. What is decoded is what another decoder makes of it, to the byte and to the cluster's end.
 */
final class CompressedClusterTarget {
    private static final int SMALLEST_CLUSTER_BITS = 9;
    private static final int CLUSTER_SIZES = 5;

    private static final ClusterCodec DEFLATE = ClusterCodec.of(ImageHeader.COMPRESSION_ZLIB);
    private static final ClusterCodec ZSTD = ClusterCodec.of(ImageHeader.COMPRESSION_ZSTD);

    private CompressedClusterTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length > 0) {
            Hostile.within(() -> decode(input));
        }
    }

    private static void decode(byte[] input) throws IOException {
        boolean zstd = (input[0] & 1) != 0;
        int clusterBytes = 1 << (SMALLEST_CLUSTER_BITS + (input[0] >>> 1 & 0x7F) % CLUSTER_SIZES);
        byte[] payload = Arrays.copyOfRange(input, 1, Math.min(input.length, 1 + 2 * clusterBytes));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment cluster = arena.allocate(clusterBytes);
            MemorySegment packed = arena.allocate(Math.max(1, payload.length));
            MemorySegment.copy(payload, 0, packed, ValueLayout.JAVA_BYTE, 0, payload.length);
            if (Hostile.refusable(() -> (zstd ? ZSTD : DEFLATE).decode(packed.asSlice(0, payload.length), cluster))) {
                requireSame(cluster.toArray(ValueLayout.JAVA_BYTE), zstd, payload);
            }
        }
    }

    private static void requireSame(byte[] decoded, boolean zstd, byte[] payload) throws IOException {
        try (InputStream other = zstd
                ? new ZstdInputStream(new ByteArrayInputStream(payload))
                : new InflaterInputStream(new ByteArrayInputStream(payload), new Inflater(true))) {
            int difference = Arrays.mismatch(decoded, other.readNBytes(decoded.length));
            if (difference >= 0) {
                throw new AssertionError("decoded otherwise from byte " + difference + " on");
            }
        }
    }
}
