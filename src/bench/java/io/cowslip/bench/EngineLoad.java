package io.cowslip.bench;

import io.cowslip.engine.cache.CacheStats;
import io.cowslip.engine.image.DiskImage;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Load on the engine in its own process, for {@code bench/run}: reads one {@link EngineLoadOptions} line after the other
 * from standard input and answers each with a line: operations per second, MiB per second, cache hits and misses per
 * operation, bytes of L2 tables loaded per operation; or {@code error} and why. One process for all measurements, so that
 * all but the first find compiled code.
 */
public final class EngineLoad {
    private EngineLoad() {}

    public static void main(String[] arguments) throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(answer(line));
        }
    }

    private static String answer(String line) {
        try {
            return measure(EngineLoadOptions.parse(line));
        } catch (Exception failure) {
            return "error\t" + failure.toString().replace('\n', ' ');
        }
    }

    private static String measure(EngineLoadOptions options) throws Exception {
        try (DiskImage image = DiskImage.open(options.image(), options.imageOptions(), BenchImages.ENVIRONMENT)) {
            load(image, options, options.warmupSeconds());
            CacheStats before = l2(image);
            Totals totals = load(image, options, options.seconds());
            CacheStats after = l2(image);
            double operations = Math.max(1, totals.operations);
            double perSecond = operations / totals.seconds;
            return String.format(
                    Locale.ROOT,
                    "%.1f\t%.2f\t%.4f\t%.4f\t%.1f",
                    perSecond,
                    perSecond * options.sizeBytes() / (1 << 20),
                    (after.hits() - before.hits()) / operations,
                    (after.misses() - before.misses()) / operations,
                    (after.bytesLoaded() - before.bytesLoaded()) / operations);
        }
    }

    private static CacheStats l2(DiskImage image) throws IOException {
        return Objects.requireNonNull(image.layers().getFirst().l2(), "a raw image has no L2 cache");
    }

    private record Totals(long operations, double seconds) {}

    private static Totals load(DiskImage image, EngineLoadOptions options, double seconds) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(options.threads())) {
            long began = System.nanoTime();
            long end = began + (long) (seconds * TimeUnit.SECONDS.toNanos(1));
            List<Callable<Long>> work = new ArrayList<>();
            AtomicLong turn = new AtomicLong();
            for (int thread = 0; thread < options.threads(); thread++) {
                EngineLoadThread load = new EngineLoadThread(image, options, turn, thread);
                work.add(() -> load.runUntil(end));
            }
            long operations = 0;
            for (Future<Long> done : threads.invokeAll(work)) {
                operations += done.get();
            }
            return new Totals(operations, (System.nanoTime() - began) / (double) TimeUnit.SECONDS.toNanos(1));
        }
    }
}
