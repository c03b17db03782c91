package io.cowslip.engine.image.bitmap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.DirtyBitmaps;
import io.cowslip.engine.image.DirtyMap;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.HeldImage;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** QEMU and this engine read each other's bitmaps, and each keeps up those of the other. */
@NeedsQemu
class DirtyBitmapsQemuTest {
    private static final int SIZE = 8 << 20;
    private static final int GRAIN = 4096;

    @TempDir
    private Path folder;

    /** The 4 KiB blocks that QEMU's NBD server calls dirty. */
    static BitSet seenByQemu(Path image, String bitmap) {
        Assumptions.assumeTrue(QemuTools.showsBitmaps(), "nbdinfo (libnbd-bin) is not installed");
        BitSet blocks = new BitSet();
        for (QemuTools.MapEntry run : QemuTools.dirtyRuns(image, bitmap)) {
            blocks.set((int) (run.start() / GRAIN), (int) ((run.start() + run.length()) / GRAIN));
        }
        return blocks;
    }

    static BitSet seenByUs(DiskImage image, String bitmap) throws IOException {
        DirtyMap map = image.bitmaps().map(bitmap);
        BitSet blocks = new BitSet();
        long size = image.virtualSizeBytes();
        for (long at = 0; at < size; at = map.runEnd(at, size)) {
            if (map.isDirty(at)) {
                blocks.set((int) (at / GRAIN), (int) ((map.runEnd(at, size) + GRAIN - 1) / GRAIN));
            }
        }
        return blocks;
    }

    private static BitSet blocks(int... ranges) {
        BitSet blocks = new BitSet();
        for (int index = 0; index < ranges.length; index += 2) {
            blocks.set(ranges[index], ranges[index + 1]);
        }
        return blocks;
    }

    private static void assertClean(Path image) {
        QemuTools.CheckResult check = QemuTools.check(image);
        assertThat(check.clean()).as(check.details()).isTrue();
    }

    @ParameterizedTest
    @CsvSource({"512, 16", "512, 1", "1024, 64", "4096, 2", "65536, 16", "65536, 1", "65536, 64", "2097152, 8"})
    void eachKeepsUpTheOthersBitmaps(int clusterBytes, int refcountBits) throws IOException {
        Path file = QemuTools.create(
                folder.resolve("image"), SIZE, "cluster_size=" + clusterBytes + ",refcount_bits=" + refcountBits);
        QemuTools.img("bitmap", "--add", "-g", "4096", file.toString(), "theirs")
                .succeeded();
        QemuTools.img("bitmap", "--add", "--disable", "-g", "4096", file.toString(), "off")
                .succeeded();
        QemuTools.edit(file, "write 0 4k", "write 1M 64k", "discard 4M 1M");
        BitSet first = blocks(0, 1, 256, 272, 1024, 1280);

        try (DiskImage image = TestImages.open(file)) {
            assertThat(seenByUs(image, "theirs")).isEqualTo(first);
            assertThat(seenByUs(image, "off")).isEqualTo(blocks());
            image.bitmaps().create("ours", GRAIN, true);
            TestImages.write(image, 2 << 20, new byte[8192]);
            image.zero((3 << 20) + 100, 4096);
        }

        BitSet ours = blocks(512, 514, 768, 770);
        BitSet both = (BitSet) ours.clone();
        both.or(first);
        assertClean(file);
        assertThat(seenByQemu(file, "theirs")).isEqualTo(both);
        assertThat(seenByQemu(file, "ours")).isEqualTo(ours);
        assertThat(seenByQemu(file, "off")).isEqualTo(blocks());

        QemuTools.edit(file, "write 6M 4k");
        try (DiskImage image = TestImages.open(file)) {
            ours.set(1536);
            assertThat(seenByUs(image, "ours")).isEqualTo(ours);
            assertThat(image.bitmaps().list())
                    .extracting(BitmapInfo::name)
                    .containsExactlyInAnyOrder("theirs", "off", "ours");
            image.bitmaps().merge("off", List.of("ours"));
            image.bitmaps().delete("theirs");
            image.bitmaps().disable("ours");
            TestImages.write(image, 7 << 20, new byte[4096]);
        }
        assertClean(file);
        assertThat(seenByQemu(file, "off")).isEqualTo(ours);
        assertThat(seenByQemu(file, "ours")).isEqualTo(ours);

        QemuTools.img("bitmap", "--clear", file.toString(), "off").succeeded();
        QemuTools.img("bitmap", "--enable", file.toString(), "off").succeeded();
        QemuTools.img("bitmap", "--remove", file.toString(), "ours").succeeded();
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 0, new byte[1]);
            assertThat(seenByUs(image, "off")).isEqualTo(blocks(0, 1));
            image.bitmaps().delete("off");
        }
        assertClean(file);
        assertThat(QemuTools.info(file).at("/format-specific/data/bitmaps").isMissingNode())
                .isTrue();
    }

    /** All bits of a cluster set are one entry of the table, which QEMU understands, also past the disk's end. */
    @Test
    void allOnesAreReadByQemu() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), SIZE - 512, "cluster_size=512");
        try (DiskImage image = TestImages.open(file)) {
            image.bitmaps().create("all", 512, true);
            image.zero(0, SIZE - 512);
        }
        assertClean(file);
        assertThat(seenByQemu(file, "all")).isEqualTo(blocks(0, SIZE / GRAIN - 1));
        QemuTools.edit(file, "write 0 1k");
        try (DiskImage image = TestImages.open(file)) {
            assertThat(image.bitmaps().map("all").dirtyBytes()).isEqualTo(SIZE - 512);
        }
    }

    /** What QEMU did not save is known as such, kept, and can only be deleted. */
    @Test
    void whatQemuDidNotSaveCanOnlyBeDeleted() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), SIZE, "");
        QemuTools.img("bitmap", "--add", file.toString(), "lost").succeeded();
        markInUse(file);
        try (DiskImage image = TestImages.open(file)) {
            DirtyBitmaps bitmaps = image.bitmaps();
            bitmaps.create("kept", GRAIN, false);
            assertThat(bitmaps.info("lost").inconsistent()).isTrue();
            assertThat(bitmaps.info("kept").inconsistent()).isFalse();
            assertRefused(ImageException.Kind.INCONSISTENT_BITMAP, () -> bitmaps.map("lost"));
            assertRefused(ImageException.Kind.INCONSISTENT_BITMAP, () -> bitmaps.enable("lost"));
            assertRefused(ImageException.Kind.INCONSISTENT_BITMAP, () -> bitmaps.disable("lost"));
            assertRefused(ImageException.Kind.INCONSISTENT_BITMAP, () -> bitmaps.clear("lost"));
            assertRefused(ImageException.Kind.INCONSISTENT_BITMAP, () -> bitmaps.merge("kept", List.of("lost")));
            TestImages.write(image, 0, new byte[1]);
        }
        assertThat(QemuTools.info(file).at("/format-specific/data/bitmaps").toString())
                .contains("in-use");
        try (DiskImage image = TestImages.open(file)) {
            image.bitmaps().delete("lost");
        }
        assertClean(file);
    }

    private static void assertRefused(
            ImageException.Kind kind, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        ImageException.class, e -> assertThat(e.kind()).isEqualTo(kind));
    }

    /** Opens the image in QEMU and kills that, which by then has marked the bitmaps. */
    private static void markInUse(Path file) throws IOException {
        HeldImage held = QemuTools.hold("qcow2", file);
        held.kill();
    }

    /** Version 2 and a cleared autoclear bit: the extension says nothing (qcow2 specification, "Bitmaps extension"). */
    @Test
    void withoutTheAutoclearBitThereAreNone() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), SIZE, "");
        QemuTools.img("bitmap", "--add", file.toString(), "stale").succeeded();
        try (java.io.RandomAccessFile raw = new java.io.RandomAccessFile(file.toFile(), "rw")) {
            raw.seek(88);
            raw.writeLong(0);
        }
        try (DiskImage image = TestImages.open(file)) {
            assertThat(image.bitmaps().list()).isEmpty();
            TestImages.write(image, 0, new byte[1]);
            image.bitmaps().create("fresh", GRAIN, true);
        }
        assertThat(QemuTools.check(file).leaksAtMost()).isTrue();
        assertThat(seenByQemu(file, "fresh")).isEqualTo(blocks());
        Path old = QemuTools.create(folder.resolve("old"), SIZE, "compat=0.10");
        try (DiskImage image = TestImages.open(old)) {
            assertRefused(
                    ImageException.Kind.UNSUPPORTED_FEATURE,
                    () -> image.bitmaps().create("none", GRAIN, true));
        }
    }

    /** The backing file's name makes way for the extension, and is refused where there is no place for both. */
    @ParameterizedTest
    @CsvSource({"512, 20, true", "512, 350, false", "1024, 300, true", "4096, 900, true", "65536, 1000, true"})
    void theBackingNameMakesWay(int clusterBytes, int nameBytes, boolean fits) throws IOException {
        String name = "./".repeat((nameBytes - 4) / 2) + "base";
        QemuTools.create(folder.resolve("base"), SIZE, "");
        QemuTools.edit(folder.resolve("base"), "write -P 7 0 64k");
        Path file = QemuTools.createOver(folder.resolve("image"), name, "qcow2", SIZE, "cluster_size=" + clusterBytes);
        try (DiskImage image = TestImages.open(file)) {
            if (fits) {
                image.bitmaps().create("one", GRAIN, true);
                image.bitmaps().create("two", GRAIN, true);
                TestImages.write(image, 4096, new byte[4096]);
            } else {
                assertRefused(
                        ImageException.Kind.NO_SPACE, () -> image.bitmaps().create("one", GRAIN, true));
            }
        }
        assertClean(file);
        QemuTools.edit(file, "read -P 7 0 4k");
        if (fits) {
            assertThat(seenByQemu(file, "two")).isEqualTo(blocks(1, 2));
            QemuTools.img("bitmap", "--remove", file.toString(), "one").succeeded();
            assertClean(file);
        }
    }

    /** A new image has a table of feature names, which clusters of 512 bytes have no room for beside bitmaps. */
    @Test
    void featureNamesMakeWay() throws IOException {
        Path file = folder.resolve("image");
        ImageCreator.create(
                file,
                new CreateOptions(
                        ImageFormat.QCOW2, 1L << 20, 512, null, null, 16, CreateOptions.CompressionType.ZLIB, 3),
                TestEnvironments.plain());
        try (DiskImage image = TestImages.open(file)) {
            image.bitmaps().create("one", GRAIN, true);
            TestImages.write(image, 4096, new byte[4096]);
        }
        assertThat(seenByQemu(file, "one")).isEqualTo(blocks(1, 2));
        assertClean(file);
    }

    @Test
    void readOnlyAndBackAgain() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), SIZE, "");
        ImageOptions options = ImageOptions.defaults();
        try (DiskImage image = TestImages.open(file)) {
            image.bitmaps().create("on", GRAIN, true);
            TestImages.write(image, 0, new byte[1]);
            image.reconfigure(options.withReadOnly(true));
            assertThat(seenByQemu(file, "on")).isEqualTo(blocks(0, 1));
            assertThat(seenByUs(image, "on")).isEqualTo(blocks(0, 1));
            assertRefused(ImageException.Kind.READ_ONLY, () -> image.bitmaps().delete("on"));
            image.reconfigure(options);
            TestImages.write(image, GRAIN, new byte[1]);
            image.bitmaps().clear("on");
            TestImages.write(image, 2 * GRAIN, new byte[1]);
        }
        assertThat(seenByQemu(file, "on")).isEqualTo(blocks(2, 3));
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(seenByUs(image, "on")).isEqualTo(blocks(2, 3));
        }
        assertClean(file);
    }
}
