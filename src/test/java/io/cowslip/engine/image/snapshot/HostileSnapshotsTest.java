package io.cowslip.engine.image.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.OverlapCheck;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Records of snapshots (qcow2 specification, "Snapshots") with the numbers that attacks used. */
@NeedsQemu
@Timeout(60)
@DisplayName("Table/length bombs: snapshots and their L1 tables, CVE-2014-0142 to -0147")
final class HostileSnapshotsTest {
    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void make() {
        file = QemuTools.create(folder.resolve("disk.qcow2"), 1 << 20, "cluster_size=512");
        QemuTools.edit(file, "write -P 1 0 64k");
        QemuTools.img("snapshot", "-c", "one", file.toString()).succeeded();
    }

    @ParameterizedTest(name = "{2} bytes at {1} are {0}")
    @CsvSource({
        // More entries than there may be, than the file has, and than the disk takes.
        "0xffffffff, 8, 4, L1 table",
        "0x7fffffff, 8, 4, L1 table",
        "0x400001, 8, 4, L1 table",
        "0x10000, 8, 4, L1 table",
        "1, 8, 4, L1 table",
        // Where there is none.
        "0, 0, 8, L1 table",
        "520, 0, 8, L1 table",
        "0x8000000000000000, 0, 8, L1 table",
        "0x7ffffffffffffe00, 0, 8, L1 table",
        // Records that do not end in the file, or nowhere near it.
        "0xffffffff, 36, 4, extra data",
        "0x7fffffff, 36, 4, extra data",
        "0x4000000, 36, 4, extra data",
        // Disks that the table cannot map.
        "0x7fffffffffffffff, 48, 8, disk",
        "0xffffffffffffffff, 48, 8, disk",
        "0xffffffffffffffff, 40, 8, VM state"
    })
    void areRefusedByName(String value, int offset, int bytes, String field) throws IOException {
        ImageBytes image = new ImageBytes(file);
        long place = image.number(ImageBytes.SNAPSHOT_TABLE) + offset;
        if (bytes == Long.BYTES) {
            image.put(place, number(value));
        } else {
            image.putShort(place, (int) number(value));
        }
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> openAt("one").close())
                .satisfies(refusal -> {
                    assertThat(refusal.kind()).isEqualTo(Kind.INVALID_FORMAT);
                    assertThat(refusal).hasMessageContaining(field);
                });
    }

    /** QEMU's check and ours have nothing against most of these: it must be possible to be rid of the snapshot. */
    @ParameterizedTest(name = "L1 table of {0} entries at {1}, disk of {2} bytes")
    @CsvSource({
        "0, 0x8000000000000000, 1048576",
        "0, 0, 1048576",
        "0, 0x7ffffffffffffe00, 1048576",
        // Within the header's cluster, which is written as snapshots come and go.
        "0, 8, 1048576",
        "1, , 1048576",
        "32, , 0x7fffffffffffffff"
    })
    void aTableTooShortForTheSnapshotKeepsNobodyFromTheDisk(int l1Entries, String l1Offset, String diskBytes)
            throws IOException {
        ImageBytes bytes = new ImageBytes(file);
        long record = bytes.number(ImageBytes.SNAPSHOT_TABLE);
        if (l1Offset != null) {
            bytes.put(record, number(l1Offset));
        }
        bytes.putShort(record + 8, l1Entries);
        bytes.put(record + 48, number(diskBytes));
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 100, TestImages.filled(100, 3));
            assertThat(image.snapshots().list())
                    .singleElement()
                    .satisfies(shown -> assertThat(shown.name()).isEqualTo("one"));
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> image.snapshots().revert("one"))
                    .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(Kind.INVALID_FORMAT));
            image.snapshots().create("two", 1, 1);
            image.snapshots().delete("one");
            assertThat(TestImages.read(image, 100, 100)).isEqualTo(TestImages.filled(100, 3));
        }
        QemuTools.CheckResult after = QemuTools.check(file);
        assertThat(after.corruptions()).as(after.details()).isZero();
    }

    /** Nobody looks at the flags of a snapshot's table, until the disk goes back to it. */
    @ParameterizedTest(name = "looking out for {0}, in a table that is the disk''s as well: {1}")
    @CsvSource({"CACHED, false", "CACHED, true", "ALL, false", "ALL, true"})
    void aFlagTooManyLetsNoWriteInto(OverlapCheck.Template looksOutFor, boolean shared) throws IOException {
        ImageBytes bytes = new ImageBytes(file);
        long entry = bytes.l2Entry(0);
        if (!shared) {
            QemuTools.edit(file, "write -P 2 0 512");
            assertThat(bytes.l2Entry(0)).isNotEqualTo(entry);
        }
        bytes.put(entry, bytes.number(entry) | ImageBytes.COPIED);
        ImageOptions options = ImageOptions.defaults().withOverlapCheck(new OverlapCheck(looksOutFor, Map.of()));
        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(HostFiles.posix()))) {
            image.snapshots().revert("one");
            TestImages.write(image, 100, TestImages.filled(100, 3));
        }
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit();
        try (DiskImage image = openAt("one")) {
            assertThat(TestImages.read(image, 0, 512)).isEqualTo(TestImages.filled(512, 1));
        }
    }

    /** As a crash leaves it: a leak, and no reason for what the table leads to to be taken for shared. */
    @Test
    void aCountTooHighOfATableLeavesFlagsRight() throws IOException {
        QemuTools.img("snapshot", "-d", "one", file.toString()).succeeded();
        ImageBytes bytes = new ImageBytes(file);
        bytes.putRefcount(ImageBytes.placeOf(bytes.number(bytes.l1Entry(0))), 2);
        bytes.put(bytes.l1Entry(0), bytes.number(bytes.l1Entry(0)) & ~ImageBytes.COPIED);
        QemuTools.CheckResult before = QemuTools.check(file);
        assertThat(before.corruptions()).isZero();
        assertThat(before.leaks()).isEqualTo(1);
        try (DiskImage image = TestImages.open(file)) {
            image.snapshots().create("two", 1, 1);
            image.snapshots().delete("two");
        }
        QemuTools.CheckResult after = QemuTools.check(file);
        assertThat(after.corruptions()).as(after.details()).isZero();
        assertThat(after.leaks()).isEqualTo(1);
    }

    private static long number(String text) {
        return text.startsWith("0x") ? Long.parseUnsignedLong(text.substring(2), 16) : Long.parseLong(text);
    }

    private DiskImage openAt(String snapshot) throws IOException {
        return DiskImage.open(
                file, TestImages.readOnly().withSnapshot(snapshot), TestImages.environment(HostFiles.posix()));
    }
}
