package io.cowslip.testing;

import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.image.options.Secret;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Encrypted images made, changed and judged by QEMU's tools, all under one passphrase. */
public final class EncryptedImages {
    /** The name that a data file has beside its image. */
    public static final String DATA_FILE = "encrypted.data";

    /** Not ASCII, so that its bytes matter. */
    public static final String PASSPHRASE = "Schlüssel-blümchen 1";

    private static final String SECRET = "secret,id=s,format=raw,data=" + PASSPHRASE;

    private static final int ITERATIONS = 2000;

    private EncryptedImages() {}

    /** Options that open such an image. */
    public static ImageOptions options() {
        return ImageOptions.defaults().withEncrypt(new EncryptOptions(null, Secret.of(PASSPHRASE), null));
    }

    /** A LUKS image of the engine's own making: QEMU takes seconds of a processor for one. */
    public static Path make(Path image, long sizeBytes, int clusterBytes, String cipherMode, @Nullable String dataFile)
            throws IOException {
        NewEncryption encryption =
                new NewEncryption(Secret.of(PASSPHRASE), "aes-128", cipherMode, "plain64", null, "sha256", ITERATIONS);
        CreateOptions options = new CreateOptions(
                        ImageFormat.QCOW2,
                        sizeBytes,
                        clusterBytes,
                        null,
                        null,
                        16,
                        CreateOptions.CompressionType.ZLIB,
                        3)
                .withDataFile(dataFile, false)
                .withEncrypt(encryption);
        ImageCreator.create(image, options, TestImages.environment(HostFiles.posix()));
        return image;
    }

    /** The same with clusters of 64 KiB, in XTS. */
    public static Path make(Path image, long sizeBytes) throws IOException {
        return make(image, sizeBytes, 64 << 10, "xts", null);
    }

    /** A LUKS image of QEMU's making; {@code options} as after {@code -o}. */
    public static Path create(Path image, long sizeBytes, String options) {
        return create(image, sizeBytes, "luks", "encrypt.iter-time=10," + options);
    }

    /** An image with the format's first encryption. */
    public static Path createLegacy(Path image, long sizeBytes) {
        return create(image, sizeBytes, "aes", "cluster_size=4k");
    }

    private static Path create(Path image, long sizeBytes, String format, String options) {
        String encryption = "encrypt.format=" + format + ",encrypt.key-secret=s," + options;
        List<String> arguments =
                List.of("-q", "-f", "qcow2", "--object", SECRET, "-o", encryption, image.toString(), "" + sizeBytes);
        QemuTools.createEncrypted(arguments).succeeded();
        return image;
    }

    /** The image as QEMU's tools take it; a data file is named, for QEMU looks for it in its own working directory. */
    private static String imageOptions(Path image) {
        Path dataFile = image.resolveSibling(DATA_FILE);
        return "driver=qcow2,encrypt.key-secret=s,file.filename=" + image
                + (Files.exists(dataFile) ? ",data-file.filename=" + dataFile : "");
    }

    /** Writes and the like by QEMU; each must succeed. */
    public static void edit(Path image, String... commands) {
        List<String> arguments = new ArrayList<>(List.of("--object", SECRET, "--image-opts", imageOptions(image)));
        for (String command : commands) {
            arguments.add("-c");
            arguments.add(command);
        }
        Processes.Output output = QemuTools.io(arguments).succeeded();
        if (output.out().contains("failed") || output.err().contains("failed")) {
            throw new AssertionError(output.out() + output.err());
        }
    }

    /** QEMU finds the image clean and reads {@code disk} from it. */
    public static void requireHolds(Path image, byte[] disk) throws IOException {
        QemuTools.img("check", "--object", SECRET, "--image-opts", imageOptions(image))
                .succeeded();
        Path raw = Files.createTempFile(image.getParent(), "model", ".raw");
        try {
            Files.write(raw, disk);
            QemuTools.img(
                            "compare",
                            "--object",
                            SECRET,
                            "--image-opts",
                            imageOptions(image),
                            "driver=raw,file.filename=" + raw)
                    .succeeded();
        } finally {
            Files.delete(raw);
        }
    }
}
