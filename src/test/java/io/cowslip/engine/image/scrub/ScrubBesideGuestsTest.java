package io.cowslip.engine.image.scrub;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.Snapshot;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A sound image is found sound, whatever its guests and its snapshots do meanwhile. */
@Tag("long")
@NeedsQemu
class ScrubBesideGuestsTest {
    private static final int KIB = 1 << 10;
    private static final int DISK = 8 << 20;
    private static final int ROUNDS = 20;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(3, 100);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void nothingIsFound(long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        int clusterBytes = (4 * KIB) << random.nextInt(5);
        boolean extended = clusterBytes >= 16 * KIB && random.nextBoolean();
        Path image = QemuTools.create(
                folder.resolve("busy.qcow2"),
                DISK,
                "cluster_size=" + clusterBytes + (extended ? ",extended_l2=on" : ""));
        ImageOptions options = TestImages.smallestCaches(512L << random.nextInt(3));
        AtomicBoolean done = new AtomicBoolean();
        try (DiskImage disk = DiskImage.open(image, options, TestImages.environment(HostFiles.posix()));
                ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Future<?>> guests = new ArrayList<>();
            guests.add(threads.submit(guest(disk, random.split())));
            guests.add(threads.submit(guest(disk, random.split())));
            guests.add(threads.submit(snapshots(disk, random.split())));
            Future<Integer> scrubs = threads.submit(scrubs(disk, done));
            try {
                for (Future<?> guest : guests) {
                    guest.get();
                }
            } finally {
                done.set(true);
            }
            assertThat(scrubs.get()).isPositive();
        } catch (Exception | AssertionError failure) {
            throw new AssertionError(Seeds.replay(getClass(), seed), failure);
        }
        ImageAssertions.assertThat(image).passesQemuCheck();
    }

    private static Callable<Integer> scrubs(DiskImage disk, AtomicBoolean done) {
        return () -> {
            int rounds = 0;
            while (!done.get() || rounds == 0) {
                DiskScrub scrub = new DiskScrub(true, false, 64 << 10);
                boolean more = true;
                while (more) {
                    more = scrub.step(disk);
                }
                assertThat(scrub.report().findings()).isEmpty();
                rounds++;
            }
            return rounds;
        };
    }

    private static Callable<Void> guest(DiskImage disk, SplittableRandom random) {
        return () -> {
            for (int round = 0; round < ROUNDS * 4; round++) {
                int length = 512 * random.nextInt(1, 256);
                long offset = 512L * random.nextInt((DISK - length) / 512);
                switch (random.nextInt(5)) {
                    case 0 -> disk.discard(offset, length);
                    case 1 -> disk.zero(offset, length);
                    case 2 -> disk.flush();
                    default -> TestImages.write(disk, offset, TestImages.filled(length, random.nextInt()));
                }
            }
            return null;
        };
    }

    /** Takes, deletes and goes back to snapshots, and has some of the writes compressed. */
    private static Callable<Void> snapshots(DiskImage disk, SplittableRandom random) {
        return () -> {
            for (int round = 0; round < ROUNDS; round++) {
                List<Snapshot> there = disk.snapshots().list();
                String some = there.isEmpty()
                        ? ""
                        : there.get(random.nextInt(there.size())).id();
                switch (there.size() < 2 ? 0 : random.nextInt(5)) {
                    case 0, 1 -> disk.snapshots().create("s" + round, round, 0);
                    case 2, 3 -> disk.snapshots().delete(some);
                    default -> disk.snapshots().revert(some);
                }
                compress(disk, random.nextBoolean());
            }
            return null;
        };
    }

    private static void compress(DiskImage disk, boolean compress) throws IOException {
        ImageOptions options = disk.options();
        disk.reconfigure(options.withWrites(options.writes().withCompress(compress)));
    }
}
