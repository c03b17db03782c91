package io.cowslip.engine.image.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.RandomRecipes;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Snapshots that QEMU took: their disks are read, and survive whatever a guest does to the active disk. */
@NeedsQemu
@Tag("long")
final class SnapshotQemuTest {
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(10, 30, 8, 8, 4, 2);

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(12, 150);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void survivesWrites(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = RandomRecipes.recipe(random);
        if (recipe.refcountBits() < 4) {
            recipe = recipe.withRefcountBits(16);
        }
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            Path file = made.disk().file();
            QemuTools.img("snapshot", "-c", "first", file.toString()).succeeded();
            ModelDisk first = ModelDisk.of(made.model().read(0, made.model().sizeBytes()));
            work(made, recipe, random);
            QemuTools.img("snapshot", "-c", "second", file.toString()).succeeded();
            ModelDisk second = ModelDisk.of(made.model().read(0, made.model().sizeBytes()));
            work(made, recipe, random);
            ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(made.model());
            readsAs(file, "first", first);
            readsAs(file, "2", second);
            QemuTools.img("snapshot", "-a", "first", file.toString()).succeeded();
            ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(first);
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    /** Compressed clusters share host clusters, whose counts a snapshot raises: in 4 bits they may have no room for it. */
    private static void work(DiskRecipe.Made made, DiskRecipe recipe, SplittableRandom random) throws IOException {
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        boolean compress = random.nextBoolean() && recipe.refcountBits() >= 8;
        ImageOptions options = TestImages.smallestCaches(512).withWrites(WriteOptions.DEFAULTS.withCompress(compress));
        try (GuestSession guest = GuestSession.open(made.disk(), options, environment, made.model())) {
            new GuestOperations(guest, random, 1 << 20).run(random.nextInt(60), MIX);
        }
    }

    private static void readsAs(Path file, String snapshot, ModelDisk model) throws IOException {
        ImageOptions options = TestImages.readOnly().withSnapshot(snapshot);
        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(HostFiles.posix()))) {
            ImageAssertions.assertThat(image).readsAs(model);
        }
    }

    @Test
    void refusesSnapshotsThatAreNotThereOrAreToBeWritten() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 1 << 20, "");
        QemuTools.img("snapshot", "-c", "before", file.toString()).succeeded();

        refuses(file, TestImages.readOnly().withSnapshot("after"), "no snapshot");
        refuses(file, ImageOptions.defaults().withSnapshot("before"), "read-only");
        refuses(file, TestImages.readOnly().withFormat(ImageFormat.RAW).withSnapshot("before"), "raw");
        try (DiskImage image = DiskImage.open(
                file, TestImages.readOnly().withSnapshot("before"), TestImages.environment(HostFiles.posix()))) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> image.reconfigure(image.options().withReadOnly(false)))
                    .satisfies(refused -> assertThat(refused.option()).isEqualTo("read-only"));
        }
    }

    private static void refuses(Path file, ImageOptions options, String why) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> DiskImage.open(file, options, TestImages.environment(HostFiles.posix())))
                .withMessageContaining(why)
                .satisfies(refused -> assertThat(refused.option()).isEqualTo("snapshot"));
    }
}
