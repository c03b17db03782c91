package io.cowslip.engine.image.encryption;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.codec.CipherSpec;
import io.cowslip.engine.codec.ClusterCipher;
import io.cowslip.engine.codec.LuksKeys;
import io.cowslip.engine.format.EncryptionArea;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.LuksHeader;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Secret;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * From an encrypted image and a passphrase to what reads its data. A wrong passphrase takes as long as all key slots
 * take, and the refusal is the same whatever was wrong with it.
 */
public final class Encryption {
    private Encryption() {}

    /**
     * The cipher of an image; null where it is not encrypted.
     *
     * @throws ImageException INVALID_OPTION where the options do not fit the image or the passphrase is missing;
     *     KEY_REFUSED where it opens no key slot; INVALID_FORMAT or UNSUPPORTED_FEATURE as the LUKS header has it
     */
    public static @Nullable ClusterCipher unlock(HostFile file, ImageHeader header, ImageOptions options)
            throws IOException {
        EncryptOptions wish = options.encrypt();
        if (header.cryptMethod() == ImageHeader.CRYPT_NONE) {
            refuse(file, wish);
            return null;
        }
        boolean luks = header.cryptMethod() == ImageHeader.CRYPT_LUKS;
        EncryptOptions.Format format = luks ? EncryptOptions.Format.LUKS : EncryptOptions.Format.AES;
        if (wish != null && wish.format() != null && wish.format() != format) {
            throw ImageException.invalidOption(
                    "encrypt.format",
                    file.path(),
                    "encrypt.format is \"" + wish.format().wireName() + "\", but the image is encrypted as \""
                            + format.wireName() + "\"");
        }
        byte[] passphrase = Secret.require(
                        wish == null ? null : wish.keySecret(),
                        "the image is encrypted; give its passphrase as encrypt.key-secret, which must not be empty")
                .utf8();
        try {
            return luks ? unlockLuks(file, header, passphrase) : legacyCipher(passphrase);
        } finally {
            Arrays.fill(passphrase, (byte) 0);
        }
    }

    /** Refuses a passphrase for what is not encrypted, rather than let it be thought so. */
    public static void refuse(HostFile file, @Nullable EncryptOptions wish) throws ImageException {
        if (wish != null) {
            throw ImageException.invalidOption(
                    "encrypt", file.path(), "encrypt is given, but the image is not encrypted; leave encrypt out");
        }
    }

    private static ClusterCipher unlockLuks(HostFile file, ImageHeader header, byte[] passphrase) throws IOException {
        LuksKeys keys = new LuksKeys(readHeader(file, header));
        long areaOffset = area(file, header).hostOffset();
        byte[] volumeKey = keys.find(passphrase, (offset, length) -> read(file, areaOffset + offset, length));
        if (volumeKey == null) {
            throw ImageException.of(
                    Kind.KEY_REFUSED, file.path(), "encrypt.key-secret is not a passphrase of the image");
        }
        try {
            return new ClusterCipher(keys.spec(), volumeKey);
        } finally {
            Arrays.fill(volumeKey, (byte) 0);
        }
    }

    /** Where the LUKS header and the key material are. */
    static EncryptionArea area(HostFile file, ImageHeader header) throws IOException {
        EncryptionArea area = header.encryptionArea(file.sizeBytes());
        if (area == null) {
            throw ImageException.of(
                    Kind.INVALID_FORMAT, file.path(), "the image is encrypted, but has no LUKS header's place in it");
        }
        return area;
    }

    static LuksHeader readHeader(HostFile file, ImageHeader header) throws IOException {
        EncryptionArea area = area(file, header);
        int length = (int) Math.min(LuksHeader.BYTES, area.lengthBytes());
        return LuksHeader.parse(MemorySegment.ofArray(read(file, area.hostOffset(), length)), area.lengthBytes());
    }

    static byte[] read(HostFile file, long hostOffset, int lengthBytes) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(lengthBytes)) {
            MemorySegment into = loan.segment(lengthBytes);
            file.readWhole("LUKS header", hostOffset, into);
            return into.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** The format's first encryption has the passphrase itself for a key, cut or filled up with zeros. */
    private static ClusterCipher legacyCipher(byte[] passphrase) {
        CipherSpec spec = CipherSpec.legacyAes();
        byte[] key = Arrays.copyOf(passphrase, spec.keyBytes());
        try {
            return new ClusterCipher(spec, key);
        } finally {
            Arrays.fill(key, (byte) 0);
        }
    }
}
