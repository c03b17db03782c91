package io.cowslip.bench;

import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Compressed writes of 1 MiB, 16 clusters, of words in random order, one behind the other. One thread keeps all cores
 * busy; what more threads gain, {@code -t 2} and more tell.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 4, time = 2)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class CompressedWriteBenchmark {
    private static final int CLUSTER_BYTES = 65536;
    private static final int REQUEST_BYTES = 1 << 20;
    private static final long DISK_BYTES = 1L << 40;
    private static final int WORDS = 4096;

    /** QEMU's names of the compression types, and none. */
    public enum Type {
        NONE,
        ZLIB,
        ZSTD
    }

    @Param
    public Type type = Type.ZLIB;

    private final MemorySegment data = words();
    private final AtomicLong next = new AtomicLong();
    private Path file;
    private DiskImage image;

    private static MemorySegment words() {
        SplittableRandom random = new SplittableRandom(1);
        byte[][] words = new byte[WORDS][];
        for (int index = 0; index < WORDS; index++) {
            words[index] = Long.toString(random.nextLong(1L << random.nextInt(8, 40)), Character.MAX_RADIX)
                    .concat(" ")
                    .getBytes(StandardCharsets.US_ASCII);
        }
        MemorySegment data = Arena.ofAuto().allocate(REQUEST_BYTES, 4096);
        for (int at = 0; at < REQUEST_BYTES; ) {
            for (byte letter : words[random.nextInt(1 + random.nextInt(WORDS))]) {
                if (at < REQUEST_BYTES) {
                    data.set(ValueLayout.JAVA_BYTE, at++, letter);
                }
            }
        }
        return data;
    }

    @Setup(Level.Iteration)
    public void makeImage() throws IOException {
        file = Files.createTempFile("cowslip-bench", ".qcow2");
        Files.delete(file);
        CreateOptions.CompressionType compression =
                type == Type.ZSTD ? CreateOptions.CompressionType.ZSTD : CreateOptions.CompressionType.ZLIB;
        ImageCreator.create(
                file,
                new CreateOptions(ImageFormat.QCOW2, DISK_BYTES, CLUSTER_BYTES, null, null, 16, compression, 3),
                BenchImages.ENVIRONMENT);
        ImageOptions options =
                ImageOptions.defaults().withWrites(WriteOptions.DEFAULTS.withCompress(type != Type.NONE));
        image = DiskImage.open(file, options, BenchImages.ENVIRONMENT);
        next.set(0);
    }

    @TearDown(Level.Iteration)
    public void dropImage() throws IOException {
        image.close();
        Files.delete(file);
    }

    @Benchmark
    public void write() throws IOException {
        image.write(next.getAndIncrement() * REQUEST_BYTES, data);
    }
}
