package io.cowslip.engine.image.create;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.encryption.KeySlotInfo;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.testing.EncryptedImages;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Encrypted images that are made here, opened and written by QEMU, and the other way round. */
@NeedsQemu
final class EncryptedCreationTest {
    private static final ImageEnvironment ENVIRONMENT = TestImages.environment(HostFiles.posix());
    private static final int SIZE = 1 << 20;

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "aes-256, xts, plain64, sha256, 65536",
        "aes-128, xts, plain64, sha1, 4096",
        "aes-192, xts, plain, sha512, 65536",
        "aes-256, cbc, essiv, sha256, 512",
        "aes-128, cbc, plain64, sha224, 2097152",
        "aes-128, ecb, plain64, sha384, 65536"
    })
    void qemuOpensWhatIsMadeHere(String cipher, String mode, String vectors, String hash, int clusterBytes)
            throws IOException {
        Path image = folder.resolve("image");
        NewEncryption encryption = new NewEncryption(passphrase(), cipher, mode, vectors, null, hash, 2000);
        ImageCreator.create(image, options(clusterBytes).withEncrypt(encryption), ENVIRONMENT);

        EncryptedImages.edit(image, "write -P 5 3k 100k");
        byte[] disk = new byte[SIZE];
        Arrays.fill(disk, 3 << 10, 103 << 10, (byte) 5);
        try (DiskImage opened = DiskImage.open(image, EncryptedImages.options(), ENVIRONMENT)) {
            assertThat(TestImages.read(opened, 0, SIZE)).isEqualTo(disk);
            TestImages.write(opened, 777, new byte[] {1, 2, 3});
            System.arraycopy(new byte[] {1, 2, 3}, 0, disk, 777, 3);
        }
        EncryptedImages.requireHolds(image, disk);
        assertThat(new String(Files.readAllBytes(image), StandardCharsets.UTF_8))
                .doesNotContain(EncryptedImages.PASSPHRASE);
    }

    @ParameterizedTest
    @CsvSource({
        "serpent-256, xts, plain64, , sha256, encrypt.cipher-alg",
        "aes-192, cbc, plain64, , sha256, encrypt.cipher-alg",
        "aes-256, ctr, plain64, , sha256, encrypt.cipher-mode",
        "aes-256, xts, benbi, , sha256, encrypt.ivgen-alg",
        "aes-256, xts, plain64, sha256, sha256, encrypt.ivgen-hash-alg",
        "aes-256, xts, essiv, sha1, sha256, encrypt.ivgen-hash-alg",
        "aes-256, xts, plain64, , ripemd160, encrypt.hash-alg"
    })
    void whatCannotBeMadeIsRefusedByName(
            String cipher, String mode, String vectors, @Nullable String vectorHash, String hash, String option) {
        NewEncryption encryption = new NewEncryption(passphrase(), cipher, mode, vectors, vectorHash, hash, 2000);
        Path image = folder.resolve("image");
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> ImageCreator.create(image, options(65536).withEncrypt(encryption), ENVIRONMENT))
                .satisfies(e -> assertThat(e.option()).isEqualTo(option));
        assertThat(image).doesNotExist();
    }

    @Test
    void iterationsFollowTheTimeAllowed() throws ImageException {
        NewEncryption encryption = NewEncryption.of(passphrase(), 0);
        long[] now = {0};
        int slow = encryption.iterationsIn(1000, () -> now[0] += 1_000_000_000);
        int fast = encryption.iterationsIn(1000, () -> now[0] += 100_000_000);
        assertThat(slow).isEqualTo(100_000);
        assertThat(fast).isEqualTo(1_000_000);
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> encryption.iterationsIn(10_001, System::nanoTime))
                .withMessageContaining("encrypt.iter-time is 10001");
    }

    @Test
    void passphrasesAreAddedAndErased() throws IOException {
        Path image = EncryptedImages.make(folder.resolve("image"), SIZE);
        EncryptedImages.edit(image, "write -P 5 0 64k");
        try (DiskImage opened = DiskImage.open(image, EncryptedImages.options(), ENVIRONMENT)) {
            assertThat(opened.keySlots().add(passphrase(), Secret.of("second"), null, 10, System::nanoTime))
                    .isEqualTo(1);
            assertThat(opened.keySlots().add(Secret.of("second"), Secret.of("seventh"), 6, 10, System::nanoTime))
                    .isEqualTo(6);
            assertThat(opened.keySlots().list().stream()
                            .filter(KeySlotInfo::active)
                            .map(KeySlotInfo::slot))
                    .containsExactly(0, 1, 6);
            assertRefused(
                    Kind.KEY_REFUSED,
                    () -> opened.keySlots().add(Secret.of("none"), Secret.of("x"), null, 10, System::nanoTime));
            assertRefused(
                    Kind.INVALID_OPTION,
                    () -> opened.keySlots().add(passphrase(), Secret.of("x"), 6, 10, System::nanoTime));
            assertRefused(Kind.NOT_FOUND, () -> opened.keySlots().erase(3));
            assertRefused(Kind.NOT_FOUND, () -> opened.keySlots().erase(8));
        }
        EncryptedImages.edit(image, "read -P 5 0 64k");
        try (DiskImage opened = DiskImage.open(image, with("seventh"), ENVIRONMENT)) {
            assertThat(TestImages.read(opened, 0, 1)).containsExactly(5);
            opened.keySlots().erase(0);
            opened.keySlots().erase(1);
            assertRefused(Kind.BUSY, () -> opened.keySlots().erase(6));
        }
        assertRefused(
                Kind.KEY_REFUSED,
                () -> DiskImage.open(image, EncryptedImages.options(), ENVIRONMENT)
                        .close());
        DiskImage.open(image, with("seventh"), ENVIRONMENT).close();
    }

    @Test
    void onlyWhoMayWriteChangesSlots() throws IOException {
        Path image = EncryptedImages.make(folder.resolve("image"), SIZE);
        try (DiskImage opened = DiskImage.open(image, EncryptedImages.options().withReadOnly(true), ENVIRONMENT)) {
            assertThat(opened.keySlots().list()).hasSize(8);
            assertRefused(Kind.READ_ONLY, () -> opened.keySlots().erase(0));
            assertRefused(
                    Kind.READ_ONLY,
                    () -> opened.keySlots().add(passphrase(), Secret.of("x"), null, 10, System::nanoTime));
        }
    }

    private static CreateOptions options(int clusterBytes) {
        return new CreateOptions(
                ImageFormat.QCOW2, (long) SIZE, clusterBytes, null, null, 16, CreateOptions.CompressionType.ZLIB, 3);
    }

    private static Secret passphrase() {
        return Secret.of(EncryptedImages.PASSPHRASE);
    }

    private static ImageOptions with(String passphrase) {
        return ImageOptions.defaults().withEncrypt(new EncryptOptions(null, Secret.of(passphrase), null));
    }

    private static void assertRefused(Kind kind, ThrowingCallable call) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(call)
                .satisfies(e -> assertThat(e.kind()).isEqualTo(kind));
    }
}
