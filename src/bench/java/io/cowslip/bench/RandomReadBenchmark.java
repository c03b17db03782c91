package io.cowslip.bench;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.ThreadLocalRandom;
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

/**
 * Random aligned reads of an image that is there already, with and without the page cache. Name it with
 * {@code -p file=…}, and give the number of readers with {@code -t}. The yardstick is fio on the same file:
 * {@code fio --ioengine=psync --direct=1 --rw=randread --randrepeat=0 --bs=4k --numjobs=…}: fio's offsets are otherwise the
 * same in every run, which a virtual machine's host answers from its own cache. Take a file that this cache holds, read it
 * once beforehand, and the pair compares programs rather than what the cache happened to have.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 3, time = 3)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class RandomReadBenchmark {

    @Param("")
    public String file = "";

    /** QEMU's name of the image's format. */
    @Param("raw")
    public String format = "";

    /** {@code cache.direct}. */
    @Param({"true", "false"})
    public boolean direct;

    @Param("4096")
    public int lengthBytes;

    private DiskImage image;

    @Setup
    public void open() throws IOException {
        ImageOptions options = ImageOptions.defaults()
                .withFormat(ImageFormat.parse("format", format))
                .withReadOnly(true)
                .withCacheDirect(direct);
        image = DiskImage.open(Path.of(file), options, BenchImages.ENVIRONMENT);
    }

    @TearDown
    public void close() throws IOException {
        image.close();
    }

    /** Each reader's memory. */
    @State(Scope.Thread)
    public static class Reader {
        private final Arena arena = Arena.ofShared();
        private MemorySegment into = MemorySegment.NULL;

        @Setup
        public void allocate(RandomReadBenchmark benchmark) {
            into = arena.allocate(benchmark.lengthBytes, 4096);
        }

        @TearDown
        public void free() {
            arena.close();
        }
    }

    @Benchmark
    public void read(Reader reader) throws IOException {
        long place = ThreadLocalRandom.current().nextLong(image.virtualSizeBytes() / lengthBytes);
        image.read(place * lengthBytes, reader.into);
    }
}
