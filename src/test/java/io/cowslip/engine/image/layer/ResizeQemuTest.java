package io.cowslip.engine.image.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.cache.CacheStats;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.testing.EncryptedImages;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Resizing does and refuses what {@code qemu-img resize} does and refuses, and keeps what QEMU lets go of. */
@NeedsQemu
final class ResizeQemuTest {
    private static final long MIB = 1 << 20;

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "cluster_size=64k, 3145728, 8388608, OFF",
        "cluster_size=64k, 3145728, 4294967296, OFF",
        "cluster_size=512, 3145728, 33554432, OFF",
        "'cluster_size=4k,compat=0.10', 3145728, 8388608, OFF",
        "'cluster_size=4k,refcount_bits=1', 3145728, 8388096, METADATA",
        "'cluster_size=4k,compat=0.10', 3145728, 8388608, METADATA",
        "'cluster_size=64k,extended_l2=on', 3145728, 8388608, METADATA",
        "cluster_size=64k, 3145728, 8388608, FALLOC",
        "cluster_size=64k, 3145728, 8388608, FULL",
        "cluster_size=64k, 8388608, 3145728, OFF",
        "cluster_size=512, 8388608, 3000320, OFF",
        "'cluster_size=512,refcount_bits=64', 8388608, 512, OFF",
        "'cluster_size=4k,compat=0.10', 8388608, 1000448, OFF",
        "'cluster_size=64k,extended_l2=on', 8388608, 1000448, OFF"
    })
    void comesToWhatQemuMakes(String options, long before, long after, Preallocation preallocation) throws IOException {
        Path ours = QemuTools.create(folder.resolve("ours"), before, options);
        QemuTools.edit(ours, "write -P 1 0 700k", "write -P 2 2M 500k", "write -z 200k 64k");
        Path theirs = Files.copy(ours, folder.resolve("theirs"));
        QemuTools.img(
                        "resize",
                        "-q",
                        "--shrink",
                        "--preallocation=" + preallocation.wireName(),
                        theirs.toString(),
                        Long.toString(after))
                .succeeded();
        try (DiskImage image = TestImages.open(ours)) {
            image.resize(after, true, preallocation);
            assertThat(image.virtualSizeBytes()).isEqualTo(after);
        }
        ImageAssertions.assertThat(ours).passesQemuCheck().passesAudit();
        assertThat(QemuTools.info(ours).path("virtual-size").asLong()).isEqualTo(after);
        assertThat(QemuTools.compare(ours, "qcow2", theirs, "qcow2").exitCode()).isZero();
        assertThat(Files.size(ours)).isLessThanOrEqualTo(Files.size(theirs) + 4 * 65536);
        // QEMU gives no subcluster a place, though its cluster has one.
        if (preallocation != Preallocation.OFF && !options.contains("extended_l2")) {
            assertThat(placed(ours)).isEqualTo(placed(theirs));
        }
        if (preallocation == Preallocation.FALLOC || preallocation == Preallocation.FULL) {
            assertThat(QemuTools.info(ours).path("actual-size").asLong()).isGreaterThan(after - before);
        }
    }

    private static long placed(Path image) {
        return QemuTools.map(image).stream()
                .filter(QemuTools.MapEntry::present)
                .mapToLong(QemuTools.MapEntry::length)
                .sum();
    }

    @ParameterizedTest
    @ValueSource(strings = {"0.10", "1.1"})
    void whatIsGainedReadsZerosOverALongerBackingFile(String compat) throws IOException {
        byte[] below = new byte[4 << 20];
        Arrays.fill(below, (byte) 7);
        Files.write(folder.resolve("below"), below);
        Path file = QemuTools.createOver(folder.resolve("image"), "below", "raw", 1_000_448, "compat=" + compat);
        ModelDisk model = ModelDisk.over(below, 1_000_448);
        try (DiskImage image = TestImages.open(file)) {
            image.resize(8 * MIB, false, Preallocation.OFF);
            model.resize(8 << 20);
            ImageAssertions.assertThat(image).readsAs(model);
        }
        ImageAssertions.assertThat(file).passesQemuCheck().holdsForQemu(model);
    }

    /** QEMU shows again what was in the last cluster. */
    @Test
    void whatWasCutOffDoesNotComeBack() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 4 * MIB, "");
        QemuTools.edit(file, "write -P 5 0 4M");
        QemuTools.img("resize", "-q", "--shrink", file.toString(), "1000448").succeeded();
        ModelDisk model = ModelDisk.of(filled(1_000_448));
        try (DiskImage image = TestImages.open(file)) {
            image.resize(2 * MIB, false, Preallocation.OFF);
            model.resize(2 << 20);
            image.resize(700_928, true, Preallocation.OFF);
            model.resize(700_928);
            image.resize(4 * MIB, false, Preallocation.OFF);
            model.resize(4 << 20);
            ImageAssertions.assertThat(image).readsAs(model);
        }
        ImageAssertions.assertThat(file).passesQemuCheck().holdsForQemu(model);
    }

    private static byte[] filled(int length) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) 5);
        return bytes;
    }

    @Test
    void aFileThatIsEmptiedEndsAfterWhatIsUsed() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 64 * MIB, "cluster_size=4k,refcount_bits=64");
        QemuTools.edit(file, "write -P 5 0 64M");
        try (DiskImage image = TestImages.open(file)) {
            image.resize(8192, true, Preallocation.OFF);
            TestImages.write(image, 0, new byte[] {1});
        }
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit();
        assertThat(Files.size(file)).isLessThan(MIB);
    }

    @ParameterizedTest
    @CsvSource({
        "1000, false, OFF, virtual-size",
        "0, true, OFF, virtual-size",
        "-512, true, OFF, virtual-size",
        "1048576, false, OFF, shrink",
        "1048576, true, METADATA, preallocation",
        "2097152, false, FALLOC, preallocation",
        "4503599627370496, false, OFF, virtual-size"
    })
    void refusesByName(long size, boolean shrink, Preallocation preallocation, String option) throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 2 * MIB, "");
        try (DiskImage image = TestImages.open(file)) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> image.resize(size, shrink, preallocation))
                    .satisfies(refused -> assertThat(refused.option()).isEqualTo(option));
            assertThat(image.virtualSizeBytes()).isEqualTo(2 * MIB);
            TestImages.write(image, 2 * MIB - 1, new byte[] {1});
        }
        ImageAssertions.assertThat(file).passesQemuCheck();
    }

    @Test
    void snapshotsOfVersion2DoNotSayHowLargeTheyAre() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 2 * MIB, "compat=0.10");
        QemuTools.img("snapshot", "-c", "one", file.toString()).succeeded();
        assertThat(QemuTools.img("resize", file.toString(), "4M").exitCode()).isNotZero();
        try (DiskImage image = TestImages.open(file)) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> image.resize(4 * MIB, false, Preallocation.OFF))
                    .satisfies(refused -> assertThat(refused.kind()).isEqualTo(Kind.UNSUPPORTED_FEATURE));
        }
    }

    @Test
    void whatIsOpenForReadingIsRefused() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 2 * MIB, "");
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> image.resize(4 * MIB, false, Preallocation.OFF))
                    .satisfies(refused -> assertThat(refused.kind()).isEqualTo(Kind.READ_ONLY));
        }
    }

    @Test
    void requestsAreHeldAgainstTheNewSize() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 2 * MIB, "");
        try (DiskImage image = TestImages.open(file)) {
            long before = image.changeCount();
            image.resize(MIB, true, Preallocation.OFF);
            assertThat(image.changeCount()).isGreaterThan(before);
            assertOutOfRange(() -> TestImages.read(image, MIB, 1));
            assertOutOfRange(() -> TestImages.write(image, MIB - 1, new byte[2]));
            assertOutOfRange(() -> image.extentAt(MIB, 1));
            assertOutOfRange(() -> image.zero(MIB, 1));
            assertOutOfRange(() -> image.discard(MIB - 512, 1024));
            assertThat(image.extentAt(0, Long.MAX_VALUE).length()).isEqualTo(MIB);
            image.resize(3 * MIB, false, Preallocation.OFF);
            TestImages.write(image, 3 * MIB - 1, new byte[] {9});
            assertThat(TestImages.read(image, 3 * MIB - 1, 1)).containsExactly(9);
        }
    }

    @FunctionalInterface
    private interface Request {
        void make() throws IOException;
    }

    private static void assertOutOfRange(Request request) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(request::make)
                .satisfies(refused -> assertThat(refused.kind()).isEqualTo(Kind.OUT_OF_RANGE));
    }

    @Test
    void bitmapsFollowAsInQemu() throws IOException {
        Path ours = QemuTools.create(folder.resolve("ours"), 4 * MIB, "");
        QemuTools.img("bitmap", "--add", ours.toString(), "on").succeeded();
        QemuTools.img("bitmap", "--add", "--disable", ours.toString(), "off").succeeded();
        QemuTools.edit(ours, "write 100k 100k", "write 2M 64k", "write 4032k 64k");
        Path theirs = Files.copy(ours, folder.resolve("theirs"));
        for (long size : List.of(3_000_320L, 16 * MIB, 4 * MIB)) {
            QemuTools.img("resize", "-q", "--shrink", theirs.toString(), Long.toString(size))
                    .succeeded();
            try (DiskImage image = TestImages.open(ours)) {
                image.resize(size, true, Preallocation.OFF);
            }
            ImageAssertions.assertThat(ours).passesQemuCheck();
            assertThat(QemuTools.info(ours).at("/format-specific/data/bitmaps"))
                    .isEqualTo(QemuTools.info(theirs).at("/format-specific/data/bitmaps"));
            if (QemuTools.showsBitmaps()) {
                assertThat(QemuTools.dirtyRuns(ours, "on")).isEqualTo(QemuTools.dirtyRuns(theirs, "on"));
                assertThat(QemuTools.dirtyRuns(ours, "off")).isEqualTo(QemuTools.dirtyRuns(theirs, "off"));
            }
        }
    }

    @Test
    void bitmapsThatSayNothingCannotFollow() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 4 * MIB, "");
        QemuTools.img("bitmap", "--add", file.toString(), "lost").succeeded();
        Path copy = folder.resolve("copy");
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 0, new byte[] {1});
            Files.copy(file, copy);
        }
        assertThat(QemuTools.img("resize", copy.toString(), "8M").exitCode()).isNotZero();
        try (DiskImage image = TestImages.open(copy)) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> image.resize(8 * MIB, false, Preallocation.OFF))
                    .satisfies(refused -> assertThat(refused.kind()).isEqualTo(Kind.INCONSISTENT_BITMAP));
            image.bitmaps().delete("lost");
            image.resize(8 * MIB, false, Preallocation.OFF);
        }
    }

    @ParameterizedTest
    @CsvSource({"OFF, false", "METADATA, false", "FALLOC, false", "OFF, true", "METADATA, true", "FULL, true"})
    void encryptedDisksToo(Preallocation preallocation, boolean external) throws IOException {
        Path file = EncryptedImages.make(
                folder.resolve("image"), MIB, 4096, "xts", external ? EncryptedImages.DATA_FILE : null);
        byte[] disk = new byte[1_000_448];
        Arrays.fill(disk, (byte) 3);
        try (DiskImage image =
                DiskImage.open(file, EncryptedImages.options(), TestImages.environment(HostFiles.posix()))) {
            TestImages.write(image, 0, Arrays.copyOf(disk, 1 << 20));
            image.resize(1_000_448, true, Preallocation.OFF);
            image.resize(4 * MIB, false, preallocation);
            ImageAssertions.assertThat(image).readsAs(ModelDisk.over(disk, 4 << 20));
        }
        EncryptedImages.requireHolds(file, Arrays.copyOf(disk, 4 << 20));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theDataFileFollows(boolean raw) throws IOException {
        Path data = folder.resolve("data");
        Path file = QemuTools.create(
                folder.resolve("image"), 4 * MIB, "data_file=" + data + ",data_file_raw=" + (raw ? "on" : "off"));
        ModelDisk model = ModelDisk.of(filled(1_000_448));
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 0, filled(4 << 20));
            image.resize(1_000_448, true, Preallocation.OFF);
            assertThat(Files.size(data)).isEqualTo(1_000_448);
            image.resize(8 * MIB, false, Preallocation.OFF);
            model.resize(8 << 20);
            assertThat(Files.size(data)).isEqualTo(8 * MIB);
            ImageAssertions.assertThat(image).readsAs(model);
        }
        ImageAssertions.assertThat(file).passesQemuCheck().holdsForQemu(model);
        if (raw) {
            assertThat(placed(file)).isEqualTo(8 * MIB);
            assertThat(model.difference(0, Files.readAllBytes(data))).isEmpty();
        }
    }

    /** Its last cluster, which the disk's end cuts, has no place until it is written. */
    @Test
    void theLastClusterOfARawDataFileEndsWithTheDisk() throws IOException {
        Path data = folder.resolve("data");
        Path file = QemuTools.create(
                folder.resolve("image"), 4 * MIB, "compat=1.1,data_file=" + data + ",data_file_raw=on");
        QemuTools.edit(file, "discard 0 4M");
        try (DiskImage image = TestImages.open(file)) {
            image.resize(1_000_448, true, Preallocation.OFF);
            TestImages.write(image, 1_000_447, new byte[] {8});
            assertThat(Files.size(data)).isEqualTo(1_000_448);
            image.resize(2 * MIB, false, Preallocation.OFF);
            TestImages.write(image, 2 * MIB - 1, new byte[] {9});
            assertThat(TestImages.read(image, 1_000_447, 3)).containsExactly(8, 0, 0);
        }
        assertThat(Files.size(data)).isEqualTo(2 * MIB);
        ImageAssertions.assertThat(file).passesQemuCheck();
    }

    @Test
    void rawDisksToo() throws IOException {
        Path file = Files.write(folder.resolve("raw"), filled(2 << 20));
        ImageOptions options = ImageOptions.defaults().withFormat(ImageFormat.RAW);
        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(HostFiles.posix()))) {
            image.resize(1_000_448, true, Preallocation.OFF);
            assertThat(Files.size(file)).isEqualTo(1_000_448);
            image.resize(4 * MIB, false, Preallocation.FALLOC);
            TestImages.write(image, 4 * MIB - 1, new byte[] {1});
            assertThat(TestImages.read(image, 1_000_447, 3)).containsExactly(5, 0, 0);
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> image.resize(8 * MIB, false, Preallocation.METADATA))
                    .satisfies(refused -> assertThat(refused.option()).isEqualTo("preallocation"));
            assertThat(QemuTools.img("resize", "-f", "raw", "--preallocation=metadata", file.toString(), "8M")
                            .exitCode())
                    .isNotZero();
        }
        assertThat(Files.size(file)).isEqualTo(4 * MIB);
    }

    /** The sizes are QEMU's, by the rules that opening has. */
    @Test
    void cachesAreSizedAnewFromWhatWasAsked() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 8L << 30, "");
        CacheOptions two = new CacheOptions(2L << 20, null, null, null);
        try (DiskImage image =
                DiskImage.open(file, TestImages.withCaches(two, false), TestImages.environment(HostFiles.posix()))) {
            List<String> sizes = new ArrayList<>();
            for (long gib : List.of(8, 32, 600, 4)) {
                image.resize(gib << 30, true, Preallocation.OFF);
                CacheStats l2 = l2(image);
                sizes.add(l2.entries() + "x" + l2.entryBytes());
            }
            assertThat(sizes).containsExactly("16x65536", "512x4096", "512x4096", "8x65536");
        }
    }

    private static CacheStats l2(DiskImage image) throws IOException {
        return Objects.requireNonNull(image.layers().getFirst().l2());
    }

    /** QEMU begins with empty caches. */
    @ParameterizedTest
    @CsvSource({"cluster_size=64k, true", "cluster_size=64k, false", "'cluster_size=64k,extended_l2=on', false"})
    void whatIsCachedStaysCached(String options, boolean packed) throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 16L << 30, options);
        List<Long> places = new ArrayList<>();
        List<String> writes = new ArrayList<>();
        for (int at = 0; at < 16; at++) {
            places.add(((long) at << 30) + at * 65536L);
            writes.add("write -P " + (at + 1) + " " + places.getLast() + " 64k");
            writes.add("write -P " + (at + 1) + " " + (places.getLast() + (3 << 20)) + " 64k");
        }
        QemuTools.edit(file, writes.toArray(String[]::new));
        CacheOptions caches = new CacheOptions(8L << 20, 4096L, null, null, packed);
        try (DiskImage image =
                DiskImage.open(file, TestImages.withCaches(caches, false), TestImages.environment(HostFiles.posix()))) {
            readAll(image, places);
            TestImages.write(image, places.get(3), new byte[] {99});
            TestImages.write(image, places.get(5) + (1 << 20), new byte[] {88});
            for (long gib : List.of(17L, 300L, 15L)) {
                CacheStats before = l2(image);
                image.resize(gib << 30, true, Preallocation.OFF);
                List<Long> kept = places.stream().filter(at -> at < 15L << 30).toList();
                CacheStats resized = l2(image);
                readAll(image, kept);
                CacheStats after = l2(image);
                assertThat(after.misses()).as("misses").isEqualTo(before.misses());
                assertThat(after.loads()).as("loads").isEqualTo(before.loads());
                assertThat(after.hits()).isGreaterThanOrEqualTo(resized.hits() + kept.size());
                assertThat(after.entriesResident()).isGreaterThanOrEqualTo(kept.size());
            }
            assertThat(TestImages.read(image, places.get(3), 2)).containsExactly(99, 4);
            assertThat(TestImages.read(image, places.get(5) + (1 << 20), 2)).containsExactly(88, 0);
        }
        ImageAssertions.assertThat(file).passesQemuCheck();
    }

    private static void readAll(DiskImage image, List<Long> places) throws IOException {
        for (long place : places) {
            TestImages.read(image, place, 1);
        }
    }
}
