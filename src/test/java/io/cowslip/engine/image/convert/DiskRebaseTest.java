package io.cowslip.engine.image.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.Interruptions;
import io.cowslip.engine.image.RandomRecipes;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Images of every kind put upon other backing files: their disks read as before, for QEMU as well, at every moment. */
@NeedsQemu
@Tag("long")
class DiskRebaseTest {
    private static final int STATES = 80;
    private static final int REFUSALS = 15;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(12, 150);
    }

    static LongStream fewSeeds() {
        return Seeds.seeds(6, 40);
    }

    /** An image, and what it is to be put upon. */
    private record Rebasing(DiskRecipe recipe, DiskRecipe.Made made, DiskRebase.@Nullable Backing backing) {
        static Rebasing random(DiskRecipe recipe, Path folder, SplittableRandom random) throws IOException {
            DiskRecipe.Made made = recipe.make(folder, random);
            return new Rebasing(recipe, made, newBacking(made, folder, random));
        }

        Path image() {
            return made.disk().file();
        }

        void run(ImageEnvironment environment, WorkObserver observer) throws IOException {
            DiskRebase.rebase(image(), ImageOptions.defaults(), backing, observer, environment);
        }

        @Override
        public String toString() {
            return recipe + " upon " + (backing == null ? "nothing" : backing.name());
        }
    }

    /** Partly what the disk holds, partly not, and shorter or longer. */
    private static DiskRebase.@Nullable Backing newBacking(DiskRecipe.Made made, Path folder, SplittableRandom random)
            throws IOException {
        if (random.nextInt(4) == 0) {
            return null;
        }
        int size = made.model().sizeBytes();
        byte[] content = Arrays.copyOf(made.model().read(0, size), 512 * random.nextInt(1, size / 256 + 2));
        for (int i = random.nextInt(5); i > 0; i--) {
            int length = 512 * random.nextInt(1, content.length / 512 + 1);
            byte[] other = random.nextInt(3) == 0 ? new byte[length] : RandomData.bytes(random, length);
            System.arraycopy(other, 0, content, 512 * random.nextInt((content.length - length) / 512 + 1), length);
        }
        Path raw = Files.write(folder.resolve("new.raw"), content);
        if (random.nextBoolean()) {
            return new DiskRebase.Backing("new.raw", ImageOptions.defaults().withFormat(ImageFormat.RAW));
        }
        String clusterSize = "cluster_size=" + (512 << random.nextInt(12));
        QemuTools.convert(raw, "raw", folder.resolve("new.qcow2"), "qcow2", "-o", clusterSize);
        return new DiskRebase.Backing("new.qcow2", ImageOptions.defaults().withFormat(ImageFormat.QCOW2));
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void theDiskReadsAsBefore(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        Rebasing rebasing = Rebasing.random(RandomRecipes.recipe(random), folder, random);
        try {
            Path copy = Files.copy(rebasing.image(), folder.resolve("copy.qcow2"));
            rebasing.run(TestImages.environment(HostFiles.posix()), WorkObserver.NONE);
            Processes.awaitStarts();
            ImageAssertions.assertThat(rebasing.image())
                    .passesQemuCheck()
                    .passesAudit()
                    .holdsForQemu(rebasing.made.model());
            DiskRebase.Backing backing = rebasing.backing;
            assertThat(QemuTools.info(rebasing.image()).path("backing-filename").asString(""))
                    .isEqualTo(backing == null ? "" : backing.name());
            if (backing == null) {
                QemuTools.img("rebase", "-b", "", copy.toString()).succeeded();
            } else {
                String format = backing.name().substring("new.".length());
                QemuTools.img("rebase", "-b", backing.name(), "-F", format, copy.toString())
                        .succeeded();
            }
            // QEMU 7.2 leaves holes in an image of version 2 without a backing file, where the new one shows through.
            if (rebasing.recipe.version() > 2 || !rebasing.recipe.layers().isEmpty()) {
                assertThat(QemuTools.compare(rebasing.image(), "qcow2", copy, "qcow2")
                                .out())
                        .contains("Images are identical");
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(rebasing + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("fewSeeds")
    void interruptionsLeaveADiskThatReadsAsBefore(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        Rebasing rebasing = Rebasing.random(smallRecipe(random), folder, random);
        byte[] disk = rebasing.made.model().read(0, rebasing.made.model().sizeBytes());
        try {
            Interruptions interruptions = new Interruptions(
                    Interruptions.filesOf(folder),
                    rebasing::run,
                    left -> {
                        Interruptions.requireLeaksAtMost(rebasing.image(), left);
                        byte[] found = Interruptions.read(rebasing.image(), ImageOptions.defaults(), left);
                        assertThat(Arrays.mismatch(found, disk))
                                .as("first byte that differs")
                                .isNegative();
                    },
                    random);
            assertThat(interruptions.cutPower(STATES)).isPositive();
            interruptions.refuse(REFUSALS);
            interruptions.cancel();
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(rebasing + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    static DiskRecipe smallRecipe(SplittableRandom random) {
        DiskRecipe recipe = random.nextInt(4) == 0
                ? DiskRecipe.plain(16384, 400 << 10, 10).withExtendedL2()
                : DiskRecipe.plain(512 << random.nextInt(4), 512 * random.nextInt(20, 400), random.nextInt(15));
        DiskRecipe versioned = !recipe.extendedL2() && random.nextInt(3) == 0 ? recipe.withVersion(2) : recipe;
        int below = 512 * random.nextInt(10, 500);
        return random.nextBoolean()
                ? versioned.over(new DiskRecipe.Layer(0, below, false))
                : versioned.over(
                        new DiskRecipe.Layer(1024, below, true),
                        new DiskRecipe.Layer(4096, 512 * random.nextInt(10, 500), false));
    }

    @Test
    void withoutTheOldBackingFileNobodyKnowsTheDisk() throws IOException {
        QemuTools.create(folder.resolve("base.qcow2"), 1 << 20, "");
        Path image = QemuTools.createOver(folder.resolve("top.qcow2"), "base.qcow2", "qcow2", -1, "");
        Files.delete(folder.resolve("base.qcow2"));
        byte[] before = Files.readAllBytes(image);
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> DiskRebase.rebase(
                        image,
                        ImageOptions.defaults(),
                        null,
                        WorkObserver.NONE,
                        TestImages.environment(HostFiles.posix())))
                .satisfies(refused -> assertThat(refused.kind()).isEqualTo(ImageException.Kind.NOT_FOUND))
                .withMessageContaining("\"base.qcow2\" is not there")
                .withMessageContaining("\"unsafe\": true");
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
    }

    @Test
    void anImageDoesNotStandOnItself() throws IOException {
        Path image = QemuTools.create(folder.resolve("top.qcow2"), 1 << 20, "");
        byte[] before = Files.readAllBytes(image);
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> DiskRebase.rebase(
                        image,
                        ImageOptions.defaults(),
                        new DiskRebase.Backing(
                                "top.qcow2", ImageOptions.defaults().withFormat(ImageFormat.QCOW2)),
                        WorkObserver.NONE,
                        TestImages.environment(HostFiles.posix())))
                .withMessageContaining("leads back to the image itself");
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
    }
}
