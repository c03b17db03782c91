package io.cowslip.drive.registry;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Requests, reconfigurations, cleanings and closings of one drive at once: each request is served or refused as closing,
 * and what it wrote is there when it looks again, also after the drive was closed and opened.
 */
@Timeout(120)
class DriveStressTest {
    private static final DriveId A = new DriveId("a");
    private static final int WRITERS = 3;
    private static final int WRITES = 400;
    private static final int WRITES_PER_CLOSING = 40;

    @TempDir
    private Path folder;

    private final AtomicBoolean done = new AtomicBoolean();

    /** What the closing thread lives on: it closes once per so many writes, or the drive would be closed all the time. */
    private final Semaphore progress = new Semaphore(0);

    @ParameterizedTest
    @ValueSource(longs = {11, 12, 13})
    void nothingIsLost(long seed) throws Exception {
        try (Bench bench = new Bench(folder);
                ExecutorService threads = Executors.newCachedThreadPool()) {
            bench.create("disk");
            bench.open("a", "disk");
            List<Future<Void>> writers = new ArrayList<>();
            for (int i = 0; i < WRITERS; i++) {
                int writer = i;
                writers.add(threads.submit(() -> write(bench.registry, writer, new Random(seed + writer))));
            }
            List<Future<Void>> others = List.of(
                    threads.submit(loop(() -> reconfigure(bench.registry, new Random(seed + 100)))),
                    threads.submit(loop(() -> clean(bench))),
                    threads.submit(loop(() -> reopen(bench))));
            try {
                for (Future<Void> writer : writers) {
                    writer.get();
                }
            } finally {
                done.set(true);
                progress.release(WRITES_PER_CLOSING);
            }
            for (Future<Void> other : others) {
                other.get();
            }
        }
    }

    private interface Step {
        void run() throws IOException;
    }

    private Callable<Void> loop(Step step) {
        return () -> {
            while (!done.get()) {
                tolerant(step);
            }
            return null;
        };
    }

    /** Each writer has its own eight-byte places, a cluster apart from each other. */
    private Void write(DriveRegistry registry, int writer, Random random) throws IOException {
        @Nullable String[] written = new String[32];
        int writes = 0;
        while (writes < WRITES) {
            int place = random.nextInt(written.length);
            String text = "%02d%06d".formatted(writer, random.nextInt(1_000_000));
            if (tolerant(() -> exchange(registry, place * 65536L + writer * 8L, written[place], text))) {
                written[place] = text;
                writes++;
                progress.release();
            }
        }
        return null;
    }

    private static void exchange(DriveRegistry registry, long offset, @Nullable String before, String after)
            throws IOException {
        try (DriveLease lease = registry.lease(A)) {
            if (before != null) {
                assertThat(Bench.read(lease.image(), offset, 8)).isEqualTo(before);
            }
            Bench.write(lease.image(), offset, after);
        }
    }

    private static void reconfigure(DriveRegistry registry, Random random) throws IOException {
        long entryBytes = 512L << random.nextInt(8);
        CacheOptions caches = new CacheOptions(random.nextLong(65536), entryBytes, null, null);
        registry.reconfigure(
                A,
                asked -> new ImageOptions(
                        asked.format(),
                        false,
                        caches,
                        random.nextInt(3),
                        asked.discard(),
                        asked.cacheDirect(),
                        asked.backing()));
    }

    private static void clean(Bench bench) {
        bench.cleaner.cleanNow(A);
        assertThat(bench.registry.drives()).hasSizeLessThanOrEqualTo(1);
    }

    private void reopen(Bench bench) throws IOException {
        progress.acquireUninterruptibly(WRITES_PER_CLOSING);
        bench.registry.close(A);
        bench.open("a", "disk");
    }

    /** Whether the step was done, and not refused because the drive was closing or closed. */
    private static boolean tolerant(Step step) throws IOException {
        try {
            step.run();
            return true;
        } catch (DriveException e) {
            assertThat(e.reason()).isIn(Set.of(Reason.CLOSING, Reason.NO_SUCH_DRIVE));
            Thread.yield();
            return false;
        }
    }
}
