package io.cowslip.engine.image;

import static io.cowslip.testing.TestImages.filled;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.convert.HeaderAmender;
import io.cowslip.engine.image.convert.HeaderAmenderTest;
import io.cowslip.engine.image.create.ImageCreatorTest;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.AmendOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.snapshot.SnapshotsTest;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/**
 * What implementers of the format get wrong, by number. Tests are named after their case; those of headers, features and
 * tools are here, those of {@link CornerCaseTablesTest tables} and {@link CornerCaseClustersTest clusters} beside. Where a
 * case is tried harder elsewhere, that is said.
 *
 * <ol>
 *   <li>COPIED stands on L1 entries as well as L2 entries, goes when a snapshot is taken, and comes back when it may. With
 *       random guests: {@link SnapshotsTest}
 *   <li>No pointer is published before its count is durable ({@link PowerCutTest}), and no cluster is used twice after a
 *       host was full ({@link HostFailureTest})
 *   <li>Refcount blocks that count themselves; a refcount table that grows needs blocks for its own clusters. With the
 *       host refusing at each step: {@code ClusterAllocatorTest}
 *   <li>Cluster 0 is the header's, whatever its count or an entry says. Lost blocks: {@link WrongRefcountsTest}
 *   <li>Counts of less than a byte are packed from the least significant bit, and 64-bit ones do not overflow. Bit by
 *       bit: {@code RefcountBitsTest}, {@code RefcountsTest}
 *   <li>A compressed cluster's length is an upper bound, and the file may end before
 *   <li>A zeroed cluster with a place is written in that place, the rest of it filled with zeros
 *   <li>Version 2 has no zero clusters: zeros over a backing file are data, and discards do nothing there
 *   <li>A discarded cluster over a backing file reads as zeros; only whole clusters are discarded, and the disk's last one
 *       counts as whole
 *   <li>L1 tables may be longer than the disk needs; what is beyond is VM state, which counts
 *   <li>Disks end within clusters, and backing files before their overlays
 *   <li>Data beyond the end of the file reads as zeros; tables beyond it are corruption
 *   <li>Rewritten headers keep unknown extensions, compatible bits and bytes; unknown autoclear bits go first. By
 *       amending: {@link HeaderAmenderTest}
 *   <li>A header of 104 bytes has no compression type; where there is one it must agree with its feature bit
 *   <li>A backing file whose format nobody names is not guessed. Creation: {@link ImageCreatorTest}
 *   <li>Bitmaps whose autoclear bit is not set, or in version 2, say nothing
 *   <li>Snapshot records have 0, 8, 16, 24 or more bytes of extra data, whose VM state size goes before the other
 *   <li>A dirty image opened for reading is read as it is; opened for writing it is repaired. After a kill: {@link
 *       LazyRefcountsTest}
 *   <li>A corrupt image opens for reading, and for writing only once it is repaired. What marks it: {@link
 *       CorruptImageTest}
 *   <li>Loops of backing files, entries that lead to tables, and clusters of two entries
 *   <li>Relative names of data files and backing files are followed from the image's folder
 *   <li>A repair keeps snapshots, also beside bitmaps and unknown autoclear bits, where QEMU's loses them
 * </ol>
 */
@NeedsQemu
final class CornerCasesTest {
    private static final int CLUSTER = 64 << 10;
    private static final int DISK = 16 * CLUSTER;
    private static final int UNKNOWN_EXTENSION = 0x1234_5678;
    private static final int BACKING_FORMAT_EXTENSION = 0xE279_2ACA;
    private static final int RECORD_EXTRA_BYTES = 36;
    private static final int RECORD_VM_STATE_BYTES = 32;
    private static final int RECORD_FIXED_BYTES = 40;

    @TempDir
    Path folder;

    private Path image(String options) {
        return QemuTools.create(folder.resolve("image.qcow2"), DISK, options);
    }

    /** Makes the header {@code length} bytes long, with the extensions behind it. */
    private static void resizeHeader(ImageBytes bytes, int length) throws IOException {
        int old = bytes.shortNumber(ImageBytes.HEADER_LENGTH);
        ByteBuffer extensions = bytes.bytes(old, 8192);
        ByteBuffer unknown = ByteBuffer.allocate(Math.max(0, length - old));
        Arrays.fill(unknown.array(), (byte) 0x5A);
        bytes.put(old, unknown);
        bytes.put(length, extensions);
        bytes.putShort(ImageBytes.HEADER_LENGTH, length);
    }

    /** Adds an extension behind those that are there; says where. */
    private static int addExtension(ImageBytes bytes, int type, byte[] data) throws IOException {
        int at = bytes.shortNumber(ImageBytes.HEADER_LENGTH);
        while (bytes.shortNumber(at) != 0) {
            at += 8 + (bytes.shortNumber(at + 4L) + 7 & -8);
        }
        ByteBuffer extension = ByteBuffer.allocate(8 + (data.length + 7 & -8) + 8);
        extension.putInt(type).putInt(data.length).put(data);
        bytes.put(at, extension.clear());
        return at;
    }

    @Test
    void case13RewrittenHeadersKeepWhatIsNotKnown() throws IOException {
        Path file = image("");
        ImageBytes bytes = new ImageBytes(file);
        resizeHeader(bytes, 120);
        byte[] data = "kept as it is".getBytes(StandardCharsets.UTF_8);
        addExtension(bytes, UNKNOWN_EXTENSION, data);
        bytes.put(ImageBytes.COMPATIBLE, 1L << 62);
        bytes.put(ImageBytes.AUTOCLEAR, 1L << 40);
        ImageAssertions.assertThat(file).passesQemuCheck();

        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(TestImages.read(image, 0, 1)).containsOnly(0);
        }
        assertThat(bytes.number(ImageBytes.AUTOCLEAR)).isEqualTo(1L << 40);
        try (DiskImage image = TestImages.open(file)) {
            assertThat(bytes.number(ImageBytes.AUTOCLEAR)).isZero();
            // The extension for bitmaps makes the header anew.
            image.bitmaps().create("added", 65536, true);
            TestImages.write(image, 0, filled(CLUSTER, 1));
        }
        assertKept(bytes, data, 1L << 62);
        HeaderAmender.amend(
                file, new AmendOptions(null, null, true, null, null), WorkObserver.NONE, TestEnvironments.plain());
        assertKept(bytes, data, 1L << 62 | 1);
        assertThat(QemuTools.info(file)
                        .at("/format-specific/data/bitmaps/0/name")
                        .asString())
                .isEqualTo("added");
        ImageAssertions.assertThat(file).passesQemuCheck();
    }

    private static void assertKept(ImageBytes bytes, byte[] data, long compatible) throws IOException {
        assertThat(bytes.shortNumber(ImageBytes.HEADER_LENGTH)).isEqualTo(120);
        assertThat(bytes.number(112)).isEqualTo(0x5A5A_5A5A_5A5A_5A5AL);
        assertThat(bytes.number(ImageBytes.COMPATIBLE)).isEqualTo(compatible);
        int at = 120;
        while (bytes.shortNumber(at) != UNKNOWN_EXTENSION) {
            assertThat(bytes.shortNumber(at)).as("extension at %s", at).isNotZero();
            at += 8 + (bytes.shortNumber(at + 4L) + 7 & -8);
        }
        assertThat(bytes.bytes(at + 8, data.length).array()).isEqualTo(data);
    }

    @Test
    void case14AHeaderOf104BytesIsThatOfDeflate() throws IOException {
        Path file = image("");
        ImageBytes bytes = new ImageBytes(file);
        resizeHeader(bytes, 104);
        QemuTools.edit(file, "write -P 1 0 64k");
        try (DiskImage image = TestImages.open(file)) {
            assertThat(TestImages.read(image, 0, CLUSTER)).containsOnly(1);
            TestImages.write(image, CLUSTER, filled(CLUSTER, 2));
        }
        assertThat(bytes.shortNumber(ImageBytes.HEADER_LENGTH)).isEqualTo(104);
        QemuTools.edit(file, "read -P 2 64k 64k");
        ImageAssertions.assertThat(file).passesQemuCheck();
    }

    /** The feature bit, the header's length and the type, of which QEMU refuses the same. */
    @ParameterizedTest
    @CsvSource({"8, 112, 0, false", "0, 112, 1, false", "8, 104, 0, false", "0, 112, 9, false", "8, 112, 1, true"})
    void case14TheCompressionTypeAgreesWithItsBit(long incompatible, int headerLength, int type, boolean sound)
            throws IOException {
        Path file = image("");
        ImageBytes bytes = new ImageBytes(file);
        if (headerLength != bytes.shortNumber(ImageBytes.HEADER_LENGTH)) {
            resizeHeader(bytes, headerLength);
        } else {
            bytes.put(ImageBytes.COMPRESSION_TYPE, (long) type << 56);
        }
        bytes.put(ImageBytes.INCOMPATIBLE, incompatible);
        assertThat(QemuTools.img("info", "-f", "qcow2", file.toString()).exitCode() == 0)
                .isEqualTo(sound);
        if (sound) {
            TestImages.open(file).close();
        } else {
            assertThatThrownBy(() -> TestImages.openReadOnly(file))
                    .isInstanceOfSatisfying(
                            ImageException.class,
                            refused -> assertThat(refused.kind()).isIn(Kind.INVALID_FORMAT, Kind.UNSUPPORTED_FEATURE));
        }
    }

    /** What a guest writes into its raw disk does not make it another image. */
    @Test
    void case15ABackingFileWithoutAFormatIsNotGuessed() throws IOException {
        Path secret = Files.write(folder.resolve("secret"), filled(4096, 7));
        Path trap = QemuTools.createOver(
                folder.resolve("trap.qcow2"), secret.getFileName().toString(), "raw", 4096, "");
        byte[] guestsDisk = Arrays.copyOf(Files.readAllBytes(trap), DISK);
        Files.write(folder.resolve("base.raw"), guestsDisk);
        Path file = QemuTools.createOver(folder.resolve("image.qcow2"), "base.raw", "raw", DISK, "");
        ImageBytes bytes = new ImageBytes(file);
        int extension = bytes.shortNumber(ImageBytes.HEADER_LENGTH);
        while (bytes.shortNumber(extension) != BACKING_FORMAT_EXTENSION) {
            extension += 8 + (bytes.shortNumber(extension + 4L) + 7 & -8);
        }
        bytes.putShort(extension, UNKNOWN_EXTENSION);

        assertThatThrownBy(() -> TestImages.openReadOnly(file))
                .isInstanceOfSatisfying(
                        ImageException.class,
                        refused -> assertThat(refused.option()).isEqualTo("backing"));
        ImageOptions told =
                TestImages.readOnly().withBacking(TestImages.readOnly().withFormat(ImageFormat.RAW));
        try (DiskImage image = DiskImage.open(file, told, TestEnvironments.plain())) {
            assertThat(TestImages.read(image, 0, DISK)).isEqualTo(guestsDisk);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void case16BitmapsThatNobodyVouchesForAreNone(int version) throws IOException {
        Path file = image("");
        QemuTools.edit(file, "write -P 1 0 64k");
        QemuTools.img("bitmap", "--add", file.toString(), "stale").succeeded();
        ImageBytes bytes = new ImageBytes(file);
        bytes.put(ImageBytes.AUTOCLEAR, 0);
        if (version == 2) {
            ByteBuffer extensions = bytes.bytes(bytes.shortNumber(ImageBytes.HEADER_LENGTH), 8192);
            bytes.put(72, extensions);
            bytes.putShort(4, 2);
        }
        try (DiskImage image = TestImages.open(file)) {
            assertThat(image.bitmaps().list()).isEmpty();
            assertThatThrownBy(() -> image.bitmaps().map("stale"))
                    .isInstanceOfSatisfying(
                            ImageException.class,
                            refused -> assertThat(refused.kind()).isIn(Kind.NOT_FOUND, Kind.INCONSISTENT_BITMAP));
            TestImages.write(image, CLUSTER, filled(CLUSTER, 2));
        }
        QemuTools.edit(file, "read -P 1 0 64k", "read -P 2 64k 64k");
        QemuTools.CheckResult theirs = QemuTools.check(file);
        CheckReport ours = ImageCheck.check(file, WorkObserver.NONE, TestEnvironments.plain());
        assertThat(theirs.corruptions()).isZero();
        assertThat(ours.corruptions()).isZero();
        assertThat(ours.leaks()).isEqualTo(theirs.leaks());
    }

    /** Less than 16 bytes are for version 2. The 64-bit size goes before the one of 32 bits. */
    @ParameterizedTest
    @CsvSource({
        "2, 0, 77",
        "2, 8, 5368709120",
        "2, 16, 5368709120",
        "3, 16, 5368709120",
        "3, 24, 5368709120",
        "3, 40, 5368709120"
    })
    void case17SnapshotRecordsOfEveryLength(int version, int extraBytes, long vmStateBytes) throws IOException {
        Path file = image(version == 2 ? "compat=0.10" : "");
        QemuTools.edit(file, "write -P 1 0 64k");
        QemuTools.img("snapshot", "-c", "kept", file.toString()).succeeded();
        QemuTools.edit(file, "write -P 2 0 64k");
        ImageBytes bytes = new ImageBytes(file);
        putRecord(bytes, extraBytes);
        JsonNode theirs = QemuTools.info(file).path("snapshots").get(0);
        assertThat(theirs.path("vm-state-size").asLong()).isEqualTo(vmStateBytes);

        try (DiskImage image = TestImages.open(file)) {
            Snapshot kept = image.snapshots().list().getFirst();
            assertThat(kept.name()).isEqualTo("kept");
            assertThat(kept.vmStateBytes()).isEqualTo(vmStateBytes);
            assertThat(kept.diskBytes()).isEqualTo(extraBytes < 16 ? null : (Long) (long) DISK);
            // The table is made anew, and the record stays as it is.
            image.snapshots().create("later", 1, 0);
            TestImages.write(image, 0, filled(CLUSTER, 3));
        }
        long record = bytes.number(ImageBytes.SNAPSHOT_TABLE);
        assertThat(bytes.shortNumber(record + RECORD_EXTRA_BYTES)).isEqualTo(extraBytes);
        assertThat(bytes.shortNumber(record + RECORD_VM_STATE_BYTES)).isEqualTo(77);
        theirs = QemuTools.info(file).path("snapshots");
        assertThat(theirs.get(0).path("vm-state-size").asLong()).isEqualTo(vmStateBytes);
        assertThat(theirs.get(1).path("name").asString()).isEqualTo("later");
        ImageAssertions.assertThat(file).passesQemuCheck();
        ImageOptions old = TestImages.readOnly().withSnapshot("kept");
        try (DiskImage image = DiskImage.open(file, old, TestEnvironments.plain())) {
            assertThat(TestImages.read(image, 0, CLUSTER)).containsOnly(1);
        }
    }

    /** Gives the only snapshot's record so much extra data. */
    private static void putRecord(ImageBytes bytes, int extraBytes) throws IOException {
        long record = bytes.number(ImageBytes.SNAPSHOT_TABLE);
        int extraBefore = bytes.shortNumber(record + RECORD_EXTRA_BYTES);
        byte[] names = bytes.bytes(record + RECORD_FIXED_BYTES + extraBefore, "1kept".length())
                .array();
        ByteBuffer extra =
                ByteBuffer.allocate(40).putLong(5368709120L).putLong(DISK).putLong(-1);
        ByteBuffer tail = ByteBuffer.allocate(extraBytes + names.length + 8);
        tail.put(extra.array(), 0, extraBytes).put(names);
        bytes.putShort(record + RECORD_EXTRA_BYTES, extraBytes);
        bytes.putShort(record + RECORD_VM_STATE_BYTES, 77);
        bytes.put(record + RECORD_FIXED_BYTES, tail.clear());
    }

    @Test
    void case18ADirtyImageIsReadAsItIsAndRepairedToBeWritten() throws IOException {
        Path file = image("lazy_refcounts=on");
        QemuTools.edit(file, "write -P 1 0 64k");
        ImageBytes bytes = new ImageBytes(file);
        long place = ImageBytes.placeOf(bytes.l2(0));
        bytes.putRefcount(place, 0);
        bytes.put(ImageBytes.INCOMPATIBLE, 1);
        byte[] before = Files.readAllBytes(file);

        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(TestImages.read(image, 0, CLUSTER)).containsOnly(1);
        }
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, CLUSTER, filled(CLUSTER, 2));
            assertThat(TestImages.read(image, 0, CLUSTER)).containsOnly(1);
        }
        assertThat(bytes.number(ImageBytes.INCOMPATIBLE)).isZero();
        assertThat(ImageBytes.placeOf(bytes.l2(1))).isNotEqualTo(place);
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit();
    }

    @Test
    void case19ACorruptImageIsReadAndWrittenOnlyOnceRepaired() throws IOException {
        Path file = image("");
        QemuTools.edit(file, "write -P 1 0 64k");
        ImageBytes bytes = new ImageBytes(file);
        bytes.put(ImageBytes.INCOMPATIBLE, 2);

        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(TestImages.read(image, 0, CLUSTER)).containsOnly(1);
        }
        assertThatThrownBy(() -> TestImages.open(file)).hasMessageContaining("corrupt");
        assertThat(bytes.number(ImageBytes.INCOMPATIBLE)).isEqualTo(2);
        assertThat(ImageCheck.repair(file, ImageCheck.Repair.ALL, WorkObserver.NONE, TestEnvironments.plain())
                        .isClean())
                .isTrue();
        assertThat(bytes.number(ImageBytes.INCOMPATIBLE)).isZero();
        QemuTools.edit(file, "read -P 1 0 64k", "write -P 2 0 64k");
    }

    /** Image and files are in one folder, and nobody works there. */
    @Test
    void case21RelativeNamesAreFollowedFromTheImagesFolder() throws IOException {
        Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
        Path base = QemuTools.create(elsewhere.resolve("base.qcow2"), DISK, "");
        QemuTools.edit(base, "write -P 9 0 1M");
        Path split = QemuTools.create(
                elsewhere.resolve("split.qcow2"), DISK, "data_file=" + elsewhere.resolve("split.data"));
        QemuTools.io(List.of(
                        "--image-opts",
                        "-c",
                        "write -P 5 0 64k",
                        "driver=qcow2,file.filename=" + split + ",data-file.driver=file,data-file.filename="
                                + elsewhere.resolve("split.data")))
                .succeeded();
        storeDataFileName(new ImageBytes(split), "split.data");
        Path over = QemuTools.createOver(elsewhere.resolve("over.qcow2"), "base.qcow2", "qcow2", DISK, "");

        try (DiskImage image = DiskImage.open(split, ImageOptions.defaults(), sibling());
                DiskImage overlay = DiskImage.open(over, ImageOptions.defaults(), sibling())) {
            assertThat(TestImages.read(image, 0, CLUSTER)).containsOnly(5);
            assertThat(TestImages.read(overlay, 0, CLUSTER)).containsOnly(9);
        }
    }

    private static ImageEnvironment sibling() {
        return TestImages.environment(HostFiles.posix());
    }

    /** QEMU was given, and stored, a whole path; the name has its place and is shorter. */
    private static void storeDataFileName(ImageBytes bytes, String name) throws IOException {
        int at = bytes.shortNumber(ImageBytes.HEADER_LENGTH);
        while (bytes.shortNumber(at) != 0x4441_5441) {
            at += 8 + (bytes.shortNumber(at + 4L) + 7 & -8);
        }
        int room = bytes.shortNumber(at + 4L) + 7 & -8;
        int rest = room - (name.length() + 7 & -8) - 8;
        ByteBuffer extension = ByteBuffer.allocate(8 + room);
        extension.putInt(0x4441_5441).putInt(name.length()).put(name.getBytes(StandardCharsets.US_ASCII));
        // What is left over is an extension that nobody knows.
        extension
                .position(8 + (name.length() + 7 & -8))
                .putInt(UNKNOWN_EXTENSION)
                .putInt(rest);
        bytes.put(at, extension.clear());
    }

    @ParameterizedTest
    @CsvSource({"true, false", "false, true", "true, true"})
    void case22ARepairKeepsSnapshots(boolean bitmap, boolean unknownAutoclearBit) throws IOException {
        for (ImageCheck.Repair repair : ImageCheck.Repair.values()) {
            Path file = QemuTools.create(folder.resolve("image" + repair), DISK, "");
            QemuTools.edit(file, "write -P 1 0 64k");
            QemuTools.img("snapshot", "-c", "kept", file.toString()).succeeded();
            QemuTools.edit(file, "write -P 2 0 64k");
            if (bitmap) {
                QemuTools.img("bitmap", "--add", file.toString(), "changes").succeeded();
            }
            ImageBytes bytes = new ImageBytes(file);
            if (unknownAutoclearBit) {
                bytes.put(ImageBytes.AUTOCLEAR, bytes.number(ImageBytes.AUTOCLEAR) | 1L << 40);
            }
            leak(bytes);
            assertThat(QemuTools.check(file).leaks()).isEqualTo(1);

            CheckReport report = ImageCheck.repair(file, repair, WorkObserver.NONE, TestEnvironments.plain());
            assertThat(report.isClean()).isTrue();
            assertThat(report.leaksFixed()).isEqualTo(1);
            ImageAssertions.assertThat(file).passesQemuCheck();
            JsonNode info = QemuTools.info(file);
            assertThat(info.at("/snapshots/0/name").asString()).isEqualTo("kept");
            assertThat(info.at("/format-specific/data/bitmaps").size()).isEqualTo(bitmap ? 1 : 0);
            Path kept = folder.resolve("kept.raw");
            QemuTools.convert(file, "qcow2", kept, "raw", "-l", "kept");
            assertThat(Files.readAllBytes(kept)).startsWith(filled(CLUSTER, 1));
            Files.delete(kept);
        }
    }

    /** Counts a cluster that nobody uses, behind all others. */
    private static void leak(ImageBytes bytes) throws IOException {
        long end = (Files.size(bytes.file()) + CLUSTER - 1) / CLUSTER * CLUSTER;
        bytes.put(end, ByteBuffer.allocate(CLUSTER));
        bytes.putRefcount(end, 1);
    }
}
