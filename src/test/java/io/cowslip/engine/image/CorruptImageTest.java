package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.layer.LayerStats;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.OverlapCheck;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Entries that lead into metadata are found before anything is written there, and the image says that it is corrupt. */
@NeedsQemu
final class CorruptImageTest {
    private static final int DISK = 2 << 20;
    private static final int CLUSTER = 65536;
    private static final int INCOMPATIBLE_BYTE = 79;
    private static final int CORRUPT = 2;
    private static final long COPIED = 1L << 63;
    private static final int L1_TABLE = 40;
    private static final int REFCOUNT_TABLE = 48;

    @TempDir
    Path folder;

    private final ModelDisk model = ModelDisk.ofZeros(DISK);
    private Path file;

    @BeforeEach
    void create() throws IOException {
        file = folder.resolve("image.qcow2");
        create("");
    }

    private void create(String options) throws IOException {
        Files.deleteIfExists(file);
        QemuTools.create(file, DISK, options);
        byte[] bytes = RandomData.bytes(new SplittableRandom(1), 8 * CLUSTER);
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 0, bytes);
        }
        model.write(0, bytes);
        model.flushed();
    }

    /** What the guest's first cluster is made to lie upon. */
    enum Target {
        HEADER("main-header", "the header"),
        L1("active-l1", "the L1 table"),
        L2("active-l2", "an L2 table"),
        REFCOUNT_TABLE("refcount-table", "the refcount table"),
        REFCOUNT_BLOCK("refcount-block", "a refcount block");

        private final String option;
        private final String inWords;

        Target(String option, String inWords) {
            this.option = option;
            this.inWords = inWords;
        }

        private long offset(Path file) throws IOException {
            return switch (this) {
                case HEADER -> 0;
                case L1 -> number(file, L1_TABLE);
                case L2 -> number(file, number(file, L1_TABLE)) & ~COPIED;
                case REFCOUNT_TABLE -> number(file, CorruptImageTest.REFCOUNT_TABLE);
                case REFCOUNT_BLOCK -> number(file, number(file, CorruptImageTest.REFCOUNT_TABLE));
            };
        }
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HEADER")
    void aWriteInPlaceDoesNotReachMetadata(Target target) throws IOException {
        leadFirstClusterTo(target.offset(file));
        byte[] before = Files.readAllBytes(file);

        try (DiskImage image = TestImages.open(file)) {
            assertThatThrownBy(() -> TestImages.write(image, 10, new byte[100]))
                    .isInstanceOfSatisfying(ImageException.class, refused -> {
                        assertThat(refused.kind()).isEqualTo(ImageException.Kind.CORRUPT);
                        assertThat(refused).hasMessageContaining("would hit " + target.inWords);
                    });
            assertThat(image.layers().getFirst().corrupt()).isTrue();
            assertThatThrownBy(() -> TestImages.write(image, CLUSTER, new byte[1]))
                    .hasMessageContaining("takes no writes since an earlier failure");
            assertThat(TestImages.read(image, CLUSTER, 5 * CLUSTER)).isEqualTo(model.read(CLUSTER, 5 * CLUSTER));
            assertThatThrownBy(image::close).hasMessageContaining("takes no writes since an earlier failure");
        }

        assertOnlyMarkedSince(before);
        assertThat(QemuTools.info(file).at("/format-specific/data/corrupt").asBoolean())
                .isTrue();
        assertThat(QemuTools.io("qcow2", file, "write 1M 64k").out()
                        + QemuTools.io("qcow2", file, "write 1M 64k").err())
                .contains("corrupt");
        assertThatThrownBy(() -> TestImages.open(file))
                .hasMessageContaining("corrupt")
                .hasMessageContaining("\"repair\": \"all\"");
    }

    /** A zeroed cluster that keeps its place gets data there again. */
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HEADER")
    void aWriteOntoZerosDoesNotReachMetadata(Target target) throws IOException {
        setFirstEntry(COPIED | ImageBytes.ZERO | target.offset(file));
        isRefusedWithoutHarm("would hit " + target.inWords);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, ImageBytes.ZERO})
    void aWriteDoesNotGoBehindTheFile(long flag) throws IOException {
        setFirstEntry(COPIED | flag | 1L << 40);
        isRefusedWithoutHarm("behind the end of the file");
    }

    private void isRefusedWithoutHarm(String why) throws IOException {
        byte[] before = Files.readAllBytes(file);
        try (DiskImage image = TestImages.open(file)) {
            assertThatThrownBy(() -> TestImages.write(image, 10, new byte[100]))
                    .isInstanceOfSatisfying(ImageException.class, refused -> {
                        assertThat(refused.kind()).isEqualTo(ImageException.Kind.CORRUPT);
                        assertThat(refused).hasMessageContaining(why);
                    });
            assertThatThrownBy(image::close).hasMessageContaining("takes no writes since an earlier failure");
        }
        assertOnlyMarkedSince(before);
    }

    /** QEMU does the same with the same damage. */
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HEADER")
    void qemuRefusesTheSameWrites(Target target) throws IOException {
        leadFirstClusterTo(target.offset(file));
        QemuTools.io("qcow2", file, "write 0 512");
        assertThat(incompatible()).isEqualTo(CORRUPT);
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HEADER")
    void whatIsNotLookedOutForIsWrittenOver(Target target) throws IOException {
        leadFirstClusterTo(target.offset(file));
        OverlapCheck check = new OverlapCheck(OverlapCheck.Template.ALL, Map.of(target.option, false));
        Path copy = Files.copy(file, folder.resolve("copy"));
        DiskImage image =
                DiskImage.open(copy, ImageOptions.defaults().withOverlapCheck(check), TestEnvironments.plain());
        byte[] mark = RandomData.bytes(new SplittableRandom(2), 512);
        TestImages.write(image, CLUSTER - 512, mark);
        long at = target.offset(file) + CLUSTER - 512;
        assertThat(Arrays.copyOfRange(Files.readAllBytes(copy), (int) at, (int) at + 512))
                .isEqualTo(mark);
        image.reconfigure(image.options().withOverlapCheck(OverlapCheck.DEFAULT));
        assertThatThrownBy(() -> TestImages.write(image, 0, new byte[1])).hasMessageContaining("would hit");
        assertThatThrownBy(image::close).hasMessageContaining("takes no writes");
    }

    /** As QEMU 7.2: the request fails, and the file has no place to say why. */
    @Test
    void version2HasNoMarkButTakesNoWritesEither() throws IOException {
        create("compat=0.10");
        leadFirstClusterTo(Target.L2.offset(file));
        byte[] before = Files.readAllBytes(file);
        QemuTools.io("qcow2", file, "write 0 512");
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
        try (DiskImage image = TestImages.open(file)) {
            assertThatThrownBy(() -> TestImages.write(image, 0, new byte[1])).hasMessageContaining("would hit");
            assertThat(image.layers().getFirst().corrupt()).isTrue();
            assertThatThrownBy(image::close).hasMessageContaining("takes no writes");
        }
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }

    static List<Long> brokenEntries() {
        return List.of(COPIED | 0x8200, COPIED | 1L << 60 | 5 * CLUSTER, COPIED, COPIED | 1L << 1 | 5 * CLUSTER);
    }

    @ParameterizedTest
    @MethodSource("brokenEntries")
    void aReadThatFindsABrokenEntryMarksAWritableImage(long entry) throws IOException {
        setFirstEntry(entry);
        byte[] before = Files.readAllBytes(file);
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThatThrownBy(() -> TestImages.read(image, 0, 1)).isInstanceOf(ImageException.class);
            assertThat(image.layers().getFirst().corrupt()).isTrue();
        }
        assertThat(Files.readAllBytes(file))
                .as("read-only images are not changed")
                .isEqualTo(before);
        try (DiskImage image = TestImages.open(file)) {
            assertThatThrownBy(() -> TestImages.read(image, 0, 1)).isInstanceOf(ImageException.class);
            assertThat(TestImages.read(image, CLUSTER, CLUSTER)).isEqualTo(model.read(CLUSTER, CLUSTER));
            assertThatThrownBy(() -> TestImages.write(image, CLUSTER, new byte[1]))
                    .hasMessageContaining("takes no writes");
            assertThatThrownBy(image::close).hasMessageContaining("takes no writes");
        }
        assertOnlyMarkedSince(before);
    }

    /** Damage below is none of this image's. */
    @Test
    void aCorruptBackingFileLeavesTheOverlayUnmarked() throws IOException {
        setFirstEntry(COPIED | 0x8200);
        Path top = QemuTools.createOver(folder.resolve("top.qcow2"), "image.qcow2", "qcow2", DISK, "");
        try (DiskImage image = TestImages.open(top)) {
            assertThatThrownBy(() -> TestImages.write(image, 10, new byte[10])).isInstanceOf(ImageException.class);
            assertThat(image.layers().stream().map(LayerStats::corrupt)).containsExactly(false, true);
            TestImages.write(image, CLUSTER, new byte[1]);
        }
        assertThat(QemuTools.info(top).at("/format-specific/data/corrupt").asBoolean())
                .isFalse();
    }

    @Test
    void aRepairTakesTheMarkAway() throws IOException {
        leadFirstClusterTo(Target.REFCOUNT_BLOCK.offset(file));
        DiskImage image = TestImages.open(file);
        assertThatThrownBy(() -> TestImages.write(image, 0, new byte[1])).hasMessageContaining("would hit");
        assertThatThrownBy(image::close).isInstanceOf(IOException.class);

        ImageCheck.repair(file, ImageCheck.Repair.ALL, WorkObserver.NONE, TestEnvironments.plain());

        assertThat(QemuTools.check(file).clean()).isTrue();
        try (DiskImage repaired = TestImages.open(file)) {
            byte[] first = TestImages.read(repaired, 0, CLUSTER);
            model.write(0, first);
            ImageAssertions.assertThat(repaired).readsAs(model);
        }
    }

    private void assertOnlyMarkedSince(byte[] before) throws IOException {
        byte[] after = Files.readAllBytes(file);
        assertThat(after[INCOMPATIBLE_BYTE]).isEqualTo((byte) CORRUPT);
        after[INCOMPATIBLE_BYTE] = before[INCOMPATIBLE_BYTE];
        assertThat(Arrays.mismatch(before, after)).isEqualTo(-1);
    }

    private void leadFirstClusterTo(long hostOffset) throws IOException {
        setFirstEntry(COPIED | hostOffset);
    }

    private void setFirstEntry(long entry) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.seek(Target.L2.offset(file));
            open.writeLong(entry);
        }
    }

    private int incompatible() throws IOException {
        return (int) number(file, INCOMPATIBLE_BYTE - 7);
    }

    private static long number(Path file, long offset) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "r")) {
            open.seek(offset);
            return open.readLong();
        }
    }
}
