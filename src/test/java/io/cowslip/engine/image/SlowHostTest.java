package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.SlowHostFiles;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The workloads of {@link PowerCutTest} on a host that takes its time: while the guest waits for an operation, a neighbour
 * reads and writes elsewhere on the disk. Each reads what was written last, and whoever needs nothing of what the guest
 * waits for is done before it. In the end the disk holds what both wrote, and nothing is leaked.
 */
@NeedsQemu
@Tag("long")
@Timeout(300)
final class SlowHostTest {

    @TempDir
    Path folder;

    static Stream<Arguments> workloads() {
        return PowerCutWorkload.selected(workload -> workload.ordinal() % 3 == 0)
                .flatMap(workload -> Seeds.seeds(1, 3).mapToObj(seed -> Arguments.of(workload, seed)));
    }

    @ParameterizedTest(name = "{0}, seed {1}")
    @MethodSource("workloads")
    void holdsUpNobodyElse(PowerCutWorkload workload, long seed, TestReporter reporter) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe.Made made = workload.make(folder, random);
        workload.prepare(made, random);
        CrashingHostFiles memory = new CrashingHostFiles(Interruptions.filesOf(folder));
        ModelDisk model = made.model();
        SlowHostNeighbour neighbour = new SlowHostNeighbour(random.split(), Seeds.longRun() ? 1 : 4);
        SlowHostFiles files = new SlowHostFiles(memory, neighbour::useTheTime);
        try (GuestSession guest =
                GuestSession.open(made.disk(), workload.options(), TestImages.environment(files), model)) {
            neighbour.moveIn(guest);
            for (PowerCutWorkload.Step step : workload.steps(guest, random)) {
                step.run();
                neighbour.finish();
            }
            guest.read(0, guest.sizeBytes());
            neighbour.finish();
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(workload.replay(getClass(), seed) + ": " + e, e);
        }
        Path file = made.disk().file();
        assertThat(RefcountAudit.of(memory.contentOf(file)).clean()).isTrue();
        assertThat(Interruptions.read(file, workload.options(), memory.contents()))
                .as("what the disk holds")
                .isEqualTo(model.read(0, model.sizeBytes()));
        assertThat(neighbour.reads()).isPositive();
        reporter.publishEntry(Map.of(
                "held", "" + neighbour.held(), "reads", "" + neighbour.reads(), "writes", "" + neighbour.writes()));
    }
}
