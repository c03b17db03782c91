package io.cowslip.engine.image;

import static io.cowslip.testing.TestImages.filled;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What implementers of the format get wrong, by the numbers of {@link CornerCasesTest}: counts, tables and what leads where.
 */
@NeedsQemu
final class CornerCaseTablesTest {
    private static final int CLUSTER = 64 << 10;
    private static final int DISK = 16 * CLUSTER;

    @TempDir
    Path folder;

    private Path image(String options) {
        return QemuTools.create(folder.resolve("image.qcow2"), DISK, options);
    }

    @Test
    void case01CopiedFollowsSnapshotsInBothTables() throws IOException {
        Path file = image("");
        ImageBytes bytes = new ImageBytes(file);
        ModelDisk first = ModelDisk.ofZeros(DISK);
        first.write(0, filled(2 * CLUSTER, 1));
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 0, filled(2 * CLUSTER, 1));
        }
        assertCopied(bytes, true, true, true);
        try (DiskImage image = TestImages.open(file)) {
            image.snapshots().create("first", 1, 0);
        }
        assertCopied(bytes, false, false, false);
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, CLUSTER, filled(1, 2));
        }
        assertCopied(bytes, true, false, true);
        try (DiskImage image = TestImages.open(file)) {
            image.snapshots().revert("first");
        }
        assertCopied(bytes, false, false, false);
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(first);
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, CLUSTER, filled(1, 2));
            image.snapshots().delete("first");
        }
        assertCopied(bytes, true, true, true);
        first.write(CLUSTER, filled(1, 2));
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(first);
    }

    private static void assertCopied(ImageBytes bytes, boolean table, boolean cluster0, boolean cluster1)
            throws IOException {
        assertThat(bytes.number(bytes.l1Entry(0)) < 0).as("L1 entry").isEqualTo(table);
        assertThat(bytes.l2(0) < 0).as("first L2 entry").isEqualTo(cluster0);
        assertThat(bytes.l2(1) < 0).as("second L2 entry").isEqualTo(cluster1);
    }

    /** The host is full at every point of making tables and blocks; what was refused is tried again. */
    @Test
    void case02AFullHostLeadsToNoTableThatIsUsedTwice() throws IOException {
        int tableReach = 512 / 8 * 512;
        for (int point = 0; point < 60; point += 3) {
            Path file = QemuTools.create(folder.resolve("full" + point), 40L * tableReach, "cluster_size=512");
            ModelDisk model = ModelDisk.ofZeros(40 * tableReach);
            FaultyHostFiles files = new FaultyHostFiles(HostFiles.posix());
            try (DiskImage image =
                    DiskImage.open(file, TestImages.smallestCaches(512), TestImages.environment(files))) {
                files.failAfter(point, 2, Kind.NO_SPACE);
                for (int table = 0; table < 40; table++) {
                    byte[] data = filled(700, table + 1);
                    writeUntilDone(image, table * (long) tableReach, data);
                    model.write(table * tableReach, data);
                }
                assertThat(files.refused()).as("point %s", point).isEqualTo(2);
                ImageAssertions.assertThat(image).readsAs(model);
            }
            RefcountAudit.Report audit = RefcountAudit.of(file);
            assertThat(audit.clean()).as("point %s: %s", point, audit).isTrue();
            if (point % 12 == 0) {
                ImageAssertions.assertThat(file).passesQemuCheck().holdsForQemu(model);
            }
        }
    }

    private static void writeUntilDone(DiskImage image, long offset, byte[] data) throws IOException {
        boolean done = false;
        while (!done) {
            try {
                TestImages.write(image, offset, data);
                done = true;
            } catch (ImageException full) {
                assertThat(full.kind()).isEqualTo(Kind.NO_SPACE);
            }
        }
    }

    /** 64 blocks of 64 counts are all that a table of one cluster can name: the next block moves the table. */
    @Test
    void case03BlocksThatCountThemselvesAndATableThatGrows() throws IOException {
        Path file = QemuTools.create(folder.resolve("growing"), 4 << 20, "cluster_size=512,refcount_bits=64");
        ImageBytes bytes = new ImageBytes(file);
        long firstTable = bytes.number(ImageBytes.REFCOUNT_TABLE);
        ModelDisk model = ModelDisk.ofZeros(4 << 20);
        try (DiskImage image = TestImages.open(file)) {
            byte[] data = filled(3 << 20, 5);
            TestImages.write(image, 1 << 20, data);
            model.write(1 << 20, data);
        }
        assertThat(bytes.number(ImageBytes.REFCOUNT_TABLE)).isNotEqualTo(firstTable);
        int blocksThatCountThemselves = 0;
        for (int block = 0; block < 64; block++) {
            long place = bytes.number(bytes.number(ImageBytes.REFCOUNT_TABLE) + block * 8L);
            blocksThatCountThemselves += place / (64 * 512) == block ? 1 : 0;
        }
        assertThat(blocksThatCountThemselves).isPositive();
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(model);
    }

    @Test
    void case04ClusterZeroIsNeverGivenOut() throws IOException {
        Path file = image("");
        QemuTools.edit(file, "write -P 1 0 1M", "discard 0 1M");
        ImageBytes bytes = new ImageBytes(file);
        bytes.putRefcount(0, 0);
        byte[] header = Arrays.copyOf(Files.readAllBytes(file), 4096);
        try (DiskImage image = TestImages.open(file)) {
            // More than there are free clusters in the file.
            TestImages.write(image, 0, filled(DISK, 1));
        } catch (ImageException refused) {
            assertThat(refused.kind()).isEqualTo(Kind.CORRUPT);
        }
        byte[] now = Arrays.copyOf(Files.readAllBytes(file), 4096);
        // All but the mark of corruption.
        now[79] = header[79];
        assertThat(now).isEqualTo(header);
        ImageCheck.repair(file, ImageCheck.Repair.ALL, WorkObserver.NONE, TestEnvironments.plain());
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 0, filled(DISK, 1));
        }
        ImageAssertions.assertThat(file).passesQemuCheck();
        for (int cluster = 0; cluster < DISK / CLUSTER; cluster++) {
            assertThat(ImageBytes.placeOf(bytes.l2(cluster))).isPositive();
        }
    }

    /** An entry that claims a data cluster of its own at offset 0 is none, and must not be written through. */
    @Test
    void case04AnEntryDoesNotLeadToTheHeader() throws IOException {
        Path file = image("");
        QemuTools.edit(file, "write -P 1 0 64k");
        ImageBytes bytes = new ImageBytes(file);
        bytes.put(bytes.l2Entry(0), ImageBytes.COPIED);
        byte[] header = Arrays.copyOf(Files.readAllBytes(file), 72);
        try (DiskImage image = TestImages.open(file)) {
            assertThatThrownBy(() -> TestImages.write(image, 0, filled(CLUSTER, 1)))
                    .isInstanceOfSatisfying(
                            ImageException.class,
                            refused -> assertThat(refused.kind()).isEqualTo(Kind.CORRUPT));
            assertThatThrownBy(image::close).hasMessageContaining("takes no writes");
        } catch (ImageException closedAlready) {
            assertThat(closedAlready).hasMessageContaining("takes no writes");
        }
        assertThat(Files.readAllBytes(file)).startsWith(header);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8, 16, 32, 64})
    void case05CountsOfEveryWidthAreNextToEachOther(int bits) throws IOException {
        Path file = image("cluster_size=4k,refcount_bits=" + bits);
        ModelDisk model = ModelDisk.ofZeros(DISK);
        try (DiskImage image = TestImages.open(file)) {
            for (int cluster = 0; cluster < 60; cluster++) {
                TestImages.write(image, cluster * 4096L, filled(4096, cluster + 1));
                model.write(cluster * 4096, filled(4096, cluster + 1));
            }
            for (int cluster = 0; cluster < 60; cluster += 3) {
                image.discard(cluster * 4096L, 4096);
                model.zero(cluster * 4096, 4096);
            }
            // As many as a count of two bits can say, and fewer than wider ones can.
            for (int snapshot = 0; bits > 1 && snapshot < 2; snapshot++) {
                image.snapshots().create("s" + snapshot, 1, 0);
            }
        }
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(model);
        QemuTools.edit(file, "write -P 9 0 256k");
        model.write(0, filled(256 << 10, 9));
        ImageAssertions.assertThat(file).passesQemuCheck().holdsForQemu(model);
    }

    /** One more than the most that 64 bits can say is not 0. */
    @Test
    void case05ACountOf64BitsDoesNotOverflow() throws IOException {
        Path file = image("refcount_bits=64");
        QemuTools.edit(file, "write -P 1 0 64k");
        ImageBytes bytes = new ImageBytes(file);
        long place = ImageBytes.placeOf(bytes.l2(0));
        long block = ImageBytes.placeOf(bytes.number(bytes.number(ImageBytes.REFCOUNT_TABLE)));
        long count = block + place / CLUSTER * Long.BYTES;
        bytes.put(count, -1);
        try (DiskImage image = TestImages.open(file)) {
            assertThatThrownBy(() -> image.snapshots().create("one", 1, 0))
                    .isInstanceOfSatisfying(
                            ImageException.class,
                            refused -> assertThat(refused.kind()).isIn(Kind.NO_SPACE, Kind.CORRUPT));
            assertThat(TestImages.read(image, 0, CLUSTER)).containsOnly(1);
        } catch (ImageException corrupt) {
            assertThat(corrupt).hasMessageContaining("takes no writes");
        }
        assertThat(bytes.number(count)).isEqualTo(-1);
        assertThat(bytes.shortNumber(ImageBytes.SNAPSHOT_COUNT)).isZero();
    }

    @Test
    void case10EntriesBeyondTheDiskAreVmStateAndAreCounted() throws IOException {
        // Five tables, of which the disk needs one once the header says so.
        Path file = QemuTools.create(folder.resolve("long"), 5L << 29, "");
        QemuTools.edit(file, "write -P 1 0 64k", "write -P 2 2G 64k");
        ImageBytes bytes = new ImageBytes(file);
        bytes.put(ImageBytes.VIRTUAL_SIZE, 1L << 29);
        assertThat(bytes.shortNumber(ImageBytes.L1_ENTRIES)).isEqualTo(5);
        ImageAssertions.assertThat(file).passesQemuCheck();
        CheckReport report = ImageCheck.check(file, WorkObserver.NONE, TestEnvironments.plain());
        assertThat(report.isClean()).isTrue();

        try (DiskImage image = TestImages.open(file)) {
            assertThat(image.virtualSizeBytes()).isEqualTo(1L << 29);
            TestImages.write(image, 8 << 20, filled(CLUSTER, 3));
            image.snapshots().create("state", 1, 0);
            TestImages.write(image, 0, filled(CLUSTER, 4));
            image.snapshots().revert("state");
            image.snapshots().delete("state");
        }
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit();
        assertThat(bytes.shortNumber(ImageBytes.L1_ENTRIES)).isEqualTo(5);
        long place = ImageBytes.placeOf(bytes.l2(4 * 8192));
        assertThat(bytes.bytes(place, 1).get()).isEqualTo((byte) 2);

        bytes.putRefcount(place, 0);
        assertThat(QemuTools.check(file).corruptions()).isPositive();
        report = ImageCheck.repair(file, ImageCheck.Repair.ALL, WorkObserver.NONE, TestEnvironments.plain());
        assertThat(report.isClean()).isTrue();
        assertThat(report.corruptionsFixed()).isPositive();
        ImageAssertions.assertThat(file).passesQemuCheck();
    }

    @Test
    void case20AChainThatComesBackToItselfIsRefused() throws IOException {
        Path self = image("");
        QemuTools.img("rebase", "-u", "-f", "qcow2", "-b", "image.qcow2", "-F", "qcow2", self.toString());
        ImageBytes bytes = new ImageBytes(self);
        if (bytes.number(8) == 0) {
            nameItselfAsBacking(bytes);
        }
        for (ImageOptions options : new ImageOptions[] {ImageOptions.defaults(), TestImages.readOnly()}) {
            assertThatThrownBy(() -> DiskImage.open(self, options, TestEnvironments.plain()))
                    .isInstanceOfSatisfying(
                            ImageException.class,
                            refused -> assertThat(refused.kind()).isIn(Kind.INVALID_FORMAT, Kind.BUSY));
        }
    }

    /** QEMU's tools may refuse to write such a name. */
    private static void nameItselfAsBacking(ImageBytes bytes) throws IOException {
        byte[] name = "image.qcow2".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
        bytes.put(4096, java.nio.ByteBuffer.wrap(name));
        bytes.put(8, 4096);
        bytes.putShort(16, name.length);
        java.nio.ByteBuffer format =
                java.nio.ByteBuffer.allocate(24).putInt(0xE279_2ACA).putInt(5);
        format.put("qcow2".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        bytes.put(bytes.shortNumber(ImageBytes.HEADER_LENGTH), format.clear());
    }

    @Test
    void case20AnEntryThatLeadsToTheL1TableIsNotWrittenThrough() throws IOException {
        Path file = image("");
        QemuTools.edit(file, "write -P 1 0 64k", "write -P 2 64k 64k");
        ImageBytes bytes = new ImageBytes(file);
        bytes.put(bytes.l2Entry(0), bytes.number(ImageBytes.L1_TABLE) | ImageBytes.COPIED);
        byte[] before = Files.readAllBytes(file);
        try (DiskImage image = TestImages.open(file)) {
            assertThat(TestImages.read(image, CLUSTER, CLUSTER)).containsOnly(2);
            assertThatThrownBy(() -> TestImages.write(image, 0, filled(512, 1)))
                    .isInstanceOfSatisfying(
                            ImageException.class,
                            refused -> assertThat(refused.kind()).isEqualTo(Kind.CORRUPT));
            assertThatThrownBy(image::close).hasMessageContaining("takes no writes");
        } catch (ImageException closedAlready) {
            assertThat(closedAlready).hasMessageContaining("takes no writes");
        }
        byte[] after = Files.readAllBytes(file);
        after[79] = before[79];
        assertThat(after).isEqualTo(before);
    }

    @Test
    void case20AClusterOfTwoEntriesIsFoundAndEachGetsItsOwn() throws IOException {
        Path file = image("");
        QemuTools.edit(file, "write -P 1 0 64k", "write -P 2 64k 64k");
        ImageBytes bytes = new ImageBytes(file);
        long lost = bytes.l2(1);
        bytes.put(bytes.l2Entry(1), bytes.l2(0));
        QemuTools.CheckResult theirs = QemuTools.check(file);
        CheckReport ours = ImageCheck.check(file, WorkObserver.NONE, TestEnvironments.plain());
        assertThat(ours.corruptions()).isEqualTo(theirs.corruptions()).isPositive();
        assertThat(ours.leaks()).isEqualTo(theirs.leaks()).isEqualTo(1);

        ours = ImageCheck.repair(file, ImageCheck.Repair.ALL, WorkObserver.NONE, TestEnvironments.plain());
        assertThat(ours.isClean()).isTrue();
        ImageAssertions.assertThat(file).passesQemuCheck();
        assertThat(ImageBytes.placeOf(bytes.l2(1))).isNotEqualTo(ImageBytes.placeOf(lost));
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, CLUSTER, filled(1, 9));
            assertThat(TestImages.read(image, 0, CLUSTER)).containsOnly(1);
            assertThat(TestImages.read(image, CLUSTER + 1, CLUSTER - 1)).containsOnly(1);
        }
        // The first one's flag comes back when its cluster is written: until then it costs a copy, as in QEMU.
        RefcountAudit.Report audit = RefcountAudit.of(file);
        assertThat(audit.corruptions()).isEmpty();
        assertThat(audit.leaks()).isZero();
    }
}
