package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheStats;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.CountingHostFiles;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What changed between two states of a disk: what it costs, where the disks' sizes differ, and what is refused. */
@NeedsQemu
final class DiskChangesTest {
    private static final int CLUSTER = 64 << 10;
    private static final long TABLE_REACH = 512L << 20;
    private static final int TABLES = 128;

    @TempDir
    Path folder;

    /** All changes from the start to the end of the later disk, checked to be in order and without gaps. */
    static List<GuestChange> changes(DiskImage image, String since, @Nullable String until) throws IOException {
        DiskChanges changes = image.snapshots().changesSince(since, until);
        List<GuestChange> all = new ArrayList<>();
        long position = 0;
        while (position < changes.diskBytes()) {
            GuestChange change = changes.changeAt(position, changes.diskBytes());
            assertThat(change.start()).isEqualTo(position);
            assertThat(change.length()).isPositive();
            all.add(change);
            position += change.length();
        }
        assertThat(position).isEqualTo(changes.diskBytes());
        return all;
    }

    private static List<String> changed(DiskImage image, String since, @Nullable String until) throws IOException {
        return changes(image, since, until).stream()
                .filter(GuestChange::changed)
                .map(change -> change.start() + "+" + change.length() + (change.zero() ? " zero" : ""))
                .toList();
    }

    private static void fill(DiskImage image, long offset, int length, int value) throws IOException {
        byte[] bytes = new byte[length];
        java.util.Arrays.fill(bytes, (byte) value);
        TestImages.write(image, offset, bytes);
    }

    /** One cluster in each of 128 tables, a snapshot, and then changes under a few tables. */
    private Path diskOfManyTables() throws IOException {
        Path file = QemuTools.create(folder.resolve("disk.qcow2"), TABLES * TABLE_REACH, "");
        try (DiskImage image = TestImages.open(file)) {
            for (int table = 0; table < TABLES; table++) {
                fill(image, table * TABLE_REACH, CLUSTER, 1);
            }
            image.snapshots().create("before", 1, 0);
        }
        return file;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 5, 100})
    void onlyChangedTablesAreRead(int changedTables) throws IOException {
        Path file = diskOfManyTables();
        List<String> expected = new ArrayList<>();
        try (DiskImage image = TestImages.open(file)) {
            for (int table = 0; table < changedTables; table++) {
                long offset = (table + 3) * TABLE_REACH + 10 * CLUSTER;
                fill(image, offset, 100, 2);
                expected.add(offset + "+" + CLUSTER);
            }
        }
        CountingHostFiles files = new CountingHostFiles();
        try (DiskImage image = DiskImage.open(file, TestImages.readOnly(), TestImages.environment(files))) {
            CacheStats before = Objects.requireNonNull(image.layers().getFirst().l2());
            long bytesBefore = files.bytesRead();
            int readsBefore = files.reads();
            assertThat(changed(image, "before", null)).isEqualTo(expected);
            long tables = 2L * changedTables * CLUSTER;
            // Beside them: the header, the snapshot table and the snapshot's L1 table.
            assertThat(files.bytesRead() - bytesBefore).isBetween(tables, tables + 3 * CLUSTER);
            assertThat(files.reads() - readsBefore).isLessThanOrEqualTo(2 * changedTables + 3);
            assertThat(image.layers().getFirst().l2()).isEqualTo(before);
        }
    }

    @Test
    void tablesThatFollowEachOtherAreReadTogether() throws IOException {
        Path base = QemuTools.create(folder.resolve("base.qcow2"), TABLES * TABLE_REACH, "");
        Path file = QemuTools.createOver(
                folder.resolve("disk.qcow2"), base.getFileName().toString(), "qcow2", -1, "");
        try (DiskImage image = TestImages.open(file)) {
            image.snapshots().create("before", 1, 0);
            for (int table = 0; table < TABLES; table++) {
                image.discard(table * TABLE_REACH, CLUSTER);
            }
        }
        CountingHostFiles files = new CountingHostFiles();
        try (DiskImage image = DiskImage.open(file, TestImages.readOnly(), TestImages.environment(files))) {
            int readsBefore = files.reads();
            assertThat(changed(image, "before", null)).hasSize(TABLES);
            // A megabyte at a time, once the first few have been shown.
            assertThat(files.reads() - readsBefore).isLessThanOrEqualTo(4 + 4 + TABLES / 16);
        }
    }

    @Test
    void whatIsOnlyInMemoryIsFoundAndTheCacheStaysAsItIs() throws IOException {
        Path file = diskOfManyTables();
        try (DiskImage image = TestImages.open(file)) {
            assertThat(changed(image, "before", null)).isEmpty();
            fill(image, 5 * TABLE_REACH, 1, 7);
            fill(image, 9 * TABLE_REACH + CLUSTER, 2 * CLUSTER, 7);
            image.discard(7 * TABLE_REACH, CLUSTER);
            CacheStats before = Objects.requireNonNull(image.layers().getFirst().l2());
            assertThat(before.entriesDirty()).isPositive();
            List<String> expected = List.of(
                    5 * TABLE_REACH + "+" + CLUSTER,
                    7 * TABLE_REACH + "+" + CLUSTER + " zero",
                    (9 * TABLE_REACH + CLUSTER) + "+" + 2 * CLUSTER);
            assertThat(changed(image, "before", null)).isEqualTo(expected);
            assertThat(image.layers().getFirst().l2()).isEqualTo(before);
            image.snapshots().create("after", 2, 0);
            fill(image, 0, 1, 9);
            assertThat(changed(image, "before", "after")).isEqualTo(expected);
            assertThat(changed(image, "after", null)).containsExactly("0+" + CLUSTER);
            assertThat(changed(image, "after", "after")).isEmpty();
        }
    }

    @Test
    void zerosWithAndWithoutAPlaceAreTheSameAndDifferFromWhatLiesBelow() throws IOException {
        Path base = QemuTools.create(folder.resolve("base.qcow2"), 4 * CLUSTER, "");
        QemuTools.edit(base, "write -P 5 0 256k");
        Path file = QemuTools.createOver(folder.resolve("disk.qcow2"), "base.qcow2", "qcow2", 8 * CLUSTER, "");
        QemuTools.edit(file, "write -z 64k 64k", "write -z 320k 64k", "write -P 1 384k 64k", "write -z 384k 64k");
        try (DiskImage image = TestImages.open(file)) {
            image.snapshots().create("before", 1, 0);
            image.zero(0, CLUSTER);
            image.discard(CLUSTER, CLUSTER);
            image.zero(4 * CLUSTER, CLUSTER);
            image.discard(5 * CLUSTER, 3 * CLUSTER);
            assertThat(changed(image, "before", null)).containsExactly("0+" + CLUSTER + " zero");
            assertThat(changed(image, "1", "before")).isEmpty();
        }
    }

    @Test
    void aClusterOfSubclustersChangesInPart() throws IOException {
        Path file = QemuTools.create(folder.resolve("disk.qcow2"), 16 * CLUSTER, "extended_l2=on,cluster_size=64k");
        try (DiskImage image = TestImages.open(file)) {
            fill(image, 0, 2048, 1);
            fill(image, CLUSTER, 2048, 1);
            image.snapshots().create("before", 1, 0);
            fill(image, 4096, 2048, 2);
            image.zero(CLUSTER + 2048, 4096);
            image.zero(2 * CLUSTER + 2048, 4096);
            // The first cluster moved, with the subcluster that it had.
            assertThat(changed(image, "before", null)).containsExactly("0+2048", "4096+2048");
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {3 * CLUSTER + 512, 8 * CLUSTER, 700L << 20})
    void whatLiesBeyondTheSmallerDiskIsChanged(long otherSize) throws IOException {
        long size = 5 * CLUSTER + 1024;
        Path file = QemuTools.create(folder.resolve("disk.qcow2"), size, "");
        QemuTools.edit(file, "write -P 1 0 320k");
        QemuTools.img("snapshot", "-c", "before", file.toString()).succeeded();
        QemuTools.img("resize", "--shrink", "-q", file.toString(), Long.toString(otherSize))
                .succeeded();
        QemuTools.edit(file, "write -P 2 64k 512");
        QemuTools.img("snapshot", "-c", "after", file.toString()).succeeded();
        try (DiskImage image = TestImages.openReadOnly(file)) {
            List<String> expected = new ArrayList<>(List.of(CLUSTER + "+" + CLUSTER));
            if (otherSize > size) {
                expected.add(size + "+" + (Math.min(otherSize, TABLE_REACH) - size) + " zero");
            }
            if (otherSize > TABLE_REACH) {
                expected.add(TABLE_REACH + "+" + (otherSize - TABLE_REACH) + " zero");
            }
            assertThat(changed(image, "before", null)).isEqualTo(expected);
            assertThat(changed(image, "before", "after")).isEqualTo(expected);
            List<GuestChange> back = changes(image, "after", "before");
            assertThat(back.getLast().start() + back.getLast().length()).isEqualTo(size);
            assertThat(back.stream().anyMatch(change -> change.changed() && change.start() > 2 * CLUSTER))
                    .isEqualTo(otherSize < size);
        }
    }

    @Test
    void aDriveThatShowsASnapshotIsComparedAsThat() throws IOException {
        Path file = diskOfManyTables();
        try (DiskImage image = TestImages.open(file)) {
            fill(image, 5 * TABLE_REACH, 1, 7);
            image.snapshots().create("shown", 2, 0);
            fill(image, 6 * TABLE_REACH, 1, 7);
        }
        ImageOptions options = TestImages.readOnly().withSnapshot("shown");
        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(HostFiles.posix()))) {
            assertThat(changed(image, "before", null)).containsExactly(5 * TABLE_REACH + "+" + CLUSTER);
        }
    }

    @Test
    void snapshotsComeAndGoDuringAListing() throws IOException {
        Path file = diskOfManyTables();
        try (DiskImage image = TestImages.open(file)) {
            fill(image, 5 * TABLE_REACH, 1, 7);
            image.snapshots().create("other", 2, 0);
            DiskChanges changes = image.snapshots().changesSince("before", null);
            GuestChange same = changes.changeAt(0, changes.diskBytes());
            assertThat(same).isEqualTo(new GuestChange(0, 5 * TABLE_REACH, false, false));
            image.snapshots().delete("other");
            fill(image, 100 * TABLE_REACH, 1, 7);
            assertThat(changes.changeAt(100 * TABLE_REACH, changes.diskBytes()))
                    .isEqualTo(new GuestChange(100 * TABLE_REACH, CLUSTER, true, false));
            image.snapshots().delete("before");
            image.snapshots().create("before", 3, 0);
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> changes.changeAt(0, changes.diskBytes()))
                    .withMessageContaining("\"before\" was deleted")
                    .satisfies(refused -> assertThat(refused.kind()).isEqualTo(ImageException.Kind.NOT_FOUND));
        }
    }

    @Test
    void aDiskThatBecomesWritableIsFollowed() throws IOException {
        Path file = diskOfManyTables();
        try (DiskImage image = TestImages.openReadOnly(file)) {
            DiskChanges changes = image.snapshots().changesSince("before", null);
            assertThat(changes.changeAt(0, TABLE_REACH).changed()).isFalse();
            image.reconfigure(image.options().withReadOnly(false));
            fill(image, 5 * TABLE_REACH, 1, 7);
            assertThat(changes.changeAt(5 * TABLE_REACH, 6 * TABLE_REACH).changed())
                    .isTrue();
        }
    }

    @Test
    void whatHasNoSnapshotsIsRefused() throws IOException {
        Path raw = folder.resolve("disk.raw");
        QemuTools.img("create", "-q", "-f", "raw", raw.toString(), "1M").succeeded();
        ImageOptions options = TestImages.readOnly().withFormat(ImageFormat.RAW);
        try (DiskImage image = DiskImage.open(raw, options, TestImages.environment(HostFiles.posix()))) {
            refuses(image, ImageException.Kind.UNSUPPORTED_FEATURE, "raw image");
        }
        Path split =
                QemuTools.create(folder.resolve("split.qcow2"), 1 << 20, "data_file=" + folder.resolve("split.data"));
        try (DiskImage image = TestImages.openReadOnly(split)) {
            refuses(image, ImageException.Kind.UNSUPPORTED_FEATURE, "external data file");
        }
        Path plain = QemuTools.create(folder.resolve("plain.qcow2"), 1 << 20, "");
        try (DiskImage image = TestImages.openReadOnly(plain)) {
            refuses(image, ImageException.Kind.NOT_FOUND, "\"s\"");
        }
    }

    private static void refuses(DiskImage image, ImageException.Kind kind, String why) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> image.snapshots().changesSince("s", null))
                .withMessageContaining(why)
                .satisfies(refused -> assertThat(refused.kind()).isEqualTo(kind));
    }
}
