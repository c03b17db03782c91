package io.cowslip.engine.codec;

import java.security.GeneralSecurityException;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;

/** AES on single blocks, many in one call. Used by one thread at a time. */
final class BlockCipher {
    private final Cipher cipher;

    private BlockCipher(int mode, byte[] key) {
        try {
            cipher = Cipher.getInstance("AES/ECB/NoPadding");
            cipher.init(mode, new SecretKeySpec(key, "AES"));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java has no AES with keys of " + key.length + " bytes", e);
        }
    }

    static BlockCipher encrypting(byte[] key) {
        return new BlockCipher(Cipher.ENCRYPT_MODE, key);
    }

    static BlockCipher decrypting(byte[] key) {
        return new BlockCipher(Cipher.DECRYPT_MODE, key);
    }

    /** Works on whole blocks in place. */
    void apply(byte[] blocks, int offset, int lengthBytes) {
        try {
            cipher.update(blocks, offset, lengthBytes, blocks, offset);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("whole blocks fit where they were", e);
        }
    }
}
