package io.cowslip.bench;

import io.cowslip.engine.codec.ClusterCodec;
import io.cowslip.engine.format.ImageHeader;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
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

/** Decoding and encoding one compressed cluster of 64 KiB that comes to about a half. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class CodecBenchmark {
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
    private final MemorySegment plain = arena.allocate(CLUSTER_BYTES, 4096);
    private final MemorySegment encoded = arena.allocate(CLUSTER_BYTES, 4096);
    private MemorySegment payload;
    private ClusterCodec codec;

    @Setup
    public void encodeOnce() {
        SplittableRandom random = new SplittableRandom(1);
        for (int index = 0; index < CLUSTER_BYTES; index++) {
            plain.set(ValueLayout.JAVA_BYTE, index, (byte) random.nextInt(16));
        }
        codec = ClusterCodec.of(
                type == Type.ZSTD ? ImageHeader.COMPRESSION_ZSTD : ImageHeader.COMPRESSION_ZLIB);
        payload = arena.allocate(CLUSTER_BYTES, 4096);
        payload = payload.asSlice(0, codec.encode(plain, payload));
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

    @Benchmark
    public int encode() {
        return codec.encode(plain, encoded);
    }
}
