package io.cowslip.engine.image.encryption;

import static io.cowslip.testing.TestImages.filled;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.PageTransfer;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.testing.EncryptedImages;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.Loopback;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Encrypted images of QEMU's, read and written here and read by QEMU again. */
@NeedsQemu
@Tag("long")
final class EncryptionQemuTest {
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(20, 40, 8, 8, 4, 0);
    private static final ImageEnvironment ENVIRONMENT = TestImages.environment(HostFiles.posix());

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(16, 200);
    }

    /** QEMU takes seconds of a processor to make one, so the build has two. */
    static Stream<String> kinds() {
        Stream<String> all = Stream.of(
                "encrypt.cipher-alg=aes-256",
                "encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv,encrypt.ivgen-hash-alg=sha256",
                "encrypt.cipher-alg=aes-128",
                "encrypt.cipher-alg=aes-192",
                "encrypt.ivgen-alg=plain",
                "encrypt.ivgen-alg=essiv,encrypt.ivgen-hash-alg=sha256",
                "encrypt.cipher-mode=cbc",
                "encrypt.cipher-alg=aes-128,encrypt.cipher-mode=cbc",
                "encrypt.cipher-mode=cbc,encrypt.ivgen-alg=plain",
                "encrypt.cipher-mode=ecb",
                "encrypt.hash-alg=sha1",
                "encrypt.hash-alg=sha224",
                "encrypt.hash-alg=sha384",
                "encrypt.hash-alg=sha512");
        return Seeds.longRun() ? all : all.limit(2);
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void everyKindIsReadAndWritten(String kind) throws IOException {
        int size = 300 << 10;
        Path image = EncryptedImages.create(folder.resolve("image"), size, kind);
        EncryptedImages.edit(image, "write -P 7 0 100k", "write -P 8 200k 512", "write -z 50k 10k");
        ModelDisk model = ModelDisk.ofZeros(size);
        model.write(0, filled(100 << 10, 7));
        model.zero(50 << 10, 10 << 10);
        model.write(200 << 10, filled(512, 8));

        try (DiskImage opened = DiskImage.open(image, EncryptedImages.options(), ENVIRONMENT)) {
            assertThat(model.difference(0, TestImages.read(opened, 0, size))).isEmpty();
            byte[] odd = filled(70_001, 9);
            TestImages.write(opened, 1001, odd);
            model.write(1001, odd);
            TestImages.write(opened, 250_003, filled(7, 3));
            model.write(250_003, filled(7, 3));
            assertThat(model.difference(0, TestImages.read(opened, 0, size))).isEmpty();
        }
        EncryptedImages.requireHolds(image, model.read(0, size));
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void readsWhatItWrote(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        int clusterBytes = 512 << random.nextInt(12);
        int size = 512 * random.nextInt(1, 2000);
        String mode = random.nextBoolean() ? "cbc" : "xts";
        String dataFile = random.nextInt(3) == 0 ? EncryptedImages.DATA_FILE : null;
        try {
            Path image = EncryptedImages.make(folder.resolve("image"), size, clusterBytes, mode, dataFile);
            GuestSession.Disk disk = new GuestSession.Disk(image, clusterBytes, false);
            ModelDisk model = ModelDisk.ofZeros(size);
            ImageOptions options = TestImages.smallestCaches(512)
                    .withCacheDirect(random.nextBoolean())
                    .withEncrypt(EncryptedImages.options().encrypt());
            try (GuestSession guest = GuestSession.open(disk, options, ENVIRONMENT, model)) {
                GuestOperations operations = new GuestOperations(guest, random, 1 << 20);
                operations.run(60, MIX);
                ImageOptions open = options.withoutSecrets();
                guest.reconfigure(open.withReadOnly(true));
                guest.read(0, size);
                guest.reconfigure(open);
                operations.run(60, MIX);
                guest.read(0, size);
            }
            EncryptedImages.requireHolds(image, model.read(0, size));
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    @Test
    void whatWasOpenedForReadingBecomesWritable() throws IOException {
        Path image = EncryptedImages.make(folder.resolve("image"), 1 << 20);
        try (DiskImage opened = DiskImage.open(image, EncryptedImages.options().withReadOnly(true), ENVIRONMENT)) {
            opened.reconfigure(EncryptedImages.options().withoutSecrets());
            TestImages.write(opened, 5, new byte[] {1, 2, 3});
            assertThat(TestImages.read(opened, 4, 5)).containsExactly(0, 1, 2, 3, 0);
        }
    }

    /** The file's own pages hold what nobody is to get. */
    @Test
    void pagesOfTheFileAreNotGivenAway() throws IOException {
        Path image = EncryptedImages.make(folder.resolve("image"), 1 << 20);
        EncryptedImages.edit(image, "write -P 7 0 64k");
        try (Loopback connection = Loopback.connect("127.0.0.1");
                DiskImage opened =
                        DiskImage.open(image, EncryptedImages.options().withReadOnly(true), ENVIRONMENT);
                PageTransfer transfer = Objects.requireNonNull(opened.pageTransfer(connection.server()))) {
            assertThat(transfer.transfer(0, 1, 5000)).isEqualTo(PageTransfer.NOT_TRANSFERABLE);
        }
    }

    @Test
    void compressedClustersAreReadAsQemuWritesThem() throws IOException {
        Path image = EncryptedImages.make(folder.resolve("image"), 1 << 20);
        EncryptedImages.edit(image, "write -c -P 5 64k 64k");

        try (DiskImage opened = DiskImage.open(image, EncryptedImages.options(), ENVIRONMENT)) {
            assertThat(TestImages.read(opened, 64 << 10, 64 << 10)).isEqualTo(filled(64 << 10, 5));
            TestImages.write(opened, (64 << 10) + 1, new byte[] {6});
        }
        byte[] disk = new byte[1 << 20];
        Arrays.fill(disk, 64 << 10, 128 << 10, (byte) 5);
        disk[(64 << 10) + 1] = 6;
        EncryptedImages.requireHolds(image, disk);
    }

    @Test
    void layersBelowHaveTheirOwnPassphrase() throws IOException {
        Path base = EncryptedImages.make(folder.resolve("base"), 1 << 20);
        EncryptedImages.edit(base, "write -P 4 0 64k");
        Path top = QemuTools.createOver(folder.resolve("top"), "base", "qcow2", 1 << 20, "");

        ImageOptions options = ImageOptions.defaults()
                .withBacking(ImageOptions.defaults()
                        .withEncrypt(EncryptedImages.options().encrypt()));
        try (DiskImage opened = DiskImage.open(top, options, ENVIRONMENT)) {
            assertThat(TestImages.read(opened, 100, 2)).containsExactly(4, 4);
            TestImages.write(opened, 100, new byte[] {9});
        }
        assertRefused(top, ImageOptions.defaults(), Kind.INVALID_OPTION, "give its passphrase");
    }

    @Test
    void theFirstEncryptionIsReadOnly() throws IOException {
        Path image = EncryptedImages.createLegacy(folder.resolve("image"), 1 << 20);
        EncryptedImages.edit(image, "write -P 3 10k 90k");

        assertRefused(image, EncryptedImages.options(), Kind.UNSUPPORTED_FEATURE, "first encryption");
        try (DiskImage opened = DiskImage.open(image, EncryptedImages.options().withReadOnly(true), ENVIRONMENT)) {
            byte[] disk = new byte[1 << 20];
            Arrays.fill(disk, 10 << 10, 100 << 10, (byte) 3);
            assertThat(TestImages.read(opened, 0, 1 << 20)).isEqualTo(disk);
        }
    }

    @Test
    void aWrongPassphraseAndNoneAreToldApart() throws IOException {
        Path image = EncryptedImages.make(folder.resolve("image"), 1 << 20);

        assertRefused(image, ImageOptions.defaults(), Kind.INVALID_OPTION, "give its passphrase");
        assertRefused(image, with(null, "wrong"), Kind.KEY_REFUSED, "not a passphrase of the image");
        assertRefused(image, with(null, ""), Kind.INVALID_OPTION, "must not be empty");
        assertRefused(
                image,
                with(EncryptOptions.Format.AES, EncryptedImages.PASSPHRASE),
                Kind.INVALID_OPTION,
                "encrypted as \"luks\"");
        Path plain = QemuTools.create(folder.resolve("plain"), 1 << 20, "");
        assertRefused(plain, EncryptedImages.options(), Kind.INVALID_OPTION, "leave encrypt out");
        DiskImage.open(image, EncryptedImages.options(), ENVIRONMENT).close();
    }

    private static ImageOptions with(EncryptOptions.@Nullable Format format, String passphrase) {
        return ImageOptions.defaults().withEncrypt(new EncryptOptions(format, Secret.of(passphrase), null));
    }

    private static void assertRefused(Path image, ImageOptions options, Kind kind, String why) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> DiskImage.open(image, options, ENVIRONMENT))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(kind))
                .withMessageContaining(why);
    }
}
