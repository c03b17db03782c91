package io.cowslip.bench;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
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
 * Mapping a request of 1 MiB at a random place of an image that is there already, name it with {@code -p file=…}. A disk
 * written in order is mapped in one run; {@code qemu-img create -o preallocation=metadata} makes one in no time.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class ExtentBenchmark {
    private static final long REQUEST_BYTES = 1 << 20;

    @Param("")
    public String file = "";

    private DiskImage image;

    @Setup
    public void open() throws IOException {
        image = DiskImage.open(Path.of(file), ImageOptions.defaults().withReadOnly(true), BenchImages.ENVIRONMENT);
    }

    @TearDown
    public void close() throws IOException {
        image.close();
    }

    @Benchmark
    public GuestExtent map() throws IOException {
        long place = ThreadLocalRandom.current().nextLong(image.virtualSizeBytes() / REQUEST_BYTES);
        return image.extentAt(place * REQUEST_BYTES, REQUEST_BYTES);
    }
}
