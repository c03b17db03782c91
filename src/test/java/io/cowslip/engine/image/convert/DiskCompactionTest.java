package io.cowslip.engine.image.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.Interruptions;
import io.cowslip.engine.image.MatrixCase;
import io.cowslip.engine.image.MatrixDisk;
import io.cowslip.engine.image.QemuMatrixTest;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.FeatureRecipe;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Images of every kind compacted: disks, snapshots and bitmaps are as before, and the file takes no more than it needs. */
@NeedsQemu
class DiskCompactionTest {
    private static final List<MatrixCase> CASES = MatrixCase.all()
            .filter(MatrixCase::isMadeByQemu)
            .filter(MatrixCase::isWritable)
            .toList();
    private static final int STATES = 80;
    private static final int REFUSALS = 15;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(8, 200);
    }

    static LongStream fewSeeds() {
        return Seeds.seeds(3, 40);
    }

    private static DiskCompaction.Outcome compact(Path image, ImageOptions options) throws IOException {
        DiskCompaction.Outcome outcome =
                DiskCompaction.compact(image, options, WorkObserver.NONE, TestImages.environment(HostFiles.posix()));
        Processes.awaitStarts();
        return outcome;
    }

    /** With passphrases, data files, backing files, snapshots and bitmaps, as QEMU makes them. */
    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void allThatQemuMakesIsAsBefore(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        MatrixCase wanted = CASES.get(random.nextInt(CASES.size()));
        try {
            MatrixDisk disk =
                    MatrixDisk.make(new MatrixDisk.Created(wanted.asCreated(), folder, random), wanted, random);
            DiskCompaction.Outcome outcome = compact(disk.tools().image(), QemuMatrixTest.options(wanted));
            requireNotLonger(outcome, wanted.clusterBytes());
            disk.tools().requireSound(disk.contents());
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(wanted.id() + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    /** QEMU's files end within a cluster at times, ours after a whole one. */
    private static void requireNotLonger(DiskCompaction.Outcome outcome, int clusterBytes) {
        assertThat(outcome.fileBytesAfter()).isLessThan(outcome.fileBytesBefore() + clusterBytes);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void fragmentedImagesWithSnapshotsAreAsBefore(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        FeatureRecipe recipe = FeatureRecipe.any(random);
        Path image = recipe.make(folder.resolve("image.qcow2"), random);
        try {
            List<byte[]> before = contents(image, recipe);
            DiskCompaction.Outcome outcome = compact(image, ImageOptions.defaults());
            requireNotLonger(outcome, recipe.clusterBytes());
            ImageAssertions.assertThat(image).passesQemuCheck();
            List<byte[]> after = contents(image, recipe);
            for (int disk = 0; disk < before.size(); disk++) {
                assertThat(Arrays.mismatch(before.get(disk), after.get(disk)))
                        .as("where disk " + disk + " differs")
                        .isNegative();
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    /** What QEMU reads as the active disk and as each snapshot. */
    private List<byte[]> contents(Path image, FeatureRecipe recipe) throws IOException {
        List<byte[]> contents = new ArrayList<>();
        for (int number = -1; number < recipe.snapshots(); number++) {
            Path raw = folder.resolve("content.raw");
            List<String> arguments = new ArrayList<>(List.of("convert", "-f", "qcow2", "-O", "raw"));
            if (number >= 0) {
                arguments.addAll(List.of("-l", "snapshot.name=snapshot" + number));
            }
            arguments.addAll(List.of(image.toString(), raw.toString()));
            QemuTools.img(arguments.toArray(String[]::new)).succeeded();
            contents.add(Files.readAllBytes(raw));
        }
        return contents;
    }

    @Tag("long")
    @ParameterizedTest(name = "seed {0}")
    @MethodSource("fewSeeds")
    void interruptionsLeaveDisksThatReadAsBefore(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        FeatureRecipe recipe = FeatureRecipe.any(random);
        while (recipe.clusterBytes() > 16384) {
            recipe = FeatureRecipe.any(random);
        }
        Path image = recipe.make(folder.resolve("image.qcow2"), random);
        try {
            Map<Path, byte[]> files = Interruptions.filesOf(folder);
            List<byte[]> before = inMemory(image, recipe, files);
            FeatureRecipe made = recipe;
            Interruptions interruptions = new Interruptions(
                    files,
                    (environment, observer) ->
                            DiskCompaction.compact(image, ImageOptions.defaults(), observer, environment),
                    left -> {
                        Interruptions.requireLeaksAtMost(image, left);
                        List<byte[]> after = inMemory(image, made, left);
                        for (int disk = 0; disk < before.size(); disk++) {
                            assertThat(Arrays.mismatch(before.get(disk), after.get(disk)))
                                    .as("where disk " + disk + " differs")
                                    .isNegative();
                        }
                    },
                    random);
            assertThat(interruptions.cutPower(STATES)).isPositive();
            interruptions.refuse(REFUSALS);
            interruptions.cancel();
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private static List<byte[]> inMemory(Path image, FeatureRecipe recipe, Map<Path, byte[]> files) throws IOException {
        List<byte[]> contents = new ArrayList<>();
        contents.add(Interruptions.read(image, ImageOptions.defaults(), files));
        for (int number = 0; number < recipe.snapshots(); number++) {
            contents.add(Interruptions.read(image, ImageOptions.defaults().withSnapshot("snapshot" + number), files));
        }
        return contents;
    }

    /** Every other MiB goes, so that half of what is left lies in the half of the file that can go. */
    @ParameterizedTest
    @CsvSource({
        "512, 1.1, false",
        "4096, 0.10, false",
        "65536, 1.1, false",
        "65536, 0.10, false",
        "65536, 1.1, true",
        "2097152, 1.1, false"
    })
    void theFileIsAsShortAsWhatIsInUse(int clusterBytes, String compat, boolean extended) throws IOException {
        String options = "cluster_size=" + clusterBytes + ",compat=" + compat + (extended ? ",extended_l2=on" : "");
        Path image = QemuTools.create(folder.resolve("image.qcow2"), 32 << 20, options);
        QemuTools.edit(image, "write -P 5 0 32M");
        List<String> discards = new ArrayList<>();
        for (int mib = 0; mib < 32; mib += 4) {
            discards.add("write -P 0 " + mib + "M 2M");
        }
        QemuTools.edit(image, discards.toArray(String[]::new));
        DiskCompaction.Outcome outcome = compact(image, ImageOptions.defaults());
        ImageAssertions.assertThat(image).passesQemuCheck().passesAudit();
        for (int mib = 0; mib < 32; mib += 4) {
            QemuTools.edit(image, "read -P 0 " + mib + "M 2M", "read -P 5 " + (mib + 2) + "M 2M");
        }
        // What the same disk takes when it is written into a new image.
        Path fresh = QemuTools.convert(image, "qcow2", folder.resolve("fresh.qcow2"), "qcow2", "-o", options);
        assertThat(outcome.fileBytesBefore()).isGreaterThan(32 << 20);
        assertThat(outcome.fileBytesAfter())
                .isLessThanOrEqualTo(Files.size(fresh) + 2L * clusterBytes)
                .isEqualTo(Files.size(image));
        assertThat(outcome.actualBytesAfter()).isLessThan(outcome.actualBytesBefore() * 5 / 8);
        assertThat(compact(image, ImageOptions.defaults()).fileBytesAfter())
                .isLessThanOrEqualTo(outcome.fileBytesAfter());
    }

    @Test
    void compressedClustersMoveToo() throws IOException {
        Path image = QemuTools.create(folder.resolve("image.qcow2"), 16 << 20, "");
        QemuTools.edit(image, "write -P 9 0 4M");
        List<String> packed = new ArrayList<>();
        for (int cluster = 64; cluster < 192; cluster++) {
            packed.add("write -c -P " + cluster + " " + cluster * 65536 + " 64k");
        }
        QemuTools.edit(image, packed.toArray(String[]::new));
        QemuTools.edit(image, "discard 0 4M");
        long before = Files.size(image);
        compact(image, ImageOptions.defaults());
        assertThat(Files.size(image)).isLessThan(before - (3 << 20));
        ImageAssertions.assertThat(image).passesQemuCheck().passesAudit();
        for (int cluster = 64; cluster < 192; cluster++) {
            QemuTools.edit(image, "read -P " + cluster + " " + cluster * 65536 + " 64k");
        }
        assertThat(QemuTools.compressedClusters(image)).isEqualTo(128);
    }

    @Test
    void leaksAreGivenBack() throws IOException {
        Path image = QemuTools.create(folder.resolve("image.qcow2"), 4 << 20, "");
        QemuTools.edit(image, "write -P 9 0 1M");
        byte[] bytes = Files.readAllBytes(image);
        // The counts of four clusters behind the end of the file's data.
        int block = (int)
                ByteBuffer.wrap(bytes).getLong((int) ByteBuffer.wrap(bytes).getLong(48));
        int clusters = bytes.length / 65536;
        byte[] longer = Arrays.copyOf(bytes, bytes.length + 4 * 65536);
        for (int leaked = clusters; leaked < clusters + 4; leaked++) {
            ByteBuffer.wrap(longer).putShort(block + 2 * leaked, (short) 1);
        }
        Files.write(image, longer);
        assertThat(QemuTools.check(image).leaks()).isEqualTo(4);
        compact(image, ImageOptions.defaults());
        ImageAssertions.assertThat(image).passesQemuCheck();
        assertThat(Files.size(image)).isLessThanOrEqualTo(bytes.length);
        QemuTools.edit(image, "read -P 9 0 1M");
    }

    @Test
    void aRawDiskGetsHoles() throws IOException {
        Path raw = folder.resolve("disk.raw");
        byte[] content = new byte[8 << 20];
        Arrays.fill(content, 1 << 20, 2 << 20, (byte) 3);
        Files.write(raw, content);
        DiskCompaction.Outcome outcome = compact(raw, ImageOptions.defaults().withFormat(ImageFormat.RAW));
        assertThat(outcome.actualBytesBefore()).isGreaterThanOrEqualTo(8 << 20);
        assertThat(outcome.actualBytesAfter()).isLessThanOrEqualTo((1 << 20) + 65536);
        assertThat(Files.readAllBytes(raw)).isEqualTo(content);
    }

    @Test
    void aDamagedImageIsLeftAlone() throws IOException {
        Path image = QemuTools.create(folder.resolve("image.qcow2"), 1 << 20, "cluster_size=4k");
        QemuTools.edit(image, "write -P 1 0 64k");
        byte[] bytes = Files.readAllBytes(image);
        int block = (int)
                ByteBuffer.wrap(bytes).getLong((int) ByteBuffer.wrap(bytes).getLong(48));
        ByteBuffer.wrap(bytes).putShort(block, (short) 0);
        Files.write(image, bytes);
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> compact(image, ImageOptions.defaults()))
                .withMessageContaining("\"repair\": \"all\"");
        assertThat(Files.readAllBytes(image)).isEqualTo(bytes);
    }

    /** What discarded clusters held that keep their place does not come back. */
    @Test
    void zerosThatKeepTheirPlaceStayZeros() throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), 64 * 512, "cluster_size=512");
        QemuTools.edit(image, "write -P 7 0 32k", "discard 0 16k");
        WriteOptions keeping = new WriteOptions(false, WriteOptions.DetectZeroes.OFF, false, true, false, true);
        try (DiskImage opened = DiskImage.open(
                image, ImageOptions.defaults().withWrites(keeping), TestImages.environment(HostFiles.posix()))) {
            opened.discard(62 * 512, 1024);
            opened.compact(WorkObserver.NONE);
            assertThat(TestImages.read(opened, 62 * 512, 1024)).isEqualTo(new byte[1024]);
        }
        ImageAssertions.assertThat(image).passesQemuCheck();
    }
}
