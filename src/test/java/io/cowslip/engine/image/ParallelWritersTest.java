package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.testing.CrashState;
import io.cowslip.testing.CrashStates;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.NeighbourGuests;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Guests that write, zero, discard and flush at the same time, in clusters of their own and in shared ones, while the
 * host refuses operations at times. Each finds what it wrote, nothing leaks, and after a power cut at any point there is
 * what each had flushed.
 */
@NeedsQemu
@Tag("long")
@Timeout(120)
final class ParallelWritersTest {
    private static final int GUESTS = 4;
    private static final int STEPS = 60;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(16, 80);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void eachFindsWhatItWrote(long seed) throws Exception {
        reporting(seed, random -> {
            DiskRecipe.Made made = recipe(random).make(folder, random);
            CrashingHostFiles memory = new CrashingHostFiles();
            NeighbourGuests guests = workOn(made, memory, new FaultyHostFiles(memory), random, false);
            byte[] file = memory.contentOf(made.disk().file());
            assertThat(RefcountAudit.of(file)).isEqualTo(new RefcountAudit.Report(List.of(), List.of(), 0));
            ImageAssertions.assertThat(Files.write(made.disk().file(), file))
                    .passesQemuCheck()
                    .holdsForQemu(ModelDisk.of(guests.content()));
            crash(made, memory, guests, random);
        });
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void whatTheHostRefusesLeavesNothingBehind(long seed) throws Exception {
        reporting(seed, random -> {
            DiskRecipe.Made made = recipe(random).make(folder, random);
            CrashingHostFiles memory = new CrashingHostFiles();
            FaultyHostFiles files = new FaultyHostFiles(memory);
            NeighbourGuests guests = workOn(made, memory, files, random, true);
            assertThat(files.refused()).isPositive();
            RefcountAudit.Report audit =
                    RefcountAudit.of(memory.contentOf(made.disk().file()));
            assertThat(audit).isEqualTo(new RefcountAudit.Report(List.of(), List.of(), 0));
            crash(made, memory, guests, random);
        });
    }

    @FunctionalInterface
    private interface Round {
        void run(SplittableRandom random) throws Exception;
    }

    private void reporting(long seed, Round round) throws Exception {
        try {
            round.run(new SplittableRandom(seed));
        } catch (Exception | AssertionError e) {
            throw new AssertionError(
                    Seeds.replay(getClass(), seed) + " (a race may need several): " + e.getMessage(), e);
        }
    }

    private static DiskRecipe recipe(SplittableRandom random) {
        DiskRecipe recipe = DiskRecipe.plain(512 << random.nextInt(4), 192 << 10, random.nextInt(20));
        if (random.nextInt(4) == 0) {
            recipe = DiskRecipe.plain(16384, recipe.sizeBytes(), recipe.edits()).withExtendedL2();
        }
        if (random.nextBoolean()) {
            recipe = recipe.over(new DiskRecipe.Layer(random.nextBoolean() ? 0 : 1024, 128 << 10, true));
        }
        return random.nextInt(3) == 0 ? recipe.withRefcountBits(64) : recipe;
    }

    private static NeighbourGuests workOn(
            DiskRecipe.Made made,
            CrashingHostFiles memory,
            FaultyHostFiles files,
            SplittableRandom random,
            boolean refusing)
            throws Exception {
        int clusterBytes = made.disk().clusterBytes();
        int unitBytes = Math.max(512, clusterBytes << 1 >> random.nextInt(4));
        ImageOptions options =
                TestImages.smallestCaches(512).withWrites(WriteOptions.DEFAULTS.withCompress(random.nextBoolean()));
        try (DiskImage image = DiskImage.open(made.disk().file(), options, TestImages.environment(files))) {
            NeighbourGuests guests =
                    new NeighbourGuests(image, made.model(), GUESTS, clusterBytes, unitBytes, memory::logLength);
            List<Callable<Integer>> work = new ArrayList<>();
            for (NeighbourGuests.Guest guest : guests.guests()) {
                SplittableRandom mine = random.split();
                work.add(() -> steps(guest, mine, files, refusing));
            }
            runAll(work);
            files.heal();
            for (NeighbourGuests.Guest guest : guests.guests()) {
                guest.readAll();
            }
            return guests;
        }
    }

    /** With {@code refusing} the host is full now and then. It refuses no syncs, after which nothing could be written. */
    private static int steps(
            NeighbourGuests.Guest guest, SplittableRandom random, FaultyHostFiles files, boolean refusing)
            throws IOException {
        int refused = 0;
        for (int step = 0; step < STEPS; step++) {
            if (refusing && random.nextInt(6) == 0) {
                files.failAfter(random.nextInt(6), random.nextInt(1, 5), ImageException.Kind.NO_SPACE);
            }
            try {
                guest.step(random);
            } catch (ImageException e) {
                assertThat(e.kind()).isEqualTo(ImageException.Kind.NO_SPACE);
                refused++;
            }
        }
        return refused;
    }

    private static void runAll(List<Callable<Integer>> work) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(work.size())) {
            for (Future<Integer> done : threads.invokeAll(work)) {
                done.get();
            }
        }
    }

    private static void crash(
            DiskRecipe.Made made, CrashingHostFiles memory, NeighbourGuests guests, SplittableRandom random)
            throws IOException {
        CrashStates states = new CrashStates(memory);
        for (CrashState state : states.choose(Seeds.longRun() ? 200 : 60, random)) {
            Map<Path, byte[]> files = states.files(state);
            try {
                RefcountAudit.Report audit =
                        RefcountAudit.of(files.getOrDefault(made.disk().file(), new byte[0]));
                assertThat(audit.corruptions()).isEmpty();
                byte[] disk = readAll(made, files);
                for (NeighbourGuests.Guest guest : guests.guests()) {
                    guest.requireSurvived(state.point(), disk);
                }
            } catch (IOException | AssertionError e) {
                throw new AssertionError(
                        "crash " + state + " after" + states.around(state.point()) + ": " + e.getMessage(), e);
            }
        }
    }

    private static byte[] readAll(DiskRecipe.Made made, Map<Path, byte[]> files) throws IOException {
        try (DiskImage image = DiskImage.open(
                made.disk().file(),
                TestImages.smallestCaches(512),
                TestImages.environment(new CrashingHostFiles(files)))) {
            return TestImages.read(image, 0, Math.toIntExact(image.virtualSizeBytes()));
        }
    }
}
