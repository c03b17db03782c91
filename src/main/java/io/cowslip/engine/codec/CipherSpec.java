package io.cowslip.engine.codec;

import io.cowslip.engine.ImageException;
import org.jspecify.annotations.Nullable;

/**
 * What sectors are encrypted with, in the words of LUKS headers: AES in one of three modes, and where each sector's
 * initial vector comes from.
 *
 * @param keyBytes length of the whole key; XTS has two of half the length
 * @param essivHash the hash that makes ESSIV's key of the key; null but for ESSIV
 */
public record CipherSpec(
        Mode mode,
        VectorSource vectors,
        int keyBytes,
        @Nullable HashAlgorithm essivHash) {

    /** How the blocks of a sector are chained. */
    public enum Mode {
        XTS,
        CBC,
        ECB
    }

    /** How a sector's number becomes its initial vector. */
    public enum VectorSource {
        /** The lower 32 bits. */
        PLAIN,
        PLAIN64,
        /** The number encrypted under a hash of the key. */
        ESSIV
    }

    /** AES-128-CBC, as the format's first encryption has it. */
    public static CipherSpec legacyAes() {
        return new CipherSpec(Mode.CBC, VectorSource.PLAIN64, 16, null);
    }

    /**
     * What a LUKS header names.
     *
     * @throws ImageException UNSUPPORTED_FEATURE naming what is not known here; INVALID_FORMAT for a key length that the
     *     cipher does not have
     */
    public static CipherSpec ofHeader(String cipherName, String cipherMode, int keyBytes) throws ImageException {
        if (!cipherName.equals("aes")) {
            throw unsupported("the cipher \"" + cipherName + "\"", "aes");
        }
        int dash = cipherMode.indexOf('-');
        String modeName = dash < 0 ? cipherMode : cipherMode.substring(0, dash);
        String vectorName = dash < 0 ? "" : cipherMode.substring(dash + 1);
        Mode mode = mode(modeName);
        int aesBytes = mode == Mode.XTS ? keyBytes / 2 : keyBytes;
        if ((aesBytes != 16 && aesBytes != 24 && aesBytes != 32) || (mode == Mode.XTS && keyBytes % 2 != 0)) {
            throw ImageException.of(
                    ImageException.Kind.INVALID_FORMAT,
                    "The LUKS header is not sound: aes-" + cipherMode + " has no keys of " + keyBytes + " bytes");
        }
        return vectorName.startsWith("essiv:")
                ? new CipherSpec(mode, VectorSource.ESSIV, keyBytes, essivHash(vectorName.substring(6)))
                : new CipherSpec(mode, vectors(mode, vectorName), keyBytes, null);
    }

    private static Mode mode(String name) throws ImageException {
        return switch (name) {
            case "xts" -> Mode.XTS;
            case "cbc" -> Mode.CBC;
            case "ecb" -> Mode.ECB;
            default -> throw unsupported("the cipher mode \"" + name + "\"", "xts, cbc and ecb");
        };
    }

    private static VectorSource vectors(Mode mode, String name) throws ImageException {
        return switch (name) {
            case "plain" -> VectorSource.PLAIN;
            case "plain64" -> VectorSource.PLAIN64;
            default -> {
                if (mode == Mode.ECB && name.isEmpty()) {
                    yield VectorSource.PLAIN64;
                }
                throw unsupported("the vector generator \"" + name + "\"", "plain, plain64 and essiv");
            }
        };
    }

    private static HashAlgorithm essivHash(String name) throws ImageException {
        if (!name.equals("sha256")) {
            throw unsupported("ESSIV with the hash \"" + name + "\"", "sha256, whose length is that of an AES key");
        }
        return HashAlgorithm.SHA256;
    }

    private static ImageException unsupported(String what, String supported) {
        return ImageException.of(
                ImageException.Kind.UNSUPPORTED_FEATURE,
                "The image is encrypted with " + what + "; supported: " + supported);
    }
}
