package io.cowslip.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.testing.MetadataDamage;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Where an image whose metadata was damaged is read by us and by QEMU, both read the same. */
@Tag("long")
@NeedsQemu
final class MutatedImagesQemuTest {
    private static final int CASES = 8;
    private static final int LONG_RUN_CASES = 30;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(3, 10);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void readAsQemuReadsThem(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        Path file = folder.resolve("image");
        byte[] sound = Files.readAllBytes(SmallImages.any(random).make(file, random));
        int cases = Seeds.longRun() ? LONG_RUN_CASES : CASES;
        for (int index = 0; index < cases; index++) {
            MetadataDamage.Damaged damaged = MetadataDamage.to(sound, random.nextInt(1, 4), random);
            Files.write(file, damaged.image());
            byte[] ours = read(file);
            byte[] theirs = ours == null ? null : readByQemu(file);
            if (theirs != null) {
                assertThat(Arrays.mismatch(ours, theirs))
                        .as("first difference after %s; %s", damaged.damage(), Seeds.replay(getClass(), seed))
                        .isNegative();
            }
        }
    }

    private static byte @Nullable [] read(Path file) throws IOException {
        try (DiskImage image = TestImages.openReadOnly(file)) {
            return TestImages.read(image, 0, Math.toIntExact(image.virtualSizeBytes()));
        } catch (ImageException refused) {
            return null;
        }
    }

    private byte @Nullable [] readByQemu(Path file) throws IOException {
        Path raw = folder.resolve("raw");
        Processes.Output converted =
                QemuTools.img("convert", "-f", "qcow2", "-O", "raw", file.toString(), raw.toString());
        return converted.exitCode() == 0 ? Files.readAllBytes(raw) : null;
    }
}
