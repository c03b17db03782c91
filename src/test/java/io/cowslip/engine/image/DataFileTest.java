package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.CrashVerifier;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.DiskRecipe.DataFile;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Images whose data is in a file of its own, as QEMU makes them: random guests, whose data file reads as the disk where
 * it is to; power cuts that lose any part of either file; hosts that refuse operations on either.
 */
@NeedsQemu
@Tag("long")
final class DataFileTest {
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(20, 40, 10, 10, 4, 2);
    private static final GuestOperations.Mix CHANGES = new GuestOperations.Mix(1, 12, 4, 4, 3, 1);
    private static final GuestOperations.Mix CHANGES_IN_ONE_OPENING = new GuestOperations.Mix(1, 12, 4, 4, 3, 0);
    private static final ImageOptions SMALL = TestImages.smallestCaches(512);

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(12, 200);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void readsWhatItWrote(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = recipe(random, 12);
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            ImageOptions options = SMALL.withCacheDirect(random.nextBoolean());
            ImageEnvironment environment = TestImages.environment(HostFiles.posix());
            try (GuestSession guest = GuestSession.open(made.disk(), options, environment, made.model())) {
                GuestOperations operations = new GuestOperations(guest, random, 1 << 20);
                operations.run(60, MIX);
                guest.reconfigure(options.withReadOnly(true));
                guest.read(0, guest.sizeBytes());
                guest.reconfigure(options);
                operations.run(60, MIX);
                guest.read(0, guest.sizeBytes());
            }
            ImageAssertions.assertThat(made.disk().file())
                    .passesQemuCheck()
                    .passesAudit()
                    .holdsForQemu(made.model());
            requireRawView(recipe, made, Files.readAllBytes(folder.resolve(DiskRecipe.DATA_FILE)));
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void aPowerCutLosesNothing(long seed, TestReporter reporter) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = recipe(random, 3);
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            CrashingHostFiles files = new CrashingHostFiles();
            GuestSession session = GuestSession.open(made.disk(), SMALL, files, made.model());
            try (session) {
                new GuestOperations(session, random, 5 * recipe.clusterBytes()).run(60, CHANGES);
            }
            int states = verify(recipe, session, files, random, Seeds.longRun() ? 300 : 60, true);
            reporter.publishEntry("states", Integer.toString(states));
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void comesThroughFailures(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = recipe(random, 3);
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            CrashingHostFiles memory = new CrashingHostFiles();
            FaultyHostFiles files = new FaultyHostFiles(memory);
            GuestSession guest =
                    GuestSession.open(made.disk(), SMALL, TestImages.environment(files), made.model(), memory);
            try (guest) {
                for (int round = 0; round < 10; round++) {
                    failOnce(guest, files, random);
                }
                guest.read(0, guest.sizeBytes());
            }
            assertThat(RefcountAudit.of(memory.contentOf(made.disk().file())).corruptions())
                    .isEmpty();
            // Where the host refuses to make the map durable, a crash may leave it behind the data file.
            verify(recipe, guest, memory, random, 20, false);
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private static void failOnce(GuestSession guest, FaultyHostFiles files, SplittableRandom random)
            throws IOException {
        GuestOperations operations =
                new GuestOperations(guest, random, 8 * guest.disk().clusterBytes());
        files.failAfter(random.nextInt(25), 1, ImageException.Kind.IO);
        try {
            operations.run(40, CHANGES_IN_ONE_OPENING);
            files.heal();
        } catch (GuestSession.ChangeFailed failed) {
            files.heal();
            guest.settle(failed);
        } catch (ImageException e) {
            files.heal();
            assertThat(e.kind()).isEqualTo(ImageException.Kind.IO);
        }
        if (files.syncRefused()) {
            assertThatExceptionOfType(ImageException.class).isThrownBy(guest::flush);
            reopen(guest);
        }
        operations.run(random.nextInt(12), CHANGES);
    }

    private static void reopen(GuestSession guest) throws IOException {
        boolean closed = false;
        try {
            guest.close();
            closed = true;
        } catch (ImageException e) {
            assertThat(e.kind()).isEqualTo(ImageException.Kind.IO);
        }
        guest.reopenAfterClose(closed);
    }

    private int verify(
            DiskRecipe recipe,
            GuestSession session,
            CrashingHostFiles files,
            SplittableRandom random,
            int count,
            boolean rawExactly)
            throws IOException {
        CrashVerifier verifier = new CrashVerifier(session, files, SMALL, 1000, random);
        if (recipe.dataFile() == DataFile.RAW) {
            verifier.alsoIn(folder.resolve(DiskRecipe.DATA_FILE), rawExactly);
        }
        return verifier.verify(count, Files.createDirectories(folder.resolve("state")));
    }

    private static DiskRecipe recipe(SplittableRandom random, int moreClusterBits) {
        int clusterBytes = 512 << random.nextInt(moreClusterBits + 1);
        int most = Math.clamp(40L * clusterBytes, 64 << 10, 4 << 20);
        DiskRecipe recipe = DiskRecipe.plain(clusterBytes, 512 * random.nextInt(1, most / 512 + 1), random.nextInt(12));
        return switch (random.nextInt(3)) {
            case 0 -> recipe.withDataFile(DataFile.EXTERNAL);
            case 1 ->
                recipe.withDataFile(DataFile.EXTERNAL)
                        .over(new DiskRecipe.Layer(random.nextBoolean() ? 0 : 1024, 100 << 10, random.nextBoolean()));
            default -> recipe.withDataFile(DataFile.RAW);
        };
    }

    private static void requireRawView(DiskRecipe recipe, DiskRecipe.Made made, byte[] data) {
        if (recipe.dataFile() == DataFile.RAW) {
            byte[] disk = Arrays.copyOf(data, made.model().sizeBytes());
            assertThat(made.model().difference(0, disk)).isEmpty();
        }
    }
}
