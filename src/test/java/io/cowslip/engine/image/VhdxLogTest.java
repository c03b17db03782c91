package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.testing.ForeignKind;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import io.cowslip.testing.VhdxLogImage;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A VHDX image that was not closed reads as after its log is replayed, and its file stays as it is. */
@NeedsQemu
final class VhdxLogTest {
    private static final int METADATA_TABLE = 2 << 20;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(12, 100);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void readsAsQemuDoesAfterReplay(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        ForeignKind.Made made = ForeignKind.VHDX_SMALL_BLOCKS.make(folder, random, 8 << 20);
        Path image = made.file();
        long table = Long.reverseBytes(number(image, (192 << 10) + 16 + 16));
        boolean goesOnAtItsStart = VhdxLogImage.move(image, random, table, METADATA_TABLE + (64 << 10));
        byte[] before = Files.readAllBytes(image);
        try (DiskImage disk = TestImages.openReadOnly(image)) {
            assertThat(Arrays.mismatch(TestImages.read(disk, 0, made.disk().length), made.disk()))
                    .isNegative();
            assertThat(disk.extentAt(0, made.disk().length).length()).isPositive();
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
        if (goesOnAtItsStart) {
            return;
        }
        // Opened for writing, QEMU replays the log into the file.
        QemuTools.io("vhdx", image, "read 0 512").succeeded();
        Path raw = QemuTools.convert(image, "vhdx", folder.resolve("raw"), "raw");
        assertThat(Arrays.mismatch(Files.readAllBytes(raw), made.disk())).isNegative();
    }

    @Test
    void aFileThatWasCutOffIsRefused() throws IOException {
        Path image = ForeignKind.VHDX_SMALL_BLOCKS.create(folder.resolve("image"), 4 << 20);
        QemuTools.io("vhdx", image, "write -P 1 0 4M").succeeded();
        VhdxLogImage.move(image, new SplittableRandom(1), METADATA_TABLE + (64 << 10));
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(file.length() - (1 << 20));
        }
        assertThatThrownBy(() -> TestImages.openReadOnly(image).close())
                .isInstanceOfSatisfying(
                        ImageException.class,
                        refused -> assertThat(refused.kind()).isEqualTo(ImageException.Kind.INVALID_FORMAT))
                .hasMessageContaining("cut off");
    }

    private static long number(Path image, long offset) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "r")) {
            file.seek(offset);
            return file.readLong();
        }
    }
}
