package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.testing.CrashVerifier;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The workloads of {@link PowerCutTest} on a host that refuses their first operation, their second, and so on to the last:
 * once, or from there on until somebody is told. Each time who asked is told in the host's terms, the host is well again,
 * and the workload goes on with the same open image to its end. Then the disk holds what it should, and nothing is
 * leaked, or the next opening lets go of it, unless the image had to be given up or what failed was work on a closed one.
 */
@NeedsQemu
@Tag("long")
final class FaultSweepTest {
    private static final String FAULT = "cowslip.fault";
    private static final int VERSION_BYTE = 7;
    private static final int INCOMPATIBLE_BYTE = 79;
    private static final int PLACES_IN_BUILD = 4;
    private static final int PLACES_IN_LONG_RUN = 40;

    @TempDir
    Path folder;

    private int failures;
    private int states;

    /** How the host refuses. */
    enum Fault {
        BROKEN_ONCE(ImageException.Kind.IO, 1),
        BROKEN(ImageException.Kind.IO, Integer.MAX_VALUE),
        FULL_ONCE(ImageException.Kind.NO_SPACE, 1),
        FULL(ImageException.Kind.NO_SPACE, Integer.MAX_VALUE);

        private final ImageException.Kind kind;
        private final int times;

        Fault(ImageException.Kind kind, int times) {
            this.kind = kind;
            this.times = times;
        }
    }

    static Stream<Arguments> workloads() {
        return PowerCutWorkload.selected(workload -> true)
                .flatMap(workload -> Seeds.seeds(1, 1).mapToObj(seed -> Arguments.of(workload, seed)));
    }

    @ParameterizedTest(name = "{0}, seed {1}")
    @MethodSource("workloads")
    void comesThrough(PowerCutWorkload workload, long seed, TestReporter reporter) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe.Made made = workload.make(folder, random);
        workload.prepare(made, random);
        Map<Path, byte[]> before = Interruptions.filesOf(folder);
        Files.createDirectory(folder.resolve("state"));
        byte[] disk = made.model().read(0, made.model().sizeBytes());
        long workSeed = random.nextLong();
        FaultyHostFiles counting = new FaultyHostFiles(new CrashingHostFiles(before));
        try (GuestSession session = GuestSession.open(
                made.disk(), workload.options(), TestImages.environment(counting), ModelDisk.of(disk))) {
            workload.run(session, new SplittableRandom(workSeed));
        }
        String replayed = System.getProperty(FAULT);
        for (Fault fault : Fault.values()) {
            int operations = counting.operations(fault.kind);
            for (int place : replayed == null ? places(operations, random) : new int[] {place(replayed, fault)}) {
                if (place >= 0) {
                    new Run(workload, made.disk(), before, disk, fault, place, workSeed).toTheEnd(seed);
                }
            }
        }
        reporter.publishEntry(Map.of("failures", "" + failures, "states", "" + states));
        assertThat(failures).isPositive();
    }

    /** All of them, or so many that lie evenly and begin anywhere. */
    private static int[] places(int operations, SplittableRandom random) {
        int most = Seeds.longRun() ? PLACES_IN_LONG_RUN : PLACES_IN_BUILD;
        int stride = Math.ceilDiv(operations, most);
        return IntStream.iterate(random.nextInt(stride), place -> place < operations, place -> place + stride)
                .toArray();
    }

    private static int place(String replayed, Fault fault) {
        String[] parts = replayed.split(":", -1);
        return parts[0].equals(fault.name()) ? Integer.parseInt(parts[1]) : -1;
    }

    /** One workload with one fault. */
    private final class Run {
        private final PowerCutWorkload workload;
        private final Fault fault;
        private final int place;
        private final SplittableRandom random;
        private final CrashingHostFiles memory;
        private final FaultyHostFiles files;
        private final GuestSession.Disk disk;
        private final ModelDisk model;
        private boolean mayLeak;
        private String told = "nothing";

        Run(
                PowerCutWorkload workload,
                GuestSession.Disk disk,
                Map<Path, byte[]> before,
                byte[] content,
                Fault fault,
                int place,
                long workSeed) {
            this.workload = workload;
            this.disk = disk;
            this.fault = fault;
            this.place = place;
            this.random = new SplittableRandom(workSeed);
            this.memory = new CrashingHostFiles(before);
            this.files = new FaultyHostFiles(memory);
            this.model = ModelDisk.of(content);
        }

        void toTheEnd(long seed) throws IOException {
            try {
                files.failAfter(place, fault.times, fault.kind);
                GuestSession guest = open();
                for (PowerCutWorkload.Step step : workload.steps(guest, random)) {
                    survive(guest, step);
                }
                survive(guest, () -> guest.read(0, guest.sizeBytes()));
                survive(guest, guest::close);
                files.heal();
                guest.close();
                judge(guest);
                failures += files.refused() > 0 ? 1 : 0;
            } catch (IOException | RuntimeException | AssertionError e) {
                throw new AssertionError(
                        workload.replay(FaultSweepTest.class, seed) + " -D" + FAULT + "=" + fault + ":" + place
                                + ", told as " + told + ": " + e,
                        e);
            }
        }

        private GuestSession open() throws IOException {
            ImageEnvironment environment = TestImages.environment(files);
            try {
                return GuestSession.open(disk, workload.options(), environment, model, memory);
            } catch (ImageException failure) {
                told(failure);
                return GuestSession.open(disk, workload.options(), environment, model, memory);
            }
        }

        private void survive(GuestSession guest, PowerCutWorkload.Step step) throws IOException {
            try {
                step.run();
            } catch (GuestSession.ChangeFailed failed) {
                told((ImageException) failed.failure());
                if (files.syncRefused()) {
                    takesNoMoreWrites(guest);
                } else {
                    guest.settle(failed);
                }
                mayLeak |= guest.recover();
            } catch (ImageException failure) {
                told(failure);
                mayLeak |= !guest.isOpen();
                mayLeak |= guest.recover();
            }
        }

        private void told(ImageException failure) {
            files.heal();
            told = "\"" + failure.getMessage() + "\"";
            if (failure.kind() != fault.kind) {
                throw new AssertionError("told as " + failure.kind(), failure);
            }
        }

        /** After a failed sync nobody knows what the disk has, so nothing may be built on it. */
        private void takesNoMoreWrites(GuestSession guest) {
            if (guest.isOpen()) {
                assertThatExceptionOfType(ImageException.class)
                        .isThrownBy(() -> guest.image().flush());
            }
        }

        private void judge(GuestSession guest) throws IOException {
            if (isDirty()) {
                // Who opens it next is to let go of what was left.
                DiskImage.open(disk.file(), workload.options(), TestImages.environment(memory))
                        .close();
                mayLeak = false;
            }
            RefcountAudit.Report audit = RefcountAudit.of(memory.contentOf(disk.file()));
            assertThat(audit.corruptions()).isEmpty();
            if (!mayLeak) {
                assertThat(audit.clean()).as(audit.toString()).isTrue();
            }
            assertThat(Interruptions.read(disk.file(), workload.options(), memory.contents()))
                    .as("what the disk holds")
                    .isEqualTo(model.read(0, model.sizeBytes()));
            assertThat(isDirty()).isFalse();
            // The power may fail besides, before, at and after the failure.
            if (place % 8 == 0) {
                states += new CrashVerifier(guest, memory, workload.options(), Integer.MAX_VALUE, random)
                        .verify(4, folder.resolve("state"));
            }
        }

        private boolean isDirty() {
            byte[] image = memory.contentOf(disk.file());
            return image[VERSION_BYTE] > 2 && (image[INCOMPATIBLE_BYTE] & 1) != 0;
        }
    }
}
