package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images that QEMU makes and the engine does not open, or opens for reading only; each is refused by name. */
@NeedsQemu
final class RefusedImagesTest {
    private static final int CRYPT_METHOD = 32;
    private static final int INCOMPATIBLE = 79;

    @TempDir
    Path folder;

    /** Set by hand: making a LUKS image, qemu-img measures the processor, and on a busy machine gives up over that. */
    @Test
    void refusesEncryptionWithoutAPassphraseOrAKeySlot() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 1 << 20, "");
        try (RandomAccessFile header = new RandomAccessFile(file.toFile(), "rw")) {
            header.seek(CRYPT_METHOD);
            header.writeInt(2);
        }

        assertRefused(file, true, ImageException.Kind.INVALID_OPTION, "give its passphrase");
        assertRefused(file, false, ImageException.Kind.INVALID_OPTION, "give its passphrase");
        ImageOptions options =
                ImageOptions.defaults().withEncrypt(new EncryptOptions(null, Secret.of("no matter"), null));
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> DiskImage.open(file, options, TestEnvironments.plain()))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(ImageException.Kind.INVALID_FORMAT))
                .withMessageContaining("no LUKS header");
    }

    @Test
    void opensCorruptImagesForReadingOnly() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 1 << 20, "");
        QemuTools.edit(file, "write -P 1 0 64k");
        setIncompatible(file, 2);

        assertRefusedForWriting(file, "corrupt");
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(TestImages.read(image, 0, 1)).containsExactly(1);
        }
    }

    @Test
    void refusesUnknownIncompatibleFeatures() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 1 << 20, "");
        setIncompatible(file, 0x40);

        assertRefused(file, true, ImageException.Kind.UNSUPPORTED_FEATURE, "6");
    }

    @Test
    void refusesRawFilesAsQcow2() throws IOException {
        Path file = Files.write(folder.resolve("raw"), new byte[1 << 20]);

        assertRefused(file, true, ImageException.Kind.INVALID_FORMAT, "qcow2");
    }

    @Test
    void refusesBackingFilesWithoutAFormat() throws IOException {
        Files.write(folder.resolve("raw"), new byte[1 << 20]);
        Path file = QemuTools.createOver(folder.resolve("image"), "raw", "raw", -1, "compat=0.10");
        eraseBackingFormat(file);

        assertRefused(file, true, ImageException.Kind.INVALID_OPTION, "format");
    }

    @Test
    void refusesChainsThatBiteTheirTail() throws IOException {
        Path lower = QemuTools.create(folder.resolve("lower"), 1 << 20, "");
        Path upper = QemuTools.createOver(folder.resolve("upper"), "lower", "qcow2", -1, "");
        QemuTools.img("rebase", "-u", "-f", "qcow2", "-b", "upper", "-F", "qcow2", lower.toString())
                .succeeded();

        ImageException refusal = catchThrowableOfType(
                ImageException.class, () -> TestImages.openReadOnly(upper).close());
        assertThat(refusal).isNotNull();
        assertThat(refusal.kind()).isIn(ImageException.Kind.INVALID_FORMAT, ImageException.Kind.BUSY);
    }

    private static void assertRefusedForWriting(Path file, String name) throws IOException {
        byte[] before = Files.readAllBytes(file);
        ImageException refusal = catchThrowableOfType(
                ImageException.class, () -> TestImages.open(file).close());
        assertThat(refusal).isNotNull().hasMessageContaining(name);
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }

    private static void assertRefused(Path file, boolean readOnly, ImageException.Kind kind, String name)
            throws IOException {
        byte[] before = Files.readAllBytes(file);
        ImageException refusal = catchThrowableOfType(
                ImageException.class, () -> (readOnly ? TestImages.openReadOnly(file) : TestImages.open(file)).close());
        assertThat(refusal).isNotNull().hasMessageContaining(name);
        assertThat(refusal.kind()).isEqualTo(kind);
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }

    private static void setIncompatible(Path file, int bits) throws IOException {
        try (RandomAccessFile header = new RandomAccessFile(file.toFile(), "rw")) {
            header.seek(INCOMPATIBLE);
            header.write(bits);
        }
    }

    /** Makes the type of the first header extension one that nobody knows. */
    private static void eraseBackingFormat(Path file) throws IOException {
        try (RandomAccessFile header = new RandomAccessFile(file.toFile(), "rw")) {
            header.seek(72);
            assertThat(header.readInt()).isEqualTo(0xE279_2ACA);
            header.seek(72);
            header.writeInt(0x0BAD_0BAD);
        }
    }
}
