package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.CrashVerifier;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The host loses power at any point of a workload, with any part of what was not yet synced on the disk: a crash may
 * leak clusters and nothing else, and everything that a flush acknowledged is there.
 */
@NeedsQemu
@Tag("long")
final class PowerCutTest {

    @TempDir
    Path folder;

    static Stream<Arguments> workloads() {
        return PowerCutWorkload.selected(workload -> true)
                .flatMap(workload -> Seeds.seeds(2, 3).mapToObj(seed -> Arguments.of(workload, seed)));
    }

    @ParameterizedTest(name = "{0}, seed {1}")
    @MethodSource("workloads")
    void leaksAtMost(PowerCutWorkload workload, long seed, TestReporter reporter) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe.Made made = workload.make(folder, random);
        workload.prepare(made, random);
        CrashingHostFiles files = new CrashingHostFiles();
        try {
            GuestSession session = run(workload, made, files, random);
            assertThat(workload.led(files.contentOf(made.disk().file()))).isTrue();
            CrashVerifier verifier = new CrashVerifier(
                    session, files, workload.options(), workload.askQemu() ? 40 : Integer.MAX_VALUE, random);
            int states = verifier.verify(Seeds.longRun() ? 800 : 150, Files.createDirectory(folder.resolve("state")));
            reporter.publishEntry("states", Integer.toString(states));
            assertThat(states).isPositive();
            assertThat(verifier.dirtyStates() > 0).isEqualTo(workload.marksDirty());
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(workload.replay(getClass(), seed) + ": " + e.getMessage(), e);
        }
    }

    private static GuestSession run(
            PowerCutWorkload workload, DiskRecipe.Made made, CrashingHostFiles files, SplittableRandom random)
            throws IOException {
        GuestSession session = GuestSession.open(made.disk(), workload.options(), files, made.model());
        try (session) {
            workload.run(session, random);
        }
        return session;
    }
}
