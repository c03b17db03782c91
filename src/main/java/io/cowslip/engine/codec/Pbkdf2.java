package io.cowslip.engine.codec;

import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.stream.IntStream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * PBKDF2 (RFC 8018, section 5.2) over bytes. The JDK's own takes a passphrase of characters only, and a volume key is
 * none. The blocks of the result are worked out at the same time.
 */
final class Pbkdf2 {
    private final String macName;

    /** @param hash one of those that {@link HashAlgorithm} knows */
    Pbkdf2(HashAlgorithm hash) {
        this.macName = hash.macName();
    }

    /** Derives {@code lengthBytes} from a password of at least one byte. */
    byte[] derive(byte[] password, byte[] salt, int iterations, int lengthBytes) {
        int blockBytes = mac(password).getMacLength();
        byte[] derived = new byte[lengthBytes];
        IntStream.range(0, Math.ceilDiv(lengthBytes, blockBytes)).parallel().forEach(index -> {
            byte[] block = block(mac(password), salt, iterations, index + 1);
            int offset = index * blockBytes;
            System.arraycopy(block, 0, derived, offset, Math.min(blockBytes, lengthBytes - offset));
            Arrays.fill(block, (byte) 0);
        });
        return derived;
    }

    private static byte[] block(Mac mac, byte[] salt, int iterations, int number) {
        try {
            mac.update(salt);
            byte[] link = mac.doFinal(
                    new byte[] {(byte) (number >>> 24), (byte) (number >>> 16), (byte) (number >>> 8), (byte) number});
            byte[] sum = link.clone();
            for (int iteration = 1; iteration < iterations; iteration++) {
                mac.update(link);
                mac.doFinal(link, 0);
                for (int index = 0; index < sum.length; index++) {
                    sum[index] ^= link[index];
                }
            }
            Arrays.fill(link, (byte) 0);
            return sum;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("a digest of fixed length has another one", e);
        }
    }

    private Mac mac(byte[] password) {
        try {
            Mac mac = Mac.getInstance(macName);
            mac.init(new SecretKeySpec(password, macName));
            return mac;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java has no " + macName, e);
        }
    }
}
