package io.cowslip.engine.image.create;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.RandomRecipes;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.FeatureRecipe;
import io.cowslip.testing.HostPageCache;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What new images will take, to the byte what {@code qemu-img measure} says. */
@Tag("long")
@NeedsQemu
class ImageMeasureTest {
    private static final int[] REFCOUNT_BITS = {1, 2, 4, 8, 16, 32, 64};
    private static final int LEAST_EXTENDED_CLUSTER_BYTES = 16384;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(60, 600);
    }

    static LongStream fewSeeds() {
        return Seeds.seeds(15, 200);
    }

    private static CreateOptions target(SplittableRandom random) {
        if (random.nextInt(8) == 0) {
            return new CreateOptions(ImageFormat.RAW, null, 0, null, null, 16, CreateOptions.CompressionType.ZLIB, 3);
        }
        int clusterBytes = 512 << random.nextInt(13);
        boolean version2 = random.nextInt(4) == 0;
        Preallocation[] modes = Preallocation.values();
        return new CreateOptions(
                        ImageFormat.QCOW2,
                        null,
                        clusterBytes,
                        null,
                        null,
                        version2 ? 16 : REFCOUNT_BITS[random.nextInt(REFCOUNT_BITS.length)],
                        CreateOptions.CompressionType.ZLIB,
                        version2 ? 2 : 3)
                .withExtendedL2(!version2 && clusterBytes >= LEAST_EXTENDED_CLUSTER_BYTES && random.nextBoolean())
                .withPreallocation(random.nextBoolean() ? Preallocation.OFF : modes[random.nextInt(modes.length)]);
    }

    private static List<String> arguments(CreateOptions target) {
        List<String> arguments = new ArrayList<>(List.of("measure", "--output=json"));
        if (target.format() == ImageFormat.RAW) {
            arguments.addAll(List.of("-O", "raw"));
        } else {
            arguments.addAll(List.of(
                    "-O",
                    "qcow2",
                    "-o",
                    "cluster_size=" + target.clusterSizeBytes() + ",refcount_bits=" + target.refcountBits()
                            + ",compat=" + (target.version() == 2 ? "0.10" : "1.1") + ",extended_l2="
                            + (target.extendedL2() ? "on" : "off") + ",preallocation="
                            + target.preallocation().wireName()));
        }
        return arguments;
    }

    private static ImageMeasure byQemu(List<String> arguments) {
        Processes.Output output =
                QemuTools.img(arguments.toArray(String[]::new)).succeeded();
        JsonNode measured = JsonMapper.shared().readTree(output.out());
        return new ImageMeasure(
                measured.get("required").asLong(),
                measured.get("fully-allocated").asLong(),
                measured.has("bitmaps") ? measured.get("bitmaps").asLong() : null);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void emptyDisks(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        CreateOptions target = target(random);
        // Up to 64 GiB, of which small clusters do not map as much.
        long most = target.format() == ImageFormat.RAW ? 1L << 36 : Math.min(1L << 36, 1L << 22 << 9);
        long sizeBytes = random.nextLong(most >>> random.nextInt(20));
        List<String> arguments = arguments(target);
        arguments.addAll(List.of("--size", String.valueOf(sizeBytes)));
        assertThat(ImageMeasure.ofEmpty(target, sizeBytes))
                .as(arguments + "; " + Seeds.replay(getClass(), seed))
                .isEqualTo(byQemu(arguments));
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("fewSeeds")
    void chains(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = RandomRecipes.recipe(random);
        measure(recipe.make(folder, random).disk().file(), false, target(random), recipe + "", seed);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("fewSeeds")
    void imagesWithSnapshotsAndBitmaps(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        FeatureRecipe recipe = FeatureRecipe.any(random);
        Path image = recipe.make(folder.resolve("image.qcow2"), random);
        measure(image, recipe.dataFile(), target(random), recipe + "", seed);
    }

    /** Whether QEMU guesses that the image has its places from the start, and leaves out what the host has as holes. */
    private static boolean seesHolesInData(Path image) {
        return QemuTools.map(image).stream().anyMatch(entry -> entry.zero() && entry.data());
    }

    /** @param dataFile whether it has its data in a file of its own, where QEMU and we may see other holes of the host */
    private void measure(Path image, boolean dataFile, CreateOptions target, String what, long seed)
            throws IOException {
        List<String> arguments = arguments(target);
        arguments.addAll(List.of("-f", "qcow2", image.toString()));
        HostPageCache.writeOut(folder);
        ImageMeasure qemu = byQemu(arguments);
        try (DiskImage source =
                DiskImage.open(image, TestImages.readOnly(), TestImages.environment(HostFiles.posix()))) {
            ImageMeasure ours = ImageMeasure.ofCopy(target, source, WorkObserver.NONE);
            assertThat(
                            dataFile || seesHolesInData(image)
                                    ? new ImageMeasure(
                                            qemu.requiredBytes(), ours.fullyAllocatedBytes(), ours.bitmapsBytes())
                                    : ours)
                    .as(what + ", " + arguments + "; " + Seeds.replay(getClass(), seed))
                    .isEqualTo(qemu);
            if (!dataFile) {
                assertThat(ours.requiredBytes()).isGreaterThanOrEqualTo(qemu.requiredBytes());
            }
        }
    }
}
