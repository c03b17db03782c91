package io.cowslip.engine.image;

import static io.cowslip.testing.TestImages.filled;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.HeldImage;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Lazy refcounts and the dirty bit (qcow2 specification, incompatible bit 0, compatible bit 0), both ways with QEMU. What
 * a killed process leaves is a copy of the file made while it is open.
 */
@NeedsQemu
final class LazyRefcountsTest {
    private static final int DISK = 4 << 20;
    private static final int CLUSTER = 65536;
    private static final int INCOMPATIBLE_BYTE = 79;
    private static final int DIRTY = 1;

    @TempDir
    Path folder;

    private final ModelDisk model = ModelDisk.ofZeros(DISK);
    private Path file;

    @BeforeEach
    void create() {
        file = QemuTools.create(folder.resolve("image.qcow2"), DISK, "lazy_refcounts=on");
    }

    @Test
    void theFileIsDirtyFromTheFirstFlushOfMetadataUntilItIsClosed() throws IOException {
        try (DiskImage image = TestImages.open(file)) {
            assertThat(incompatible(file)).isZero();
            write(image, 0, 3 * CLUSTER, 1);
            image.flush();
            assertThat(incompatible(file)).isEqualTo(DIRTY);
            assertThat(QemuTools.checkShared(file).exitCode()).isEqualTo(2);
        }
        assertThat(incompatible(file)).isZero();
        assertThat(QemuTools.check(file).clean()).isTrue();
        ImageAssertions.assertThat(file).holdsForQemu(model);
    }

    @Test
    void writingInPlaceLeavesTheFileClean() throws IOException {
        try (DiskImage image = TestImages.open(file)) {
            write(image, 0, CLUSTER, 1);
        }
        try (DiskImage image = TestImages.open(file)) {
            write(image, 100, 5000, 2);
            image.flush();
            assertThat(incompatible(file)).isZero();
        }
    }

    /** One of the two opens it again, and what was flushed is there. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatAKilledProcessLeavesIsRepairedByWhoeverWritesNext(boolean qemu) throws IOException {
        Path left = killedWhileWriting();

        try (DiskImage image = TestImages.openReadOnly(left)) {
            ImageAssertions.assertThat(image).readsAs(model);
        }
        assertThat(incompatible(left)).as("reading repairs nothing").isEqualTo(DIRTY);
        assertThat(QemuTools.check(left).corruptions()).isPositive();
        if (qemu) {
            QemuTools.edit(left, "read 0 512");
        } else {
            TestImages.open(left).close();
        }

        assertThat(incompatible(left)).isZero();
        assertThat(QemuTools.check(left).clean()).isTrue();
        ImageAssertions.assertThat(left).holdsForQemu(model);
    }

    /** Clusters that were let go and used again have counts in the file that are of their life before. */
    private Path killedWhileWriting() throws IOException {
        try (DiskImage image = TestImages.open(file)) {
            for (int round = 1; round <= 4; round++) {
                write(image, (round - 1) * 5 * CLUSTER + 1000, 9 * CLUSTER, round);
                image.discard((long) round * 3 * CLUSTER, 2 * CLUSTER);
                model.zero(round * 3 * CLUSTER, 2 * CLUSTER);
                image.flush();
            }
            return Files.copy(file, folder.resolve("left.qcow2"));
        }
    }

    @Test
    void whatAKilledQemuLeavesIsRepairedHere() throws IOException {
        HeldImage qemu = QemuTools.hold("qcow2", file);
        qemu.run("write -P 7 0 300k");
        qemu.run("write -P 9 2M 64k");
        qemu.run("flush");
        qemu.kill();
        model.write(0, filled(300 << 10, 7));
        model.write(2 << 20, filled(64 << 10, 9));
        assertThat(incompatible(file)).isEqualTo(DIRTY);

        try (DiskImage image = TestImages.open(file)) {
            assertThat(incompatible(file)).isZero();
            ImageAssertions.assertThat(image).readsAs(model);
            write(image, CLUSTER, 2 * CLUSTER, 3);
        }
        assertThat(QemuTools.check(file).clean()).isTrue();
        ImageAssertions.assertThat(file).holdsForQemu(model);
    }

    @Test
    void theOptionOverridesTheHeader() throws IOException {
        try (DiskImage image = open(false)) {
            write(image, 0, CLUSTER, 1);
            image.flush();
            assertThat(incompatible(file)).isZero();
            assertThat(RefcountAudit.of(file).leaksAtMost()).isTrue();
        }
        Path plain = QemuTools.create(folder.resolve("plain.qcow2"), DISK, "");
        try (DiskImage image =
                DiskImage.open(plain, ImageOptions.defaults().withLazyRefcounts(true), TestEnvironments.plain())) {
            TestImages.write(image, 0, new byte[] {1});
            image.flush();
            assertThat(incompatible(plain)).isEqualTo(DIRTY);
        }
        assertThat(incompatible(plain)).isZero();
    }

    @Test
    void onAnOpenImageItCanChange() throws IOException {
        try (DiskImage image = open(true)) {
            write(image, 0, CLUSTER, 1);
            image.flush();
            assertThat(incompatible(file)).isEqualTo(DIRTY);
            image.reconfigure(image.options().withLazyRefcounts(false));
            assertThat(incompatible(file)).isZero();
            assertThat(RefcountAudit.of(file).clean()).isTrue();
            write(image, 4 * CLUSTER, CLUSTER, 2);
            image.flush();
            assertThat(RefcountAudit.of(file).leaksAtMost()).isTrue();
            image.reconfigure(image.options().withLazyRefcounts(true));
            write(image, 8 * CLUSTER, CLUSTER, 3);
            image.flush();
            assertThat(incompatible(file)).isEqualTo(DIRTY);
            image.reconfigure(image.options().withReadOnly(true));
            assertThat(incompatible(file)).as("read-only drives are settled").isZero();
        }
        ImageAssertions.assertThat(file).holdsForQemu(model);
    }

    @Test
    void version2CannotBeLazy() throws IOException {
        Path old = QemuTools.create(folder.resolve("old.qcow2"), DISK, "compat=0.10");
        assertThatThrownBy(() ->
                        DiskImage.open(old, ImageOptions.defaults().withLazyRefcounts(true), TestEnvironments.plain()))
                .isInstanceOfSatisfying(
                        ImageException.class,
                        refused -> assertThat(refused.option()).isEqualTo("lazy-refcounts"));
        try (DiskImage image = TestImages.open(old)) {
            assertThatThrownBy(() -> image.reconfigure(image.options().withLazyRefcounts(true)))
                    .hasMessageContaining("version 2");
            TestImages.write(image, 0, new byte[] {1});
        }
        Processes.Output qemu =
                QemuTools.img("info", "--image-opts", "driver=qcow2,lazy-refcounts=on,file.filename=" + old);
        assertThat(qemu.exitCode()).as("QEMU refuses it as well").isEqualTo(1);
    }

    private DiskImage open(boolean lazy) throws IOException {
        return DiskImage.open(file, ImageOptions.defaults().withLazyRefcounts(lazy), TestEnvironments.plain());
    }

    private void write(DiskImage image, int offset, int length, long seed) throws IOException {
        byte[] bytes = RandomData.bytes(new SplittableRandom(seed), length);
        TestImages.write(image, offset, bytes);
        model.write(offset, bytes);
    }

    private static int incompatible(Path image) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(image.toFile(), "r")) {
            open.seek(INCOMPATIBLE_BYTE);
            return open.read();
        }
    }
}
