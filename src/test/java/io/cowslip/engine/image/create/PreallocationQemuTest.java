package io.cowslip.engine.image.create;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Preallocated images are what {@code qemu-img create} makes with the same options: as large, and mapped alike. */
@NeedsQemu
class PreallocationQemuTest {
    private static final long SIZE = 1_000_448;

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "METADATA, 65536, 16, 3", "METADATA, 512, 1, 3", "METADATA, 512, 64, 3", "METADATA, 4096, 16, 2",
        "METADATA, 2097152, 16, 3", "FALLOC, 65536, 16, 3", "FALLOC, 4096, 16, 2", "FULL, 65536, 16, 3",
        "FULL, 512, 16, 3", "OFF, 65536, 16, 3"
    })
    void isAsQemuMakesIt(Preallocation preallocation, int clusterBytes, int refcountBits, int version)
            throws IOException {
        Path ours = folder.resolve("ours");
        CreateOptions options = qcow2(clusterBytes, refcountBits, version).withPreallocation(preallocation);
        ImageCreator.create(ours, options, TestEnvironments.plain());
        Path theirs = QemuTools.create(
                folder.resolve("theirs"),
                SIZE,
                "preallocation=" + preallocation.wireName() + ",cluster_size=" + clusterBytes + ",refcount_bits="
                        + refcountBits + ",compat=" + (version == 2 ? "0.10" : "1.1"));

        assertClean(ours);
        assertThat(mapped(ours)).isEqualTo(mapped(theirs));
        assertThat(Files.size(ours))
                .isBetween(Files.size(theirs) - 2L * clusterBytes, Files.size(theirs) + 2L * clusterBytes);
        if (preallocation == Preallocation.FALLOC || preallocation == Preallocation.FULL) {
            assertThat(QemuTools.info(ours).path("actual-size").asLong()).isGreaterThanOrEqualTo(SIZE);
        }
        QemuTools.edit(ours, "read -P 0 0 " + SIZE, "write -P 5 100000 300000");
        assertClean(ours);
        try (DiskImage image = DiskImage.open(ours, ImageOptions.defaults(), TestEnvironments.plain())) {
            assertThat(TestImages.read(image, 100_000, 300_000)).containsOnly(5);
            TestImages.write(image, 0, new byte[] {1, 2, 3});
        }
        assertClean(ours);
    }

    /** All places are taken, so a write of the whole disk grows nothing. */
    @ParameterizedTest
    @EnumSource(
            value = Preallocation.class,
            names = {"METADATA", "FALLOC", "FULL"})
    void writingItAllGrowsNothing(Preallocation preallocation) throws IOException {
        Path file = folder.resolve("image");
        ImageCreator.create(file, qcow2(4096, 16, 3).withPreallocation(preallocation), TestEnvironments.plain());
        long size = Files.size(file);
        try (DiskImage image = DiskImage.open(file, ImageOptions.defaults(), TestEnvironments.plain())) {
            TestImages.write(image, 0, new byte[(int) SIZE]);
        }
        assertThat(Files.size(file)).isEqualTo(size);
        assertClean(file);
    }

    @ParameterizedTest
    @EnumSource(
            value = Preallocation.class,
            names = {"OFF", "FALLOC", "FULL"})
    void rawFilesHaveTheirSpace(Preallocation preallocation) throws IOException {
        Path file = folder.resolve("disk.raw");
        ImageCreator.create(
                file,
                new CreateOptions(ImageFormat.RAW, SIZE, 65536, null, null, 16, CompressionType.ZLIB, 3)
                        .withPreallocation(preallocation),
                TestEnvironments.plain());

        assertThat(file).hasSize(SIZE).hasBinaryContent(new byte[(int) SIZE]);
        boolean allocated =
                ImageInfo.chain(file, TestEnvironments.plain()).getFirst().actualSizeBytes() >= SIZE;
        assertThat(allocated).isEqualTo(preallocation != Preallocation.OFF);
    }

    @ParameterizedTest
    @EnumSource(Preallocation.class)
    void aDataFileHasTheSpaceAndTheImageTheMap(Preallocation preallocation) throws IOException {
        Path file = folder.resolve("image");
        ImageCreator.create(
                file,
                qcow2(65536, 16, 3).withDataFile("data", false).withPreallocation(preallocation),
                TestEnvironments.plain());

        assertThat(folder.resolve("data")).hasSize(SIZE);
        String opened = "driver=qcow2,file.driver=file,file.filename=" + file
                + ",data-file.driver=file,data-file.filename=" + folder.resolve("data");
        QemuTools.img("check", "--image-opts", opened).succeeded();
        String map = QemuTools.img("map", "--output=json", "--image-opts", opened)
                .succeeded()
                .out();
        assertThat(map.contains("\"present\": true")).isEqualTo(preallocation != Preallocation.OFF);
    }

    /** The places hold what would decrypt to noise. */
    @ParameterizedTest
    @EnumSource(Preallocation.class)
    void anEncryptedDiskReadsAsZeros(Preallocation preallocation) throws IOException {
        Path file = folder.resolve("image");
        Secret secret = Secret.of("open sesame");
        NewEncryption encryption = new NewEncryption(secret, "aes-256", "xts", "plain64", null, "sha256", 1000);
        ImageCreator.create(
                file,
                qcow2(65536, 16, 3).withEncrypt(encryption).withPreallocation(preallocation),
                TestEnvironments.plain());

        ImageOptions opened = ImageOptions.defaults().withEncrypt(new EncryptOptions(null, secret, null));
        try (DiskImage image = DiskImage.open(file, opened, TestEnvironments.plain())) {
            assertThat(TestImages.read(image, 0, (int) SIZE)).containsOnly(0);
            TestImages.write(image, 100_000, new byte[] {1, 2, 3});
            assertThat(TestImages.read(image, 65536, 65536)).hasSize(65536).contains(1, 2, 3);
        }
        String secretOption = "secret,id=key,data=open sesame";
        String imageOptions = "driver=qcow2,file.driver=file,encrypt.key-secret=key,file.filename=" + file;
        QemuTools.img("check", "--object", secretOption, "--image-opts", imageOptions)
                .succeeded();
    }

    @Test
    void lazyRefcountsAreMarked() throws IOException {
        Path file = folder.resolve("image");
        ImageCreator.create(file, qcow2(65536, 16, 3).withLazyRefcounts(true), TestEnvironments.plain());
        assertThat(QemuTools.info(file)
                        .at("/format-specific/data/lazy-refcounts")
                        .asBoolean())
                .isTrue();
        assertClean(file);
    }

    /** More clusters than the refcount table may count. */
    @Test
    void moreThanCanBeCountedIsRefused() {
        Path file = folder.resolve("image");
        CreateOptions options = new CreateOptions(
                        ImageFormat.QCOW2, 64L << 30, 512, null, null, 64, CompressionType.ZLIB, 3)
                .withPreallocation(Preallocation.METADATA);
        assertThatThrownBy(() -> ImageCreator.create(file, options, TestEnvironments.plain()))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("preallocation");
        assertThat(file).doesNotExist();
    }

    @Test
    void notWithABackingFile() {
        CreateOptions over = new CreateOptions(
                        ImageFormat.QCOW2, SIZE, 65536, "b", ImageFormat.RAW, 16, CompressionType.ZLIB, 3)
                .withPreallocation(Preallocation.METADATA);
        assertThatThrownBy(() -> ImageCreator.create(folder.resolve("image"), over, TestEnvironments.plain()))
                .hasMessageContaining("backing-file");
    }

    /** Subclusters that are not allocated show it, and a write copies what is left of them. */
    @ParameterizedTest
    @EnumSource(
            value = Preallocation.class,
            names = {"METADATA", "FALLOC", "FULL"})
    void theBackingFileShowsThroughSubclusters(Preallocation preallocation) throws IOException {
        Path base = QemuTools.create(folder.resolve("base"), SIZE / 2 & -512, "");
        QemuTools.edit(base, "write -P 3 0 400k");
        Path file = folder.resolve("image");
        CreateOptions over = new CreateOptions(
                        ImageFormat.QCOW2, SIZE, 65536, "base", ImageFormat.QCOW2, 16, CompressionType.ZLIB, 3)
                .withExtendedL2(true)
                .withPreallocation(preallocation);
        ImageCreator.create(file, over, TestEnvironments.plain());
        long size = Files.size(file);
        Path theirs = QemuTools.createOver(
                folder.resolve("theirs"),
                "base",
                "qcow2",
                SIZE,
                "extended_l2=on,preallocation=" + preallocation.wireName());
        assertThat(QemuTools.map(file)).isEqualTo(QemuTools.map(theirs));
        QemuTools.edit(file, "read -P 3 0 400k", "read -P 0 400k 500k");
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 1000, new byte[] {1, 2, 3});
            assertThat(TestImages.read(image, 0, 1000)).containsOnly(3);
            assertThat(TestImages.read(image, 1003, 300_000)).containsOnly(3);
        }
        assertThat(file).hasSize(size);
        QemuTools.edit(file, "read -P 3 0 1000", "read -P 3 1003 300k");
        assertClean(file);
    }

    @ParameterizedTest
    @EnumSource(
            value = Preallocation.class,
            names = {"METADATA", "FALLOC", "FULL"})
    void aHostThatRefusesLeavesNothing(Preallocation preallocation) throws IOException {
        FaultyHostFiles files = new FaultyHostFiles(HostFiles.posix());
        Path file = folder.resolve("image");
        CreateOptions options = qcow2(65536, 16, 3).withDataFile("data", false).withPreallocation(preallocation);
        int refusals = 0;
        for (int after = 0; refusals == after; after++) {
            files.failAfter(after, 1, ImageException.Kind.NO_SPACE);
            try {
                ImageCreator.create(file, options, TestImages.environment(files));
            } catch (ImageException refused) {
                refusals++;
                assertThat(refused.kind()).isEqualTo(ImageException.Kind.NO_SPACE);
                assertThat(folder).isEmptyDirectory();
            }
        }
        assertThat(refusals).isGreaterThan(4);
        assertThat(file).exists();
    }

    private static void assertClean(Path image) {
        QemuTools.CheckResult check = QemuTools.check(image);
        assertThat(check.clean()).as(check.details()).isTrue();
    }

    private static CreateOptions qcow2(int clusterBytes, int refcountBits, int version) {
        return new CreateOptions(
                ImageFormat.QCOW2, SIZE, clusterBytes, null, null, refcountBits, CompressionType.ZLIB, version);
    }

    /** Which ranges are there as data: whether they hold zeros is for the host's file system to tell. */
    private static List<String> mapped(Path image) {
        List<String> ranges = new ArrayList<>();
        long end = 0;
        boolean last = false;
        for (QemuTools.MapEntry range : QemuTools.map(image)) {
            boolean present = range.present() && range.data();
            if (ranges.isEmpty() || present != last) {
                ranges.add(end + " " + present);
            }
            last = present;
            end = range.start() + range.length();
        }
        ranges.add("end " + end);
        return ranges;
    }
}
