package io.cowslip.engine.image.bitmap;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.image.DirtyMap;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.CrashState;
import io.cowslip.testing.CrashStates;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Power cuts while bitmaps are kept up and saved: leaks at most, and no bitmap that is called saved is not. */
@NeedsQemu
@Tag("long")
class DirtyBitmapsCrashTest {
    private static final int SIZE = 1 << 20;

    @TempDir
    private Path folder;

    static LongStream seeds() {
        return Seeds.seeds(2, 20);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void whatIsCalledSavedIsTrue(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        Path file = QemuTools.create(folder.resolve("image"), SIZE, "cluster_size=" + (512 << random.nextInt(8)));
        try (DiskImage image = TestImages.open(file)) {
            image.bitmaps().create("old", 4096, true);
            image.bitmaps().create("gone", 512, true);
            TestImages.write(image, 0, new byte[10_000]);
        }
        byte[] before = disk(file);
        CrashingHostFiles files = new CrashingHostFiles();
        try (DiskImage image = DiskImage.open(file, ImageOptions.defaults(), TestImages.environment(files))) {
            TestImages.write(image, 500_000, filled(random));
            image.bitmaps().create("new", 4096, true);
            image.bitmaps().delete("gone");
            TestImages.write(image, 700_000, filled(random));
        }
        CrashStates states = new CrashStates(files);
        Path crashed = folder.resolve("crashed");
        int saved = 0;
        for (CrashState state : states.choose(80, random)) {
            Map<Path, byte[]> contents = states.files(state);
            Files.write(crashed, contents.get(file));
            QemuTools.CheckResult check = QemuTools.check(crashed);
            assertThat(check.leaksAtMost())
                    .as("%s %s %s", seed, state, check.details())
                    .isTrue();
            saved += requireTrue(crashed, before, seed + " " + state);
        }
        assertThat(saved).isPositive();
    }

    /** A consistent bitmap has the changes since it was made, or there are none. */
    private static int requireTrue(Path crashed, byte[] before, String where) throws IOException {
        int consistent = 0;
        byte[] now = disk(crashed);
        try (DiskImage image = TestImages.openReadOnly(crashed)) {
            for (BitmapInfo bitmap : image.bitmaps().list()) {
                if (bitmap.inconsistent()) {
                    continue;
                }
                consistent++;
                DirtyMap map = image.bitmaps().map(bitmap.name());
                for (int at = 0; at < SIZE; at += 512) {
                    boolean changed = !Arrays.equals(now, at, at + 512, before, at, at + 512);
                    boolean known = bitmap.name().equals("new") && at < 690_000;
                    assertThat(!changed || known || map.isDirty(at))
                            .as("%s: %s misses the change at %s", where, bitmap.name(), at)
                            .isTrue();
                }
            }
        }
        return consistent;
    }

    private static byte[] disk(Path file) throws IOException {
        try (DiskImage image = TestImages.openReadOnly(file)) {
            return TestImages.read(image, 0, SIZE);
        }
    }

    private static byte[] filled(SplittableRandom random) {
        byte[] bytes = new byte[20_000];
        random.nextBytes(bytes);
        return bytes;
    }
}
