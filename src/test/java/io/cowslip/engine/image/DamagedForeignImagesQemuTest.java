package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.ForeignKind;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Where an image with another entry here or there is read at all, it reads as QEMU reads it. */
@NeedsQemu
final class DamagedForeignImagesQemuTest {
    private static final long LARGEST_COMPARED = 64 << 20;

    @TempDir
    Path folder;

    static Stream<Arguments> kindsAndSeeds() {
        long[] seeds = Seeds.seeds(2, 60).toArray();
        return Stream.of(ForeignKind.values())
                .flatMap(kind -> Arrays.stream(seeds).mapToObj(seed -> Arguments.of(kind, seed)));
    }

    @ParameterizedTest(name = "{0} seed {1}")
    @MethodSource("kindsAndSeeds")
    void readsAsQemuReadsIt(ForeignKind kind, long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed * 31 + kind.ordinal());
        ForeignKind.Made made = kind.make(folder, random, 3 << 20);
        damage(made.file(), random);
        byte[] ours = read(kind, made.file());
        if (ours == null) {
            return;
        }
        Path raw = folder.resolve("raw");
        Processes.Output qemu = QemuTools.img(
                "convert", "-f", kind.format(), "-O", "raw", made.file().toString(), raw.toString());
        if (qemu.exitCode() == 0) {
            assertThat(Arrays.mismatch(ours, Files.readAllBytes(raw)))
                    .as("%s: first difference; %s", kind, Seeds.replay(getClass(), seed))
                    .isNegative();
        }
    }

    /** A few small numbers in tables, which lead elsewhere in the file, or nowhere. */
    private static void damage(Path image, SplittableRandom random) throws IOException {
        long[] tables = {512, 1536, 1024, 2048, 10_752, 65536, 3 << 20, 2 << 20, 20_480};
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            for (int count = random.nextInt(1, 4); count > 0; count--) {
                long offset = tables[random.nextInt(tables.length)] + 4L * random.nextInt(8);
                if (offset < file.length() - 4) {
                    file.seek(offset);
                    int value = random.nextInt(-2, 40);
                    file.writeInt(random.nextBoolean() ? value : Integer.reverseBytes(value));
                }
            }
        }
    }

    private static byte @Nullable [] read(ForeignKind kind, Path image) throws IOException {
        ImageOptions options = TestImages.readOnly().withFormat(ImageFormat.parse("format", kind.format()));
        try (DiskImage disk = DiskImage.open(image, options, TestEnvironments.plain())) {
            long sizeBytes = disk.virtualSizeBytes();
            return sizeBytes > LARGEST_COMPARED ? null : TestImages.read(disk, 0, (int) sizeBytes);
        } catch (ImageException refused) {
            return null;
        }
    }
}
