package io.cowslip.engine.image.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.FeatureRecipe;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.MetadataDamage;
import io.cowslip.testing.MetadataDamage.Damaged;
import io.cowslip.testing.MetadataSites;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** After a repair {@code qemu-img check} finds nothing, whatever was damaged, and what was not damaged is still there. */
@NeedsQemu
@Tag("long")
final class ImageRepairQemuTest {
    private static final int DAMAGES_PER_IMAGE = 12;

    private static final Set<MetadataSites.Kind> OF_BITMAPS = Set.of(
            MetadataSites.Kind.BITMAP_TABLE_OFFSET,
            MetadataSites.Kind.BITMAP_TABLE_ENTRY,
            MetadataSites.Kind.AUTOCLEAR_BITS);

    private static final Set<MetadataSites.Kind> OF_SNAPSHOTS = Set.of(
            MetadataSites.Kind.SNAPSHOT_L1_ENTRY,
            MetadataSites.Kind.SNAPSHOT_L2_ENTRY,
            MetadataSites.Kind.SNAPSHOT_L1_OFFSET,
            MetadataSites.Kind.SNAPSHOT_L1_ENTRIES);

    private static final Set<MetadataSites.Kind> ONLY_COUNTS = Set.of(
            MetadataSites.Kind.REFCOUNT,
            MetadataSites.Kind.REFCOUNT_TABLE_ENTRY,
            MetadataSites.Kind.BITMAP_TABLE_OFFSET,
            MetadataSites.Kind.AUTOCLEAR_BITS);

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(6, 40);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void leavesNothingForQemuToFind(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        FeatureRecipe recipe = FeatureRecipe.any(random);
        Path file = recipe.make(folder.resolve("image.qcow2"), random);
        byte[] sound = Files.readAllBytes(file);
        List<String> names = names(file);
        Map<String, byte[]> contents = contents(file, names);
        for (int i = 0; i < DAMAGES_PER_IMAGE; i++) {
            Damaged damaged = MetadataDamage.to(sound, random.nextInt(1, 4), random);
            Files.write(file, damaged.image());
            try {
                CheckReport report = repair(file);
                assertRepaired(file, report, damaged, names);
                assertSnapshotsReadAsBefore(file, damaged, contents);
                openToWrite(file);
            } catch (IOException | RuntimeException | AssertionError e) {
                throw new AssertionError(
                        recipe + ", " + damaged.damage() + ": " + e.getMessage() + "; "
                                + Seeds.replay(getClass(), seed),
                        e);
            }
        }
    }

    /** A table of no entries is nowhere, so that its place is no fault: the snapshot stays, whatever else is repaired. */
    @Test
    void aSnapshotWithoutEntriesStays() throws IOException {
        Path file = QemuTools.create(folder.resolve("image.qcow2"), 1 << 20, "cluster_size=4k");
        QemuTools.edit(file, "write -P 1 0 64k");
        QemuTools.img("snapshot", "-c", "first", file.toString()).succeeded();
        ImageBytes bytes = new ImageBytes(file);
        long record = bytes.number(ImageBytes.SNAPSHOT_TABLE);
        bytes.put(record, 1L << 63 | bytes.number(record));
        bytes.putShort(record + Long.BYTES, 0);
        bytes.put(bytes.l1Entry(0), bytes.number(bytes.l1Entry(0)) | 1);
        assertThat(QemuTools.check(file).corruptions()).isPositive();
        assertThat(repair(file).isClean()).isTrue();
        assertThat(QemuTools.check(file).clean()).isTrue();
        assertThat(names(file)).containsExactly("first");
        openToWrite(file);
    }

    private static void openToWrite(Path file) throws IOException {
        DiskImage.open(file, ImageOptions.defaults(), TestEnvironments.plain()).close();
    }

    /** What each snapshot's disk holds, by QEMU's account. */
    private Map<String, byte[]> contents(Path file, List<String> names) throws IOException {
        Map<String, byte[]> contents = new HashMap<>();
        for (String name : names) {
            if (name.startsWith("snapshot")) {
                contents.put(name, content(file, name));
            }
        }
        return contents;
    }

    private byte[] content(Path file, String snapshot) throws IOException {
        Path raw = folder.resolve("snapshot.raw");
        return Files.readAllBytes(QemuTools.convert(file, "qcow2", raw, "raw", "-l", snapshot));
    }

    /** Where the counts and flags alone were damaged, no byte of a snapshot may be another. */
    private void assertSnapshotsReadAsBefore(Path file, Damaged damaged, Map<String, byte[]> contents)
            throws IOException {
        if (!ONLY_COUNTS.containsAll(damaged.kinds()) || !QemuTools.check(file).clean()) {
            return;
        }
        for (Map.Entry<String, byte[]> snapshot : contents.entrySet()) {
            assertThat(content(file, snapshot.getKey())).as(snapshot.getKey()).isEqualTo(snapshot.getValue());
        }
    }

    private static CheckReport repair(Path file) throws IOException {
        return ImageCheck.repair(file, ImageCheck.Repair.ALL, WorkObserver.NONE, TestEnvironments.plain());
    }

    private static void assertRepaired(Path file, CheckReport report, Damaged damaged, List<String> names) {
        Processes.Output check = QemuTools.img("check", "-f", "qcow2", file.toString());
        assertThat(report.isClean()).as("%s", report).isTrue();
        assertThat(check.exitCode()).as(check.out() + check.err()).isZero();
        assertThat(names(file))
                .containsAll(
                        names.stream().filter(name -> !mayBeLost(name, damaged)).toList());
    }

    private static boolean mayBeLost(String name, Damaged damaged) {
        Set<MetadataSites.Kind> own = name.startsWith("bitmap") ? OF_BITMAPS : OF_SNAPSHOTS;
        return damaged.kinds().stream().anyMatch(own::contains);
    }

    /** The snapshots and bitmaps that QEMU sees. */
    private static List<String> names(Path file) {
        return QemuTools.info(file).findValues("name").stream()
                .map(name -> name.asString())
                .toList();
    }
}
