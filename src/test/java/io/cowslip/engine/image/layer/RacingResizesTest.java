package io.cowslip.engine.image.layer;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.testing.Background;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Guests that read and write while the disk's end moves. Each sector has one writer, which knows what it wrote last; what
 * lies behind the end is refused, and reads as zeros when it comes back.
 */
@NeedsQemu
@Tag("long")
final class RacingResizesTest {
    private static final int SECTOR = 512;
    private static final int ALWAYS_SECTORS = 2000;
    private static final int MOST_SECTORS = 6000;
    private static final int WRITERS = 3;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(6, 60);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void nobodyLosesAByteThatStays(long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        int clusterBytes = 512 << random.nextInt(5);
        boolean backed = random.nextBoolean();
        Path file = make(clusterBytes, backed);
        byte[] written = new byte[ALWAYS_SECTORS];
        if (backed) {
            Arrays.fill(written, (byte) 77);
        }
        try (DiskImage image =
                DiskImage.open(file, TestImages.smallestCaches(512), TestImages.environment(HostFiles.posix()))) {
            AtomicBoolean ended = new AtomicBoolean();
            List<CompletableFuture<Void>> guests = new ArrayList<>();
            for (int lane = 0; lane < WRITERS; lane++) {
                SplittableRandom own = random.split();
                int mine = lane;
                guests.add(Background.run(() -> writeBelow(image, written, mine, own, ended)));
            }
            SplittableRandom above = random.split();
            guests.add(Background.run(() -> writeAbove(image, above, ended)));
            SplittableRandom reading = random.split();
            guests.add(Background.run(() -> readAbove(image, reading, ended)));
            for (int times = 0; times < 25; times++) {
                long sectors = random.nextInt(ALWAYS_SECTORS, MOST_SECTORS + 1);
                Preallocation mode = sectors * SECTOR > image.virtualSizeBytes() && random.nextInt(4) == 0
                        ? Preallocation.METADATA
                        : Preallocation.OFF;
                image.resize(sectors * SECTOR, true, mode);
            }
            ended.set(true);
            guests.forEach(CompletableFuture::join);
            for (int sector = 0; sector < ALWAYS_SECTORS; sector++) {
                requireAll(TestImages.read(image, (long) sector * SECTOR, SECTOR), written[sector], sector);
            }
            image.resize((long) ALWAYS_SECTORS * SECTOR, true, Preallocation.OFF);
            image.resize((long) MOST_SECTORS * SECTOR, true, Preallocation.OFF);
            int gained = (MOST_SECTORS - ALWAYS_SECTORS) * SECTOR;
            assertThat(TestImages.read(image, (long) ALWAYS_SECTORS * SECTOR, gained))
                    .containsOnly(0);
        } catch (Exception | AssertionError e) {
            throw new AssertionError(
                    Seeds.replay(getClass(), seed) + " (a race may need several): " + e.getMessage(), e);
        }
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit();
    }

    private Path make(int clusterBytes, boolean backed) throws IOException {
        Path file = folder.resolve("image");
        String options = "cluster_size=" + clusterBytes;
        if (!backed) {
            return QemuTools.create(file, (long) ALWAYS_SECTORS * SECTOR, options);
        }
        byte[] below = new byte[MOST_SECTORS * SECTOR];
        Arrays.fill(below, (byte) 77);
        Files.write(folder.resolve("below"), below);
        return QemuTools.createOver(file, "below", "raw", (long) ALWAYS_SECTORS * SECTOR, options);
    }

    private static void writeBelow(
            DiskImage image, byte[] written, int lane, SplittableRandom random, AtomicBoolean ended)
            throws IOException {
        while (!ended.get()) {
            int sector = random.nextInt(ALWAYS_SECTORS / WRITERS) * WRITERS + lane;
            byte[] bytes = TestImages.read(image, (long) sector * SECTOR, SECTOR);
            requireAll(bytes, written[sector], sector);
            byte value = (byte) random.nextInt(1, 100);
            Arrays.fill(bytes, value);
            TestImages.write(image, (long) sector * SECTOR, bytes);
            written[sector] = value;
            if (random.nextInt(16) == 0) {
                image.flush();
            }
        }
    }

    private static void requireAll(byte[] bytes, byte value, int sector) {
        for (byte found : bytes) {
            if (found != value) {
                throw new AssertionError("sector " + sector + " has " + found + " where " + value + " was written");
            }
        }
    }

    private static void writeAbove(DiskImage image, SplittableRandom random, AtomicBoolean ended) throws IOException {
        while (!ended.get()) {
            int sector = random.nextInt(ALWAYS_SECTORS, MOST_SECTORS);
            byte[] bytes = new byte[SECTOR];
            Arrays.fill(bytes, (byte) 120);
            try {
                TestImages.write(image, (long) sector * SECTOR, bytes);
            } catch (ImageException refused) {
                assertThat(refused.kind()).isEqualTo(ImageException.Kind.OUT_OF_RANGE);
            }
        }
    }

    /** What is there was written there since it was gained, and the layer below never shows. */
    private static void readAbove(DiskImage image, SplittableRandom random, AtomicBoolean ended) throws IOException {
        while (!ended.get()) {
            int sector = random.nextInt(ALWAYS_SECTORS, MOST_SECTORS);
            try {
                byte[] bytes = TestImages.read(image, (long) sector * SECTOR, SECTOR);
                for (byte found : bytes) {
                    if (found != 0 && found != 120) {
                        throw new AssertionError("sector " + sector + " has " + found);
                    }
                }
            } catch (ImageException refused) {
                assertThat(refused.kind()).isEqualTo(ImageException.Kind.OUT_OF_RANGE);
            }
        }
    }
}
