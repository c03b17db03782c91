package io.cowslip.bench;

import io.cowslip.engine.cache.CacheBudget;
import io.cowslip.engine.cache.CacheCounters;
import io.cowslip.engine.cache.L2SliceCache;
import io.cowslip.engine.format.ImageGeometry;
import java.io.IOException;
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
 * What the cache itself adds to a miss, the read of the file left out: random entries of a 64 GiB disk through a cache of
 * an eighth of its slices, 4 KiB each, plain and packed. Of 8 look-ups 7 miss where slices are plain.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class L2SliceMissBenchmark {
    private static final long DISK_BYTES = 64L << 30;
    private static final int GUEST_CLUSTERS = (int) (DISK_BYTES >>> MappedTables.CLUSTER_BITS);
    private static final int ENTRY_BYTES = 4096;

    @Param
    public MappedTables.Form form = MappedTables.Form.RUN;

    /** {@code l2-cache-packed}. */
    @Param({"true", "false"})
    public boolean packed;

    private L2SliceCache cache;

    @Setup
    public void open() throws IOException {
        ImageGeometry geometry = new ImageGeometry(MappedTables.CLUSTER_BITS, DISK_BYTES, 4, false);
        int entries = GUEST_CLUSTERS / (ENTRY_BYTES / Long.BYTES) / 8;
        CacheBudget budget = new CacheBudget(ENTRY_BYTES, entries, 1 << MappedTables.CLUSTER_BITS, 4, packed);
        cache = new L2SliceCache(budget, geometry, new MappedTables(GUEST_CLUSTERS, form), new CacheCounters());
    }

    @TearDown
    public void close() {
        cache.close();
    }

    @Benchmark
    public long randomEntry() throws IOException {
        return cache.entry(ThreadLocalRandom.current().nextInt(GUEST_CLUSTERS));
    }
}
