package io.cowslip.engine.image.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.CrashState;
import io.cowslip.testing.CrashStates;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.FeatureRecipe;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.MetadataDamage;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A repair is interrupted by a power cut, by a host that refuses, or by who asked for it: the image is then as it was,
 * or says that it is corrupt or dirty, or has leaks only; and another repair makes it sound.
 */
@NeedsQemu
@Tag("long")
final class InterruptedRepairTest {
    private static final int DAMAGES_PER_IMAGE = 4;
    private static final int STATES_PER_DAMAGE = 40;
    private static final int FAILURES_PER_DAMAGE = 12;
    private static final int INCOMPATIBLE_FEATURES = 72;
    private static final int DIRTY = 1;
    private static final int CORRUPT = 2;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(3, 25);
    }

    private record Case(Path file, byte[] damaged, SplittableRandom random) {}

    @FunctionalInterface
    private interface Interruption {
        void tryOn(Case damaged) throws IOException;
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void powerCutsLeaveNothingWorse(long seed) throws IOException {
        onDamagedImages(seed, InterruptedRepairTest::cutPower);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void refusedOperationsLeaveNothingWorse(long seed) throws IOException {
        onDamagedImages(seed, InterruptedRepairTest::refuse);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void cancellationsLeaveNothingWorse(long seed) throws IOException {
        onDamagedImages(seed, InterruptedRepairTest::cancel);
    }

    private void onDamagedImages(long seed, Interruption interruption) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        FeatureRecipe recipe = FeatureRecipe.any(random);
        Path file = recipe.make(folder.resolve("image.qcow2"), random);
        byte[] sound = Files.readAllBytes(file);
        for (int i = 0; i < DAMAGES_PER_IMAGE; i++) {
            MetadataDamage.Damaged damaged = MetadataDamage.to(sound, random.nextInt(1, 4), random);
            try {
                interruption.tryOn(new Case(file, damaged.image(), random));
            } catch (IOException | RuntimeException | AssertionError e) {
                throw new AssertionError(
                        recipe + ", " + damaged.damage() + ": " + e.getMessage() + "; "
                                + Seeds.replay(getClass(), seed),
                        e);
            }
        }
    }

    private static void cutPower(Case damaged) throws IOException {
        CrashingHostFiles files = new CrashingHostFiles(Map.of(damaged.file, damaged.damaged));
        repair(damaged.file, files);
        CrashStates states = new CrashStates(files);
        int number = 0;
        for (CrashState state : states.choose(STATES_PER_DAMAGE, damaged.random)) {
            byte[] left = Objects.requireNonNull(states.files(state).get(damaged.file));
            try {
                assertNoWorse(damaged, left, ++number % 20 == 0);
            } catch (AssertionError e) {
                throw new AssertionError(e.getMessage() + " in " + state + states.around(state.point()), e);
            }
        }
    }

    private static void refuse(Case damaged) throws IOException {
        for (int i = 0; i < FAILURES_PER_DAMAGE; i++) {
            CrashingHostFiles memory = new CrashingHostFiles(Map.of(damaged.file, damaged.damaged));
            FaultyHostFiles files = new FaultyHostFiles(memory);
            ImageException.Kind kind =
                    damaged.random.nextBoolean() ? ImageException.Kind.IO : ImageException.Kind.NO_SPACE;
            files.failAfter(damaged.random.nextInt(120), damaged.random.nextBoolean() ? 1 : 50, kind);
            try {
                repair(damaged.file, files);
            } catch (ImageException refused) {
                assertThat(refused.kind()).isEqualTo(kind);
            }
            assertNoWorse(damaged, memory.contentOf(damaged.file), i == 0);
        }
    }

    private static void cancel(Case damaged) throws IOException {
        for (int i = 0; i < FAILURES_PER_DAMAGE; i++) {
            CrashingHostFiles files = new CrashingHostFiles(Map.of(damaged.file, damaged.damaged));
            AtomicInteger left = new AtomicInteger(damaged.random.nextInt(40));
            try {
                ImageCheck.repair(
                        damaged.file,
                        ImageCheck.Repair.ALL,
                        (done, total) -> {
                            if (left.getAndDecrement() <= 0) {
                                throw new CancellationException("enough");
                            }
                        },
                        TestEnvironments.with(files));
            } catch (CancellationException stopped) {
                assertThat(stopped).hasMessage("enough");
            }
            assertNoWorse(damaged, files.contentOf(damaged.file), i == 0);
        }
    }

    private static void assertNoWorse(Case damaged, byte[] left, boolean askQemu) throws IOException {
        if (!Arrays.equals(left, damaged.damaged) && ByteBuffer.wrap(left).getInt(4) >= 3) {
            CheckReport found = ImageCheck.check(
                    damaged.file,
                    WorkObserver.NONE,
                    TestEnvironments.with(new CrashingHostFiles(Map.of(damaged.file, left))));
            long marks = ByteBuffer.wrap(left).getLong(INCOMPATIBLE_FEATURES) & (DIRTY | CORRUPT);
            assertThat(marks != 0
                            || found.findings().stream().allMatch(finding -> finding.kind() == CheckFinding.Kind.LEAK))
                    .as("unmarked: %s", found)
                    .isTrue();
            if (askQemu && marks == DIRTY) {
                Files.write(damaged.file, left);
                QemuTools.edit(damaged.file, "read 0 512");
                ImageAssertions.assertThat(damaged.file).passesQemuCheck();
            }
        }
        CrashingHostFiles files = new CrashingHostFiles(Map.of(damaged.file, left));
        CheckReport repaired = repair(damaged.file, files);
        assertThat(repaired.isClean()).as("%s", repaired).isTrue();
        if (askQemu) {
            Files.write(damaged.file, files.contentOf(damaged.file));
            ImageAssertions.assertThat(damaged.file).passesQemuCheck();
        }
    }

    private static CheckReport repair(Path file, HostFiles files) throws IOException {
        return ImageCheck.repair(file, ImageCheck.Repair.ALL, WorkObserver.NONE, TestEnvironments.with(files));
    }
}
