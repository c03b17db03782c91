package io.cowslip.bench;

import io.cowslip.engine.cache.CacheBudget;
import io.cowslip.engine.cache.CacheCounters;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.cache.L2SliceCache;
import io.cowslip.engine.format.ImageGeometry;
import java.io.IOException;
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

/**
 * What a hit in the L2 cache costs, on an 8 GiB disk of 64 KiB clusters that the cache covers: always the same entry,
 * and entries at random, which are not in the processor's caches; for each form that a slice is held in. Run with {@code
 * -prof gc} to see that it allocates nothing, and with {@code -t 2} to see that threads do not slow each other.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class L2SliceHitBenchmark {
    private static final int CLUSTER_BITS = 16;
    private static final long DISK_BYTES = 8L << 30;
    private static final int GUEST_CLUSTERS = (int) (DISK_BYTES >>> CLUSTER_BITS);

    /** {@code l2-cache-entry-size} in bytes. */
    @Param({"4096", "65536"})
    public int entryBytes;

    @Param
    public MappedTables.Form form = MappedTables.Form.RUN;

    private L2SliceCache cache;
    private int[] clusters;

    /** A cache with every slice resident. */
    @Setup
    public void fill() throws IOException {
        ImageGeometry geometry = new ImageGeometry(CLUSTER_BITS, DISK_BYTES, 4, false);
        CacheBudget budget = CacheBudget.of(new CacheOptions(null, (long) entryBytes, null, null), geometry);
        cache = new L2SliceCache(budget, geometry, new MappedTables(GUEST_CLUSTERS, form), new CacheCounters());
        for (int cluster = 0; cluster < GUEST_CLUSTERS; cluster++) {
            cache.entry(cluster);
        }
        clusters = new SplittableRandom(42).ints(GUEST_CLUSTERS, 0, GUEST_CLUSTERS).toArray();
    }

    @TearDown
    public void close() {
        cache.close();
    }

    /** Where each thread is in the random order. */
    @State(Scope.Thread)
    public static class Position {
        int next;
    }

    @Benchmark
    public long sameEntry() throws IOException {
        return cache.entry(12_345);
    }

    @Benchmark
    public long randomEntry(Position position) throws IOException {
        return cache.entry(clusters[position.next++ & (GUEST_CLUSTERS - 1)]);
    }
}
