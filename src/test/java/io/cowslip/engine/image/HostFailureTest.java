package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.testing.CrashVerifier;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The host refuses operations, or is full, at any point of a workload. The guest is told in the host's terms, the range
 * concerned holds old or new bytes, all else is as it was, and once the host is well again everything works.
 */
@NeedsQemu
@Tag("long")
final class HostFailureTest {
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(10, 30, 8, 8, 8, 0);

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(50, 600);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void comesThrough(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = recipe(random);
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            CrashingHostFiles memory = new CrashingHostFiles();
            FaultyHostFiles files = new FaultyHostFiles(memory);
            ImageOptions options =
                    TestImages.smallestCaches(512).withWrites(WriteOptions.DEFAULTS.withCompress(random.nextBoolean()));
            GuestSession guest =
                    GuestSession.open(made.disk(), options, TestImages.environment(files), made.model(), memory);
            boolean lostTrack;
            try (guest) {
                lostTrack = work(guest, files, random);
            }
            RefcountAudit.Report audit =
                    RefcountAudit.of(memory.contentOf(made.disk().file()));
            assertThat(audit.corruptions()).isEmpty();
            if (!lostTrack) {
                assertThat(audit.leaks()).isZero();
            }
            // The power may fail besides, before, between and after the failures.
            new CrashVerifier(guest, memory, options, 100, random)
                    .verify(Seeds.longRun() ? 60 : 20, Files.createDirectory(folder.resolve("state")));
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private static DiskRecipe recipe(SplittableRandom random) {
        DiskRecipe recipe = DiskRecipe.plain(512 << random.nextInt(4), 512 * random.nextInt(1, 600), 12);
        if (random.nextInt(4) == 0) {
            recipe = DiskRecipe.plain(16384, recipe.sizeBytes(), recipe.edits()).withExtendedL2();
        }
        if (random.nextBoolean()) {
            recipe = recipe.over(new DiskRecipe.Layer(random.nextBoolean() ? 0 : 1024, 100 << 10, false));
        }
        return random.nextBoolean() ? recipe.withRefcountBits(64) : recipe;
    }

    /** Whether the image had to be closed without its last changes, which leaks as a crash does. */
    private static boolean work(GuestSession guest, FaultyHostFiles files, SplittableRandom random) throws IOException {
        boolean lostTrack = false;
        GuestOperations operations =
                new GuestOperations(guest, random, 16 * guest.disk().clusterBytes());
        for (int round = 0; round < 12; round++) {
            lostTrack |= failOnce(guest, operations, files, random);
            operations.run(random.nextInt(12), MIX);
        }
        if (random.nextBoolean()) {
            lostTrack |= failToClose(guest, files, random);
        }
        guest.read(0, guest.sizeBytes());
        return lostTrack;
    }

    /** Works until something fails, then lets the host be well again. */
    private static boolean failOnce(
            GuestSession guest, GuestOperations operations, FaultyHostFiles files, SplittableRandom random)
            throws IOException {
        ImageException.Kind kind = random.nextBoolean() ? ImageException.Kind.IO : ImageException.Kind.NO_SPACE;
        files.failAfter(random.nextInt(25), random.nextInt(3) == 0 ? 50 : 1, kind);
        try {
            operations.run(40, MIX);
            files.heal();
        } catch (GuestSession.ChangeFailed failed) {
            files.heal();
            assertThat(((ImageException) failed.failure()).kind()).isEqualTo(kind);
            guest.settle(failed);
        } catch (ImageException e) {
            files.heal();
            assertThat(e.kind()).isEqualTo(kind);
        }
        if (files.syncRefused()) {
            takesNoMoreWrites(guest);
            return reopen(guest, files);
        }
        return false;
    }

    /** After a failed sync nobody knows what the disk has, so nothing may be built on it. */
    private static void takesNoMoreWrites(GuestSession guest) {
        assertThatExceptionOfType(ImageException.class).isThrownBy(guest::flush);
        assertThatExceptionOfType(GuestSession.ChangeFailed.class).isThrownBy(() -> guest.zero(0, 1));
    }

    /** A close that cannot flush still closes, and loses nothing that was flushed. */
    private static boolean failToClose(GuestSession guest, FaultyHostFiles files, SplittableRandom random)
            throws IOException {
        files.failAfter(random.nextInt(6), 50, ImageException.Kind.IO);
        return reopen(guest, files);
    }

    /** Closes and opens the image; says whether the close failed. */
    private static boolean reopen(GuestSession guest, FaultyHostFiles files) throws IOException {
        boolean closed = false;
        try {
            guest.close();
            closed = true;
        } catch (ImageException e) {
            assertThat(e.kind()).isEqualTo(ImageException.Kind.IO);
        }
        files.heal();
        guest.reopenAfterClose(closed);
        return !closed;
    }
}
