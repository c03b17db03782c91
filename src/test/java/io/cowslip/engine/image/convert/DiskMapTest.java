package io.cowslip.engine.image.convert;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.MatrixCase;
import io.cowslip.engine.image.MatrixDisk;
import io.cowslip.engine.image.QemuMatrixTest;
import io.cowslip.engine.image.RandomRecipes;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.map.MappedExtent;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.HostPageCache;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Maps of chains of every kind, entry by entry what {@code qemu-img map} says. */
@NeedsQemu
@Tag("long")
class DiskMapTest {
    private static final List<MatrixCase> CASES =
            MatrixCase.all().filter(MatrixCase::isMadeByQemu).toList();

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(15, 200);
    }

    private static DiskMap map(Path image, ImageOptions options, long start, long length, int limit)
            throws IOException {
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        try (DiskImage disk = DiskImage.open(image, options.withReadOnly(true), environment)) {
            return DiskMap.of(disk, start, length, limit, WorkObserver.NONE);
        }
    }

    private static List<String> shown(DiskMap map) {
        return shown(map.extents());
    }

    private static List<String> shown(List<MappedExtent> extents) {
        return extents.stream().map(DiskMapTest::shown).toList();
    }

    private static String shown(MappedExtent extent) {
        return extent.start() + "+" + extent.length() + " depth " + extent.depth()
                + (extent.present() ? " present" : "") + (extent.zero() ? " zero" : "") + (extent.data() ? " data" : "")
                + (extent.hostOffset() < 0 ? "" : " at " + extent.hostOffset());
    }

    /** QEMU's entries. A place of which nothing is used is none. */
    private static List<MappedExtent> extents(Processes.Output output) {
        List<MappedExtent> extents = new ArrayList<>();
        for (JsonNode entry : JsonMapper.shared().readTree(output.succeeded().out())) {
            boolean present = entry.get("present").asBoolean();
            boolean data = entry.get("data").asBoolean();
            MappedExtent extent = new MappedExtent(
                    entry.get("start").asLong(),
                    entry.get("length").asLong(),
                    entry.get("depth").asInt(),
                    present,
                    entry.get("zero").asBoolean(),
                    data,
                    present && entry.has("offset") ? entry.get("offset").asLong() : -1,
                    Path.of("any"));
            append(extents, extent);
        }
        return extents;
    }

    private static void append(List<MappedExtent> extents, MappedExtent extent) {
        MappedExtent joined = extents.isEmpty() ? null : extents.getLast().joined(extent);
        if (joined != null) {
            extents.removeLast();
        }
        extents.add(joined == null ? extent : joined);
    }

    private static boolean isHoleInData(MappedExtent extent) {
        return extent.zero() && extent.data();
    }

    /** The same where data are data, also those that are holes of the host. */
    private static List<MappedExtent> withoutHolesInData(List<MappedExtent> extents) {
        List<MappedExtent> without = new ArrayList<>();
        for (MappedExtent extent : extents) {
            append(
                    without,
                    new MappedExtent(
                            extent.start(),
                            extent.length(),
                            extent.depth(),
                            extent.present(),
                            extent.zero() && !extent.data(),
                            extent.data(),
                            extent.hostOffset(),
                            extent.hostOffset() < 0 ? null : extent.file()));
        }
        return without;
    }

    /**
     * QEMU tells which data are holes of the host where it guesses, by how much of the image is holes, that the image has its
     * places from the start: in an image without a data file we do not, in one with a data file always.
     */
    private static void assertMapped(List<MappedExtent> ours, List<MappedExtent> qemu) {
        if (ours.stream().anyMatch(DiskMapTest::isHoleInData) && qemu.stream().anyMatch(DiskMapTest::isHoleInData)) {
            assertThat(shown(ours)).isEqualTo(shown(qemu));
        } else {
            assertThat(shown(withoutHolesInData(ours))).isEqualTo(shown(withoutHolesInData(qemu)));
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void chainsAreMappedAsByQemu(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = RandomRecipes.recipe(random);
        Path image = recipe.make(folder, random).disk().file();
        try {
            HostPageCache.writeOut(folder);
            Processes.Output qemu = QemuTools.img("map", "-f", "qcow2", "--output=json", image.toString());
            DiskMap whole = map(image, ImageOptions.defaults(), 0, Long.MAX_VALUE, Integer.MAX_VALUE);
            assertThat(shown(whole)).isEqualTo(shown(withoutHolesInData(extents(qemu))));
            assertThat(whole.nextStart()).isEqualTo(whole.end()).isEqualTo(recipe.sizeBytes());
            assertThat(inPages(image, random)).isEqualTo(whole.extents());
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private static List<MappedExtent> inPages(Path image, SplittableRandom random) throws IOException {
        List<MappedExtent> extents = new ArrayList<>();
        long start = 0;
        while (true) {
            int limit = random.nextInt(1, 5);
            DiskMap page = map(image, ImageOptions.defaults(), start, Long.MAX_VALUE, limit);
            assertThat(page.extents()).hasSizeLessThanOrEqualTo(limit);
            extents.addAll(page.extents());
            if (page.nextStart() == page.end()) {
                return extents;
            }
            start = page.nextStart();
        }
    }

    /** With passphrases, data files, places from the start and subclusters. */
    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void allThatQemuMakesIsMappedAsByQemu(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        MatrixCase wanted = CASES.get(random.nextInt(CASES.size()));
        try {
            MatrixDisk disk =
                    MatrixDisk.make(new MatrixDisk.Created(wanted.asCreated(), folder, random), wanted, random);
            HostPageCache.writeOut(folder);
            Processes.Output qemu = disk.tools().onImage("map", "--output=json");
            DiskMap ours =
                    map(disk.tools().image(), QemuMatrixTest.options(wanted), 0, Long.MAX_VALUE, Integer.MAX_VALUE);
            if (wanted.dataFile() == MatrixCase.DataFile.NONE) {
                assertThat(ours.extents()).noneMatch(DiskMapTest::isHoleInData);
            }
            assertMapped(ours.extents(), extents(qemu));
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(wanted.id() + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    @Test
    void aRawDiskIsMappedAsByQemu() throws IOException {
        Path raw = folder.resolve("disk.raw");
        try (var file = new RandomAccessFile(raw.toFile(), "rw")) {
            file.setLength(4 << 20);
            file.seek(1 << 20);
            file.write(new byte[65536]);
            file.seek(3 << 20);
            byte[] data = new byte[65536];
            Arrays.fill(data, (byte) 1);
            file.write(data);
        }
        HostPageCache.writeOut(folder);
        Processes.Output qemu = QemuTools.img("map", "-f", "raw", "--output=json", raw.toString());
        ImageOptions options = ImageOptions.defaults().withFormat(ImageFormat.RAW);
        assertThat(shown(map(raw, options, 0, Long.MAX_VALUE, Integer.MAX_VALUE)))
                .isEqualTo(shown(extents(qemu)));
        assertThat(Files.size(raw)).isEqualTo(4 << 20);
    }
}
