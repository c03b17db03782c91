package io.cowslip.engine.image.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.ImageOptions.DiscardMode;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.image.options.WriteOptions.DetectZeroes;
import io.cowslip.testing.CountingHostFiles;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code detect-zeroes} and {@code pass-discard-*} do to an image what they do in QEMU. */
@NeedsQemu
class WriteOptionsTest {
    /** A file with holes may need blocks of the host's file system for its list of extents. */
    private static final int HOST_METADATA_BYTES = 64 << 10;

    private static final int CLUSTER = 65536;

    @TempDir
    Path folder;

    /** Old data, a hole, a hole over a backing file's data, and data. */
    @ParameterizedTest
    @EnumSource(DetectZeroes.class)
    void zerosLeaveTheEntriesThatQemuLeaves(DetectZeroes detection) throws IOException {
        QemuTools.edit(QemuTools.create(folder.resolve("base"), 16 * CLUSTER, ""), "write -P 9 512k 128k");
        Path ours = QemuTools.createOver(folder.resolve("ours"), "base", "qcow2", 16 * CLUSTER, "");
        QemuTools.edit(ours, "write -P 7 0 256k");
        Path theirs = Files.copy(ours, folder.resolve("theirs"));
        try (DiskImage image = DiskImage.open(ours, detecting(detection), TestEnvironments.plain())) {
            TestImages.write(image, CLUSTER, new byte[2 * CLUSTER]);
            TestImages.write(image, 8 * CLUSTER, new byte[2 * CLUSTER]);
            TestImages.write(image, 5 * CLUSTER, nonZero(CLUSTER));
        }
        QemuTools.edit(
                theirs,
                "reopen -o detect-zeroes=" + detection.wireName() + ",discard=unmap",
                "write -P 0 64k 128k",
                "write -P 0 512k 128k",
                "write -P 3 320k 64k");

        assertThat(QemuTools.check(ours).clean()).isTrue();
        assertThat(QemuTools.map(ours)).isEqualTo(QemuTools.map(theirs));
        QemuTools.compare(ours, "qcow2", theirs, "qcow2").succeeded();
    }

    /** Within one request, only the clusters that are zeros all over. */
    @Test
    void dataAmongZerosStaysData() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 16 * CLUSTER, "");
        byte[] bytes = new byte[8 * CLUSTER];
        bytes[2 * CLUSTER + 77] = 1;
        bytes[5 * CLUSTER - 1] = 2;
        bytes[6 * CLUSTER] = 3;
        try (DiskImage image = DiskImage.open(file, detecting(DetectZeroes.ON), TestEnvironments.plain())) {
            TestImages.write(image, 1000, bytes);
            assertThat(TestImages.read(image, 1000, bytes.length)).isEqualTo(bytes);
        }
        assertThat(QemuTools.check(file).clean()).isTrue();
        long data = QemuTools.map(file).stream()
                .filter(QemuTools.MapEntry::data)
                .mapToLong(QemuTools.MapEntry::length)
                .sum();
        assertThat(data).isEqualTo(3L * CLUSTER);
    }

    @Test
    void oneByteAnywhereIsSeen() {
        SplittableRandom random = new SplittableRandom(1);
        for (int length : new int[] {1, 7, 8, 9, 15, 16, 17, 511, 4096}) {
            MemorySegment segment = MemorySegment.ofArray(new byte[length + 3]);
            segment.fill((byte) 5).asSlice(1, length).fill((byte) 0);
            assertThat(ZeroDetection.isZero(segment, 1, 1 + length)).isTrue();
            for (int at = 0; at < length; at += length > 64 ? random.nextInt(1, 60) : 1) {
                segment.asSlice(1 + at, 1).fill((byte) 1);
                assertThat(ZeroDetection.isZero(segment, 1, 1 + length)).isFalse();
                segment.asSlice(1 + at, 1).fill((byte) 0);
            }
        }
    }

    @Test
    void unmappingNeedsDiscards() {
        Path file = QemuTools.create(folder.resolve("image"), CLUSTER, "");
        ImageOptions refused =
                discarding(DiscardMode.IGNORE, new WriteOptions(false, DetectZeroes.UNMAP, null, true, false, false));
        assertThatThrownBy(() -> DiskImage.open(file, refused, TestEnvironments.plain()))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("detect-zeroes");
        assertThatThrownBy(() ->
                        DiskImage.open(file, ImageOptions.defaults().withBacking(refused), TestEnvironments.plain()))
                .hasMessageContaining("backing.detect-zeroes");
    }

    /** Raw disks are zeroed as well, with their space given back or kept. */
    @ParameterizedTest
    @EnumSource(DetectZeroes.class)
    void rawDisksToo(DetectZeroes detection) throws IOException {
        byte[] content = nonZero(4 << 20);
        Path file = Files.write(folder.resolve("disk.raw"), content);
        try (DiskImage image =
                DiskImage.open(file, detecting(detection).withFormat(ImageFormat.RAW), TestEnvironments.plain())) {
            TestImages.write(image, 1 << 20, new byte[2 << 20]);
        }
        Arrays.fill(content, 1 << 20, 3 << 20, (byte) 0);
        assertThat(file).hasBinaryContent(content);
        long allocated =
                ImageInfo.chain(file, TestEnvironments.plain()).getFirst().actualSizeBytes();
        if (detection == DetectZeroes.UNMAP) {
            assertThat(allocated).isLessThanOrEqualTo((2 << 20) + HOST_METADATA_BYTES);
        } else {
            assertThat(allocated).isGreaterThanOrEqualTo(4 << 20);
        }
    }

    /** How many punches reach the host: for a discard, and for a compressed cluster written over. */
    @ParameterizedTest
    @CsvSource({
        "UNMAP,, false, 1, 0",
        "UNMAP, false, false, 0, 0",
        "UNMAP, true, true, 1, 1",
        "IGNORE,, false, 0, 0",
        "IGNORE, true, true, 0, 1"
    })
    void onlyTheFreesThatAreToReachTheHostDo(
            DiscardMode discard, @Nullable Boolean request, boolean other, int forDiscard, int forOverwrite)
            throws IOException {
        Path plain = QemuTools.create(folder.resolve("plain"), 4 * CLUSTER, "");
        QemuTools.edit(plain, "write -P 1 0 64k");
        Path file = QemuTools.convert(plain, "qcow2", folder.resolve("image"), "qcow2", "-c");
        QemuTools.edit(file, "write -P 2 64k 64k");
        CountingHostFiles files = new CountingHostFiles();
        ImageOptions options =
                discarding(discard, new WriteOptions(false, DetectZeroes.OFF, request, true, other, false));
        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(files))) {
            image.discard(CLUSTER, CLUSTER);
        }
        assertThat(files.punches()).isEqualTo(forDiscard);
        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(files))) {
            TestImages.write(image, 0, nonZero(CLUSTER));
        }
        assertThat(files.punches()).isEqualTo(forDiscard + forOverwrite);
        assertThat(QemuTools.check(file).clean()).isTrue();
    }

    /** What is changed while the image is open counts from then on. */
    @Test
    void theyChangeWhileOpen() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 4 * CLUSTER, "");
        QemuTools.edit(file, "write -P 2 0 256k");
        CountingHostFiles files = new CountingHostFiles();
        ImageOptions silent =
                discarding(DiscardMode.UNMAP, new WriteOptions(false, DetectZeroes.OFF, false, true, false, false));
        try (DiskImage image = DiskImage.open(file, silent, TestImages.environment(files))) {
            image.reconfigure(discarding(
                    DiscardMode.UNMAP, new WriteOptions(false, DetectZeroes.UNMAP, true, true, false, false)));
            TestImages.write(image, 0, new byte[CLUSTER]);
        }
        assertThat(files.punches()).isEqualTo(1);
    }

    /** What QEMU 8.1 says: the cluster stays, reads as zeros, and its space goes back to the host. */
    @ParameterizedTest
    @ValueSource(strings = {"", "extended_l2=on"})
    void discardedClustersKeepTheirPlace(String creation) throws IOException {
        Path base = QemuTools.create(folder.resolve("base"), 16 * CLUSTER, "");
        QemuTools.edit(base, "write -P 9 0 1M");
        Path file = QemuTools.createOver(folder.resolve("image"), "base", "qcow2", 16 * CLUSTER, creation);
        QemuTools.edit(file, "write -P 7 0 512k");
        long fileBytes = Files.size(file);
        CountingHostFiles files = new CountingHostFiles();
        ImageOptions options = discarding(DiscardMode.UNMAP, WriteOptions.DEFAULTS.withDiscardNoUnref(true));
        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(files))) {
            image.discard(CLUSTER, 4 * CLUSTER);
            image.discard(9 * CLUSTER, CLUSTER);
            assertThat(files.punches()).isEqualTo(4);
            assertThat(TestImages.read(image, 0, 16 * CLUSTER)).isEqualTo(disk(8, 1, 5));
        }
        assertThat(QemuTools.check(file).clean()).isTrue();
        assertThat(placedZeros(file)).isEqualTo(4L * CLUSTER);
        assertThat(Files.size(file)).isEqualTo(fileBytes);
        long allocated =
                ImageInfo.chain(file, TestEnvironments.plain()).getFirst().actualSizeBytes();
        assertThat(allocated).isLessThan(fileBytes - 3 * CLUSTER);

        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(files))) {
            TestImages.write(image, 2 * CLUSTER + 5, new byte[] {7});
            byte[] disk = disk(8, 1, 5);
            disk[2 * CLUSTER + 5] = 7;
            assertThat(TestImages.read(image, 0, 16 * CLUSTER)).isEqualTo(disk);
        }
        // It went where the cluster was.
        assertThat(Files.size(file)).isEqualTo(fileBytes);
        assertThat(placedZeros(file)).isLessThan(4L * CLUSTER);
        assertThat(QemuTools.check(file).clean()).isTrue();
    }

    /** Sevens up to a cluster, then the backing file's nines; zeros from one cluster to another, and in the tenth. */
    private static byte[] disk(int sevens, int zerosFrom, int zerosTo) {
        byte[] disk = new byte[16 * CLUSTER];
        Arrays.fill(disk, (byte) 9);
        Arrays.fill(disk, 0, sevens * CLUSTER, (byte) 7);
        Arrays.fill(disk, zerosFrom * CLUSTER, zerosTo * CLUSTER, (byte) 0);
        Arrays.fill(disk, 9 * CLUSTER, 10 * CLUSTER, (byte) 0);
        return disk;
    }

    /** Bytes of the disk that read as zeros and have a place in the file. */
    private static long placedZeros(Path file) {
        String map = QemuTools.img("map", "-f", "qcow2", "--output=json", file.toString())
                .succeeded()
                .out();
        long bytes = 0;
        for (JsonNode entry : JsonMapper.shared().readTree(map)) {
            bytes += entry.get("zero").asBoolean() && entry.has("offset")
                    ? entry.get("length").asLong()
                    : 0;
        }
        return bytes;
    }

    /** What a snapshot or compressed data shares cannot be punched, and is let go of as ever. */
    @Test
    void sharedAndCompressedClustersDoNotKeepTheirPlace() throws IOException {
        Path plain = QemuTools.create(folder.resolve("plain"), 4 * CLUSTER, "");
        QemuTools.edit(plain, "write -P 1 0 64k");
        Path file = QemuTools.convert(plain, "qcow2", folder.resolve("image"), "qcow2", "-c");
        QemuTools.edit(file, "write -P 2 64k 64k");
        QemuTools.img("snapshot", "-c", "before", file.toString()).succeeded();
        QemuTools.edit(file, "write -P 3 128k 64k");
        CountingHostFiles files = new CountingHostFiles();
        ImageOptions options = discarding(
                DiscardMode.UNMAP,
                WriteOptions.DEFAULTS.withDetectZeroes(DetectZeroes.UNMAP).withDiscardNoUnref(true));
        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(files))) {
            TestImages.write(image, 0, new byte[3 * CLUSTER]);
            assertThat(files.punches()).isEqualTo(1);
        }
        assertThat(placedZeros(file)).isEqualTo(CLUSTER);
        assertThat(QemuTools.check(file).clean()).isTrue();
        ImageOptions before = TestImages.readOnly().withSnapshot("before");
        try (DiskImage image = DiskImage.open(file, before, TestEnvironments.plain())) {
            assertThat(TestImages.read(image, 0, CLUSTER)).containsOnly(1);
            assertThat(TestImages.read(image, CLUSTER, CLUSTER)).containsOnly(2);
        }
    }

    @Test
    void keepingPlacesTakesVersion3() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 4 * CLUSTER, "compat=0.10");
        ImageOptions options = discarding(DiscardMode.UNMAP, WriteOptions.DEFAULTS.withDiscardNoUnref(true));
        assertThatThrownBy(() -> DiskImage.open(file, options, TestEnvironments.plain()))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("discard-no-unref");
        try (DiskImage image = TestImages.open(file)) {
            assertThatThrownBy(() -> image.reconfigure(options)).hasMessageContaining("discard-no-unref");
        }
    }

    private static ImageOptions detecting(DetectZeroes detection) {
        return ImageOptions.defaults().withWrites(new WriteOptions(false, detection, null, true, false, false));
    }

    private static ImageOptions discarding(DiscardMode discard, WriteOptions writes) {
        ImageOptions defaults = ImageOptions.defaults();
        return new ImageOptions(
                        null, false, defaults.caches(), defaults.cacheCleanIntervalSeconds(), discard, null, null)
                .withWrites(writes);
    }

    private static byte[] nonZero(int length) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) 3);
        return bytes;
    }
}
