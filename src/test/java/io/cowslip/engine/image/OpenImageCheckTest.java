package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.Background;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.MetadataSites;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The image of an open drive is checked while guests read, write, zero, discard and flush: no fault is ever found. */
@NeedsQemu
@Tag("long")
@Timeout(120)
final class OpenImageCheckTest {
    private static final int SIZE_BYTES = 4 << 20;
    private static final int GUESTS = 3;
    private static final int CHECKS = 8;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(3, 20);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void findsNothingWhileGuestsWork(long seed) throws Exception {
        int clusterBytes = 512 << new SplittableRandom(seed).nextInt(8);
        Path file = QemuTools.create(folder.resolve("image.qcow2"), SIZE_BYTES, "cluster_size=" + clusterBytes);
        AtomicBoolean done = new AtomicBoolean();
        try (DiskImage image = DiskImage.open(file, TestImages.smallestCaches(512), TestEnvironments.plain())) {
            List<Future<?>> guests = new ArrayList<>();
            for (int i = 0; i < GUESTS; i++) {
                SplittableRandom random = new SplittableRandom(seed + i);
                guests.add(Background.run(() -> work(image, random, done)));
            }
            for (int i = 0; i < CHECKS; i++) {
                CheckReport report = image.check(WorkObserver.NONE);
                assertThat(report.isClean())
                        .as("%s; %s", report, Seeds.replay(getClass(), seed))
                        .isTrue();
            }
            done.set(true);
            for (Future<?> guest : guests) {
                guest.get();
            }
        } finally {
            done.set(true);
        }
        ImageAssertions.assertThat(file).passesQemuCheck();
    }

    private static void work(DiskImage image, SplittableRandom random, AtomicBoolean done) throws IOException {
        while (!done.get()) {
            int length = random.nextInt(1, 100_000);
            int offset = random.nextInt(SIZE_BYTES - length);
            switch (random.nextInt(6)) {
                case 0 -> image.discard(offset, length);
                case 1 -> image.zero(offset, length);
                case 2 -> image.flush();
                case 3 -> assertThat(TestImages.read(image, offset, length)).hasSize(length);
                default -> TestImages.write(image, offset, new byte[length]);
            }
        }
    }

    @Test
    void findsWhatIsDamaged() throws IOException {
        Path file = QemuTools.create(folder.resolve("image.qcow2"), SIZE_BYTES, "");
        QemuTools.edit(file, "write 0 1M");
        byte[] bytes = Files.readAllBytes(file);
        int entry = MetadataSites.of(bytes)
                .getOrDefault(MetadataSites.Kind.L2_ENTRY, List.of())
                .getFirst()
                .offset();
        ByteBuffer.wrap(bytes).putLong(entry, 0);
        Files.write(file, bytes);
        try (DiskImage image = TestImages.open(file)) {
            assertThat(image.check(WorkObserver.NONE).leaks()).isEqualTo(1);
        }
    }

    @Test
    void rawImagesHaveNothingToCheck() throws IOException {
        Path file = Files.write(folder.resolve("plain.raw"), new byte[4096]);
        ImageOptions raw = ImageOptions.defaults().withFormat(ImageFormat.RAW);
        try (DiskImage image = DiskImage.open(file, raw, TestEnvironments.plain())) {
            assertThatThrownBy(() -> image.check(WorkObserver.NONE))
                    .isInstanceOf(ImageException.class)
                    .hasMessageContaining("raw");
        }
    }
}
