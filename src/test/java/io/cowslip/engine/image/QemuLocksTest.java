package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.HeldImage;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** QEMU's processes and the engine keep off each other's images, as QEMU's processes do among themselves. */
@NeedsQemu
final class QemuLocksTest {

    @TempDir
    Path folder;

    private Path file = Path.of("");

    @BeforeEach
    void create() {
        file = QemuTools.create(folder.resolve("image.qcow2"), 1 << 20, "");
    }

    @Test
    void aWriterKeepsQemuOut() throws IOException {
        try (DiskImage image = TestImages.open(file)) {
            assertThat(image.readOnly()).isFalse();
            assertRefused("qcow2", file);
            assertRefused("qcow2", file, "-r");
            assertThat(QemuTools.img("info", file.toString()).exitCode()).isOne();
            assertThat(QemuTools.img("info", "-U", file.toString()).exitCode()).isZero();
            assertThat(QemuTools.checkShared(file).clean()).isTrue();
            assertThat(QemuTools.img("resize", file.toString(), "2M").exitCode())
                    .isOne();
        }
        QemuTools.hold("qcow2", file).close();
    }

    @Test
    void aReaderKeepsQemuFromWritingOnly() throws IOException {
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(image.readOnly()).isTrue();
            assertRefused("qcow2", file);
            QemuTools.hold("qcow2", file, "-r").close();
            assertThat(QemuTools.img("info", file.toString()).exitCode()).isZero();
            assertThat(QemuTools.check(file).clean()).isTrue();
            assertThat(QemuTools.img("check", "-r", "leaks", file.toString()).exitCode())
                    .isOne();
        }
        QemuTools.hold("qcow2", file).close();
    }

    @Test
    void aWritingQemuKeepsTheEngineOut() throws IOException {
        HeldImage held = QemuTools.hold("qcow2", file);
        assertBusy(() -> TestImages.open(file));
        assertBusy(() -> TestImages.openReadOnly(file));
        held.close();
        TestImages.open(file).close();
    }

    @Test
    void aReadingQemuKeepsTheEngineFromWritingOnly() throws IOException {
        HeldImage held = QemuTools.hold("qcow2", file, "-r");
        assertBusy(() -> TestImages.open(file));
        TestImages.openReadOnly(file).close();
        held.close();
        TestImages.open(file).close();
    }

    @Test
    void aQemuThatSharesEverythingIsNoBar() throws IOException {
        HeldImage held = QemuTools.hold("qcow2", file, "-r", "-U");
        TestImages.open(file).close();
        held.close();
    }

    @Test
    void openingsInOneProcessAreHeldToTheSame() throws IOException {
        try (DiskImage reader = TestImages.openReadOnly(file);
                DiskImage other = TestImages.openReadOnly(file)) {
            assertThat(other.virtualSizeBytes()).isEqualTo(reader.virtualSizeBytes());
            assertBusy(() -> TestImages.open(file));
        }
        try (DiskImage writer = TestImages.open(file)) {
            assertThat(writer.readOnly()).isFalse();
            assertBusy(() -> TestImages.open(file));
            assertBusy(() -> TestImages.openReadOnly(file));
            // A refused opening closed its descriptor; the writer's locks must have outlived that.
            assertRefused("qcow2", file, "-r");
        }
    }

    @Test
    void layersBelowAreReadersEach() throws IOException {
        Path overlay = QemuTools.createOver(folder.resolve("top.qcow2"), "image.qcow2", "qcow2", -1, "");
        try (DiskImage image = TestImages.open(overlay)) {
            assertThat(image.layers()).hasSize(2);
            assertRefused("qcow2", file);
            QemuTools.hold("qcow2", file, "-r").close();
            TestImages.openReadOnly(file).close();
        }
        QemuTools.hold("qcow2", file).close();
        HeldImage held = QemuTools.hold("qcow2", file);
        assertBusy(() -> TestImages.open(overlay));
        held.close();
    }

    @Test
    void reconfigurationToReadOnlyLetsReadersIn() throws IOException {
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 0, new byte[] {1});
            image.reconfigure(TestImages.readOnly());
            QemuTools.hold("qcow2", file, "-r").close();
            assertThat(QemuTools.check(file).clean()).isTrue();

            try (HeldImage held = QemuTools.hold("qcow2", file, "-r")) {
                assertBusy(() -> {
                    image.reconfigure(ImageOptions.defaults());
                    return image;
                });
                assertThat(held.run("read -P 1 0 1")).contains("read 1/1 bytes");
            }
            image.reconfigure(ImageOptions.defaults());
            assertRefused("qcow2", file, "-r");
            TestImages.write(image, 0, new byte[] {2});
        }
    }

    @Test
    void aRefusedOpeningLeavesNoLockBehind() throws IOException {
        HeldImage held = QemuTools.hold("qcow2", file, "-r");
        assertBusy(() -> DiskImage.open(file, ImageOptions.defaults(), TestImages.environment(HostFiles.posix())));
        held.close();
        QemuTools.hold("qcow2", file).close();
    }

    private static void assertRefused(String format, Path file, String... flags) {
        assertThatExceptionOfType(AssertionError.class)
                .isThrownBy(() -> QemuTools.hold(format, file, flags).close())
                .withMessageContaining("lock");
    }

    private static void assertBusy(Opening opening) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> opening.open().close())
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(ImageException.Kind.BUSY));
    }

    @FunctionalInterface
    private interface Opening {
        DiskImage open() throws IOException;
    }
}
