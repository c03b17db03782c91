package io.cowslip.engine.image;

import static io.cowslip.testing.ImageAssertions.assertThat;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random guests on random images, byte for byte against an array: all cluster sizes, both versions, all refcount widths,
 * backing chains of all kinds, caches from two entries up, changed while in use, with and without the page cache. In the end QEMU must find the image
 * clean and holding the same disk.
 */
@NeedsQemu
@Tag("long")
final class RandomGuestTest {
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(30, 40, 8, 8, 4, 1);

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(40, 500);
    }

    static LongStream rawSeeds() {
        return Seeds.seeds(4, 100);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void readsWhatItWrote(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = RandomRecipes.recipe(random);
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            work(made, recipe, random);
            assertThat(made.disk().file()).passesQemuCheck().passesAudit().holdsForQemu(made.model());
            try (DiskImage image = TestImages.openReadOnly(made.disk().file())) {
                assertThat(image).readsAs(made.model());
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("rawSeeds")
    void readsWhatItWroteToRaw(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        byte[] content = RandomData.disk(random, random.nextInt(1, 800) * 512);
        Path file = Files.write(folder.resolve("disk.raw"), content);
        // A discard of a raw disk reaches every byte.
        GuestSession.Disk disk = new GuestSession.Disk(file, 1, false);
        ImageOptions defaults = ImageOptions.defaults();
        ImageOptions raw = new ImageOptions(
                ImageFormat.RAW,
                false,
                defaults.caches(),
                defaults.cacheCleanIntervalSeconds(),
                defaults.discard(),
                random.nextBoolean(),
                null);
        ModelDisk model = ModelDisk.of(content);
        try (GuestSession guest = GuestSession.open(disk, raw, TestImages.environment(HostFiles.posix()), model)) {
            new GuestOperations(guest, random, 64 << 10).run(300, MIX);
        } catch (IOException | AssertionError e) {
            throw new AssertionError(e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
        Assertions.assertThat(Files.readAllBytes(file)).isEqualTo(model.read(0, model.sizeBytes()));
    }

    private static void work(DiskRecipe.Made made, DiskRecipe recipe, SplittableRandom random) throws IOException {
        boolean direct = random.nextBoolean();
        ImageOptions options = options(recipe, random).withCacheDirect(direct);
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        try (GuestSession guest = GuestSession.open(made.disk(), options, environment, made.model())) {
            GuestOperations operations = new GuestOperations(guest, random, 1 << 20);
            for (int round = 0; round < 8; round++) {
                operations.run(random.nextInt(5, 40), MIX);
                switch (random.nextInt(3)) {
                    case 0 -> guest.cleanCaches();
                    case 1 -> guest.reconfigure(options(recipe, random).withCacheDirect(direct));
                    default -> guest.flush();
                }
            }
            guest.read(0, guest.sizeBytes());
        }
    }

    private static ImageOptions options(DiskRecipe recipe, SplittableRandom random) {
        boolean ignored = random.nextInt(4) == 0;
        return new ImageOptions(
                        random.nextBoolean() ? ImageFormat.QCOW2 : null,
                        false,
                        caches(recipe.clusterBytes(), random),
                        random.nextInt(3) * 10L,
                        ignored ? ImageOptions.DiscardMode.IGNORE : ImageOptions.DiscardMode.UNMAP,
                        null,
                        null)
                .withWrites(writes(recipe, random, ignored));
    }

    private static WriteOptions writes(DiskRecipe recipe, SplittableRandom random, boolean discardsIgnored) {
        WriteOptions.DetectZeroes[] detections = WriteOptions.DetectZeroes.values();
        return new WriteOptions(
                random.nextInt(3) == 0,
                detections[random.nextInt(discardsIgnored ? 2 : 3)],
                random.nextBoolean() ? null : (Boolean) random.nextBoolean(),
                random.nextBoolean(),
                random.nextBoolean(),
                recipe.version() > 2 && random.nextBoolean());
    }

    private static CacheOptions caches(int clusterBytes, SplittableRandom random) {
        int entryBits = random.nextInt(9, Integer.numberOfTrailingZeros(clusterBytes) + 1);
        Long entry = random.nextInt(4) == 0 ? null : (Long) (1L << entryBits);
        return switch (random.nextInt(4)) {
            case 0 -> CacheOptions.DEFAULTS;
            case 1 -> new CacheOptions(null, entry, null, random.nextLong(4L * clusterBytes), random.nextBoolean());
            default -> new CacheOptions(random.nextLong(1 + 4L * clusterBytes), entry, 0L, null, random.nextBoolean());
        };
    }
}
