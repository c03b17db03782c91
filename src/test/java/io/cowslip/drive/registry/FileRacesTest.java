package io.cowslip.drive.registry;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Many who open, close, make and delete one file, by several names and from two services at once: it never has a writer
 * and somebody else, and it is never deleted under a drive.
 */
@Tag("long")
@Timeout(300)
class FileRacesTest {
    private static final int THREADS = 4;
    private static final int ROUNDS = Seeds.longRun() ? 400 : 40;

    /** Drives that must have been open before a race ends: on a busy machine nearly all may be refused for long. */
    private static final int ENOUGH = THREADS;

    private static final Set<Reason> REFUSALS =
            Set.of(Reason.IN_USE, Reason.CLOSING, Reason.NO_SUCH_DRIVE, Reason.LIMIT_REACHED);
    private static final Set<Kind> FILE_REFUSALS = Set.of(Kind.BUSY, Kind.NOT_FOUND, Kind.ALREADY_EXISTS);

    @TempDir
    private Path folder;

    private final Holders holders = new Holders();
    private final AtomicInteger opened = new AtomicInteger();

    static LongStream seeds() {
        return Seeds.seeds(2, 20);
    }

    /** Who has the file as far as those who opened it know. */
    private static final class Holders {
        private final Map<DriveId, Boolean> writers = new HashMap<>();

        synchronized void add(DriveId id, boolean writes) {
            if (writes ? !writers.isEmpty() : writers.containsValue(true)) {
                throw new AssertionError(id + (writes ? " writes beside " : " reads beside ") + writers);
            }
            writers.put(id, writes);
        }

        synchronized void remove(DriveId id) {
            writers.remove(id);
        }

        synchronized Set<DriveId> now() {
            return Set.copyOf(writers.keySet());
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void aFileOfSeveralNamesHasOneWriter(long seed) throws Exception {
        try (Bench bench = new Bench(folder)) {
            bench.create("disk");
            Files.createSymbolicLink(folder.resolve("link"), Path.of("disk"));
            Files.createDirectory(folder.resolve("sub"));
            Files.createSymbolicLink(folder.resolve("sub/up"), Path.of("../link"));
            race(seed, List.of(bench), List.of("disk", "link", "sub/up"), 0);
            bench.open("last", "disk");
        }
    }

    /** Nothing but the locks on the file stands between them. */
    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void twoServicesOnOneFolderHaveOneWriter(long seed) throws Exception {
        try (Bench one = new Bench(folder);
                Bench other = new Bench(folder)) {
            one.create("disk");
            race(seed, List.of(one, other), List.of("disk"), 0);
            other.open("last", "disk");
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void aFileIsNotDeletedUnderADrive(long seed) throws Exception {
        try (Bench one = new Bench(folder);
                Bench other = new Bench(folder)) {
            one.create("disk");
            race(seed, List.of(one, other), List.of("disk"), 3);
        }
    }

    /** @param changes of ten rounds so many make or delete the file */
    private void race(long seed, List<Bench> benches, List<String> names, int changes) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
            List<Future<?>> racers = new ArrayList<>();
            for (int thread = 0; thread < THREADS; thread++) {
                Bench bench = benches.get(thread % benches.size());
                SplittableRandom own = random.split();
                String prefix = "d" + thread + "-";
                racers.add(threads.submit(() -> {
                    for (int round = 0; round < ROUNDS || opened.get() <= ENOUGH; round++) {
                        if (own.nextInt(10) < changes) {
                            change(bench, names.getFirst());
                        } else {
                            String name = names.get(own.nextInt(names.size()));
                            open(bench, new DriveId(prefix + round), name, own.nextBoolean());
                        }
                    }
                    return null;
                }));
            }
            for (Future<?> racer : racers) {
                racer.get();
            }
        } catch (Exception | AssertionError failure) {
            throw new AssertionError(Seeds.replay(getClass(), seed), failure);
        }
        assertThat(holders.now()).isEmpty();
    }

    private void open(Bench bench, DriveId id, String name, boolean writes) throws IOException {
        ImageOptions options = bench.registry.defaults().withReadOnly(!writes);
        if (!tolerant(() -> bench.registry.open(id, name, options))) {
            return;
        }
        holders.add(id, writes);
        opened.incrementAndGet();
        try (DriveLease lease = bench.registry.lease(id)) {
            if (writes) {
                Bench.write(lease.image(), 0, id.value());
            }
            String read = Bench.read(lease.image(), 0, id.value().length());
            if (writes) {
                assertThat(read).isEqualTo(id.value());
            }
        }
        holders.remove(id);
        bench.registry.close(id);
    }

    private void change(Bench bench, String name) throws IOException {
        Set<DriveId> before = holders.now();
        if (tolerant(() -> bench.volumes.delete(name))) {
            Set<DriveId> still = holders.now();
            assertThat(before.stream().filter(still::contains))
                    .as("drives that had the file when it was deleted")
                    .isEmpty();
        } else {
            tolerant(() -> bench.volumes.create(name, CreateOptions.qcow2(Bench.DISK_BYTES)));
        }
    }

    private interface Step {
        void run() throws IOException;
    }

    /** Whether it was done, and not refused because of others. */
    private static boolean tolerant(Step step) throws IOException {
        try {
            step.run();
            return true;
        } catch (DriveException refused) {
            assertThat(refused.reason()).as(refused.getMessage()).isIn(REFUSALS);
            return false;
        } catch (ImageException refused) {
            assertThat(refused.kind()).as(refused.getMessage()).isIn(FILE_REFUSALS);
            return false;
        }
    }
}
