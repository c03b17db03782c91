package io.cowslip.bench;

import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Writes that need a new cluster, and the same in place beside them, with and without a flush after each. Clusters have
 * 64 KiB; each iteration begins with a new image in the folder for temporary files. Run with {@code -t 1}, {@code -t 2}
 * and more: writers of different clusters must not slow each other, and flushes must be shared.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 4, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class AllocatingWriteBenchmark {
    private static final int CLUSTER_BYTES = 65536;
    private static final long DISK_BYTES = 1L << 40;

    /** Clusters at the disk's beginning that are there already. */
    private static final int OWN_CLUSTERS = 2048;

    /** Clusters of the backing disk, all full. */
    private static final int BACKED_CLUSTERS = 8192;

    private final AtomicLong next = new AtomicLong();
    private Path folder;
    private DiskImage image;
    private DiskImage overlay;

    @Setup
    public void makeBacking() throws IOException {
        folder = Files.createTempDirectory("cowslip-bench");
        ImageCreator.create(folder.resolve("backing.qcow2"), CreateOptions.qcow2(DISK_BYTES), BenchImages.ENVIRONMENT);
        try (DiskImage backing = open("backing.qcow2")) {
            fill(backing, BACKED_CLUSTERS);
        }
    }

    @Setup(Level.Iteration)
    public void makeImages() throws IOException {
        CreateOptions plain = CreateOptions.qcow2(DISK_BYTES);
        ImageCreator.create(folder.resolve("image.qcow2"), plain, BenchImages.ENVIRONMENT);
        CreateOptions over = new CreateOptions(
                ImageFormat.QCOW2,
                DISK_BYTES,
                CLUSTER_BYTES,
                "backing.qcow2",
                ImageFormat.QCOW2,
                16,
                plain.compressionType(),
                3);
        ImageCreator.create(folder.resolve("overlay.qcow2"), over, BenchImages.ENVIRONMENT);
        image = open("image.qcow2");
        overlay = open("overlay.qcow2");
        fill(image, OWN_CLUSTERS);
        image.flush();
        next.set(OWN_CLUSTERS);
    }

    @TearDown(Level.Iteration)
    public void dropImages() throws IOException {
        image.close();
        overlay.close();
        Files.delete(folder.resolve("image.qcow2"));
        Files.delete(folder.resolve("overlay.qcow2"));
    }

    @TearDown
    public void dropBacking() throws IOException {
        Files.delete(folder.resolve("backing.qcow2"));
        Files.delete(folder);
    }

    private DiskImage open(String name) throws IOException {
        return DiskImage.open(folder.resolve(name), ImageOptions.defaults(), BenchImages.ENVIRONMENT);
    }

    private static void fill(DiskImage image, int clusters) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(CLUSTER_BYTES, 4096).fill((byte) 5);
            for (int cluster = 0; cluster < clusters; cluster++) {
                image.write((long) cluster * CLUSTER_BYTES, data);
            }
        }
    }

    /** What each thread writes. */
    @State(Scope.Thread)
    public static class Data {
        final MemorySegment cluster =
                Arena.ofAuto().allocate(CLUSTER_BYTES, 4096).fill((byte) 7);
        final MemorySegment page = cluster.asSlice(0, 4096);
        long next = Thread.currentThread().threadId() * 7919;

        long ownCluster() {
            next = (next + 1) % OWN_CLUSTERS;
            return next * CLUSTER_BYTES;
        }
    }

    private long newCluster() {
        return next.getAndIncrement() * CLUSTER_BYTES;
    }

    @Benchmark
    public void allocate(Data data) throws IOException {
        image.write(newCluster(), data.cluster);
    }

    @Benchmark
    public void allocateFlushed(Data data) throws IOException {
        image.write(newCluster(), data.cluster);
        image.flush();
    }

    @Benchmark
    public void inPlace(Data data) throws IOException {
        image.write(data.ownCluster(), data.cluster);
    }

    @Benchmark
    public void inPlaceFlushed(Data data) throws IOException {
        image.write(data.ownCluster(), data.cluster);
        image.flush();
    }

    /** Time for 2,000 writes of a page, each to a cluster of which the backing disk has the rest; at most 4 threads. */
    @Benchmark
    @BenchmarkMode(Mode.SingleShotTime)
    @OutputTimeUnit(TimeUnit.MILLISECONDS)
    @Warmup(iterations = 5, batchSize = 2000)
    @Measurement(iterations = 10, batchSize = 2000)
    public void copyOnWrite(Data data) throws IOException {
        overlay.write(newCluster() - (long) OWN_CLUSTERS * CLUSTER_BYTES, data.page);
    }
}
