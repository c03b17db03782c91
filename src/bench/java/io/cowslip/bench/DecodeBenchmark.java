package io.cowslip.bench;

import com.github.luben.zstd.Zstd;
import io.cowslip.engine.codec.ClusterCodec;
import io.cowslip.engine.format.ImageHeader;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.zip.Deflater;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Decoding one compressed cluster of 64 KiB that came to about a half. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class DecodeBenchmark {
    private static final int CLUSTER_BYTES = 1 << 16;

    /** QEMU's names of the compression types. */
    public enum Type {
        ZLIB,
        ZSTD
    }

    @Param
    public Type type = Type.ZLIB;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment cluster = arena.allocate(CLUSTER_BYTES, 4096);
    private MemorySegment payload;
    private ClusterCodec codec;

    @Setup
    public void encode() {
        byte[] plain = new byte[CLUSTER_BYTES];
        SplittableRandom random = new SplittableRandom(1);
        for (int index = 0; index < CLUSTER_BYTES; index++) {
            plain[index] = (byte) random.nextInt(16);
        }
        byte[] encoded = type == Type.ZSTD ? Zstd.compress(plain) : deflate(plain);
        payload = arena.allocate(encoded.length);
        MemorySegment.copy(MemorySegment.ofArray(encoded), 0, payload, 0, encoded.length);
        codec = ClusterCodec.of(
                type == Type.ZSTD ? ImageHeader.COMPRESSION_ZSTD : ImageHeader.COMPRESSION_ZLIB);
    }

    private static byte[] deflate(byte[] plain) {
        try (Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true)) {
            byte[] encoded = new byte[plain.length];
            deflater.setInput(plain);
            deflater.finish();
            return Arrays.copyOf(encoded, deflater.deflate(encoded));
        }
    }

    @TearDown
    public void close() {
        codec.close();
        arena.close();
    }

    @Benchmark
    public void decode() throws IOException {
        codec.decode(payload, cluster);
    }
}
