package io.cowslip.drive.volume;

import io.cowslip.access.Caller;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Secret;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The folder of files that hold passphrases, such as a mounted secret. A file holds one byte for byte: a line's end
 * behind it would be part of it. Names lead to files in the folder only, and no message tells which are there.
 *
 * @param folder null: no file is ever read
 */
public record SecretFolder(@Nullable Path folder) {
    private static final int MAX_BYTES = 4096;

    /** The same options with the passphrases that they name files for, here and below. */
    public ImageOptions fill(ImageOptions options) throws ImageException {
        EncryptOptions encrypt = options.encrypt();
        ImageOptions own = encrypt == null || encrypt.keySecretFile() == null
                ? options
                : options.withEncrypt(encrypt.withKeySecret(read(encrypt.keySecretFile())));
        return own.backing() == null ? own : own.withBacking(fill(own.backing()));
    }

    /** The passphrase in the file of this name, for the caller to wipe. */
    public Secret read(String name) throws ImageException {
        if (!Caller.current().reach().isEverywhere()) {
            throw ImageException.of(
                    Kind.FORBIDDEN,
                    "key-secret-file is not for callers with prefixes: the files of the secrets folder belong to nobody"
                            + " in particular");
        }
        if (folder == null) {
            throw ImageException.invalidOption(
                    "key-secret-file", "key-secret-file is given, but cowslip.secrets-folder is not set");
        }
        try {
            Path root = folder.toRealPath();
            Path file = root.resolve(name).toRealPath();
            if (name.isEmpty() || name.indexOf('/') >= 0 || !file.startsWith(root) || !Files.isRegularFile(file)) {
                throw unreadable();
            }
            return read(file);
        } catch (InvalidPathException | IOException e) {
            throw e instanceof ImageException refused ? refused : unreadable();
        }
    }

    private static Secret read(Path file) throws IOException {
        byte[] bytes;
        try (InputStream in = Files.newInputStream(file)) {
            bytes = in.readNBytes(MAX_BYTES + 1);
        }
        try {
            if (bytes.length == 0 || bytes.length > MAX_BYTES) {
                throw unreadable();
            }
            return Secret.ofUtf8(bytes);
        } finally {
            Arrays.fill(bytes, (byte) 0);
        }
    }

    private static ImageException unreadable() {
        return ImageException.of(
                Kind.FORBIDDEN, "key-secret-file names no file of 1 to " + MAX_BYTES + " bytes in the secrets folder");
    }
}
