package io.cowslip.engine.image.options;

import io.cowslip.engine.ImageException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How an encrypted image is opened: QEMU's {@code encrypt.format} and {@code encrypt.key-secret}.
 *
 * @param format what the image must be; null: what its header says
 * @param keySecret the passphrase; null where {@code keySecretFile} names it, or once the image is open
 * @param keySecretFile the name of a file that holds the passphrase, for whoever opens images to read; null: none
 */
public record EncryptOptions(
        @Nullable Format format,
        @Nullable Secret keySecret,
        @Nullable String keySecretFile) {

    /** What encrypts the disk. */
    public enum Format {
        /** The format's first encryption, AES-128-CBC under the bare passphrase: only to be read. */
        AES,
        LUKS;

        /** The name that QEMU and the API use. */
        public String wireName() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** Reads a format's name, {@code option} being the option that held it. */
        public static Format parse(String option, String name) throws ImageException {
            for (Format format : values()) {
                if (format.wireName().equals(name)) {
                    return format;
                }
            }
            throw ImageException.invalidOption(option, option + " is \"" + name + "\"; it may be \"luks\" or \"aes\"");
        }
    }

    /** The same without the passphrase itself. */
    EncryptOptions withoutPassphrase() {
        return new EncryptOptions(format, null, keySecretFile);
    }

    /** The same with the passphrase itself. */
    public EncryptOptions withKeySecret(@Nullable Secret other) {
        return new EncryptOptions(format, other, null);
    }
}
