package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.host.ShortTransfers;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The workloads of {@link PowerCutTest} on a kernel that cuts every read and write short that it can, through the page
 * cache and past it. Only the end of a file is its end: nobody notices anything, and the disk holds what it should.
 */
@NeedsQemu
@Tag("long")
final class ShortTransfersTest {

    @TempDir
    Path folder;

    static Stream<Arguments> workloads() {
        return PowerCutWorkload.selected(workload -> workload.ordinal() % 3 == 1)
                .flatMap(workload -> Seeds.seeds(1, 4)
                        .mapToObj(seed -> Arguments.of(workload, seed, (workload.ordinal() + seed) % 2 == 0)));
    }

    @ParameterizedTest(name = "{0}, seed {1}, cache.direct {2}")
    @MethodSource("workloads")
    void goUnnoticed(PowerCutWorkload workload, long seed, boolean direct, TestReporter reporter) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        try {
            DiskRecipe.Made made = workload.make(folder, random);
            workload.prepare(made, random);
            ShortTransfers files = new ShortTransfers(random.split());
            ImageOptions options = workload.options().withCacheDirect(direct);
            try (GuestSession guest =
                    GuestSession.open(made.disk(), options, TestImages.environment(files), made.model())) {
                workload.run(guest, random);
                guest.read(0, guest.sizeBytes());
            }
            Path file = made.disk().file();
            assertThat(RefcountAudit.of(Files.readAllBytes(file)).clean()).isTrue();
            assertThat(Interruptions.read(file, workload.options(), Interruptions.filesOf(folder)))
                    .as("what the disk holds")
                    .isEqualTo(made.model().read(0, made.model().sizeBytes()));
            // Past the page cache most of what small clusters need is one block.
            assertThat(files.cutReads()).isGreaterThanOrEqualTo(direct ? 0 : 1);
            assertThat(files.cutWrites()).isGreaterThanOrEqualTo(direct ? 0 : 1);
            assertThat(files.interruptions()).isPositive();
            reporter.publishEntry(Map.of(
                    "reads", "" + files.cutReads(),
                    "writes", "" + files.cutWrites(),
                    "interruptions", "" + files.interruptions()));
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(workload.replay(getClass(), seed) + ": " + e, e);
        }
    }
}
