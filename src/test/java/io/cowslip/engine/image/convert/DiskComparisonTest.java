package io.cowslip.engine.image.convert;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.RandomRecipes;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Comparisons, as {@code qemu-img compare} makes them of the same files. */
@NeedsQemu
class DiskComparisonTest {
    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(12, 150);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void findsTheFirstDifference(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = RandomRecipes.recipe(random);
        DiskRecipe.Made made = recipe.make(Files.createDirectory(folder.resolve("disk")), random);
        byte[] copy = made.model().read(0, made.model().sizeBytes());
        for (int change = random.nextInt(4); change > 0; change--) {
            copy[random.nextInt(copy.length)] ^= (byte) random.nextInt(256);
        }
        byte[] sized =
                random.nextBoolean() ? copy : Arrays.copyOf(copy, 512 * random.nextInt(1, copy.length / 256 + 2));
        long expected = expected(made.model().read(0, copy.length), sized);
        Path other = Files.write(folder.resolve("other.raw"), sized);
        try {
            DiskComparison.Outcome outcome = compare(made.disk().file(), other);
            assertThat(outcome)
                    .isEqualTo(new DiskComparison.Outcome(expected < 0, expected, sized.length == copy.length));
            assertThat(QemuTools.compare(made.disk().file(), "qcow2", other, "raw")
                            .exitCode())
                    .isEqualTo(outcome.identical() ? 0 : 1);
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private static long expected(byte[] one, byte[] other) {
        int length = Math.max(one.length, other.length);
        return Arrays.mismatch(Arrays.copyOf(one, length), Arrays.copyOf(other, length));
    }

    private static DiskComparison.Outcome compare(Path qcow2, Path raw) throws IOException {
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        try (DiskImage one = DiskImage.open(qcow2, TestImages.readOnly(), environment);
                DiskImage other = DiskImage.open(raw, TestImages.readOnly().withFormat(ImageFormat.RAW), environment)) {
            DiskComparison.Outcome outcome = DiskComparison.compare(one, other, WorkObserver.NONE);
            assertThat(DiskComparison.compare(other, one, WorkObserver.NONE)).isEqualTo(outcome);
            return outcome;
        }
    }
}
