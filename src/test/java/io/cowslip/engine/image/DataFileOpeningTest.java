package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.HeldImage;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How an image and its data file are found, locked and refused. */
@NeedsQemu
final class DataFileOpeningTest {
    private static final int EXTENSION_TYPE = 112;
    private static final int SIZE = 1 << 20;
    private static final ImageEnvironment ENVIRONMENT = TestImages.environment(HostFiles.posix());

    @TempDir
    Path folder;

    private Path image = Path.of("");
    private Path data = Path.of("");

    @BeforeEach
    void create() {
        data = folder.resolve("data");
        image = QemuTools.create(folder.resolve("image"), SIZE, "data_file=" + data);
        QemuTools.edit(image, "write -P 7 64k 64k");
    }

    @Test
    void aDataFileThatNobodyNamesIsAskedFor() throws IOException {
        patch(EXTENSION_TYPE, 0x5858_5858);

        assertRefused(ImageOptions.defaults(), Kind.INVALID_OPTION, "give data-file");
        try (DiskImage named = DiskImage.open(image, ImageOptions.defaults().withDataFile("data"), ENVIRONMENT)) {
            assertThat(TestImages.read(named, 64 << 10, 1)).containsExactly(7);
        }
    }

    @Test
    void theOptionGoesBeforeTheHeader() throws IOException {
        Files.move(data, folder.resolve("moved"));

        assertThatExceptionOfType(ImageException.class).isThrownBy(() -> TestImages.open(image));
        try (DiskImage moved = DiskImage.open(image, ImageOptions.defaults().withDataFile("moved"), ENVIRONMENT)) {
            assertThat(TestImages.read(moved, 64 << 10, 1)).containsExactly(7);
        }
    }

    @Test
    void anImageWithItsOwnDataTakesNoDataFile() {
        QemuTools.create(image, SIZE, "");

        assertRefused(ImageOptions.defaults().withDataFile("data"), Kind.INVALID_OPTION, "leave data-file out");
        assertRefused(
                ImageOptions.defaults().withFormat(ImageFormat.RAW).withDataFile("data"),
                Kind.INVALID_OPTION,
                "leave data-file out");
    }

    @Test
    void anImageIsNotItsOwnDataFile() {
        assertRefused(ImageOptions.defaults().withDataFile("image"), Kind.INVALID_FORMAT, "in the chain already");
    }

    @Test
    void aClusterAtAnotherPlaceIsCorrupt() throws IOException {
        long table = l2Table();
        patch(Math.toIntExact(table + 8), 0x8000_0000);
        patch(Math.toIntExact(table + 12), 0x0002_0000);

        try (DiskImage broken = TestImages.openReadOnly(image)) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> TestImages.read(broken, 64 << 10, 1))
                    .satisfies(e -> assertThat(e.kind()).isEqualTo(Kind.CORRUPT))
                    .withMessageContaining("guest offset");
        }
    }

    @Test
    void aClusterAtOffsetZeroIsData() throws IOException {
        QemuTools.edit(image, "write -P 9 0 64k");
        try (DiskImage first = TestImages.open(image)) {
            assertThat(TestImages.read(first, 65535, 2)).containsExactly(9, 7);
            TestImages.write(first, 1, new byte[] {5});
            assertThat(first.extentAt(0, SIZE)).isEqualTo(new GuestExtent(0, 128 << 10, false, false));
        }
        QemuTools.edit(image, "read -P 9 0 1", "read -P 5 1 1", "read -P 9 2 65534");
        assertThat(QemuTools.check(image).clean()).isTrue();
    }

    @Test
    void aWriterHoldsTheDataFileAsQemuDoes() throws IOException {
        Path other = copyOfImage();
        try (DiskImage writer = TestImages.open(image)) {
            assertThat(writer.readOnly()).isFalse();
            assertThat(QemuTools.io("qcow2", other, "read 0 1").exitCode()).isNotZero();
            assertBusy(other);
            writer.reconfigure(ImageOptions.defaults().withReadOnly(true));
            TestImages.openReadOnly(other).close();
            writer.reconfigure(ImageOptions.defaults());
            assertBusy(other);
        }
        TestImages.open(other).close();
    }

    @Test
    void aWritingQemuKeepsItsDataFile() throws IOException {
        Path other = copyOfImage();
        HeldImage held = QemuTools.hold("qcow2", other);
        assertBusy(image);
        held.close();
        TestImages.open(image).close();
    }

    @Test
    void becomingWritableTakesBothFilesOrNone() throws IOException {
        Path other = copyOfImage();
        try (DiskImage reader = TestImages.openReadOnly(image)) {
            try (DiskImage second = TestImages.openReadOnly(other)) {
                assertThatExceptionOfType(ImageException.class)
                        .isThrownBy(() -> reader.reconfigure(ImageOptions.defaults()));
                assertThat(TestImages.read(reader, 64 << 10, 1)).containsExactly(7);
                assertThat(second.readOnly()).isTrue();
            }
            reader.reconfigure(ImageOptions.defaults());
            TestImages.write(reader, 64 << 10, new byte[] {8});
        }
        QemuTools.edit(image, "read -P 8 64k 1");
    }

    private Path copyOfImage() throws IOException {
        return Files.copy(image, folder.resolve("other"));
    }

    private static void assertBusy(Path file) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> TestImages.open(file))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(Kind.BUSY));
    }

    private void assertRefused(ImageOptions options, Kind kind, String why) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> DiskImage.open(image, options, ENVIRONMENT))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(kind))
                .withMessageContaining(why);
    }

    private void patch(int offset, int value) throws IOException {
        byte[] bytes = Files.readAllBytes(image);
        ByteBuffer.wrap(bytes).putInt(offset, value);
        Files.write(image, bytes);
    }

    private long l2Table() throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(image));
        return bytes.getLong(Math.toIntExact(bytes.getLong(40))) & 0x00ff_ffff_ffff_fe00L;
    }
}
