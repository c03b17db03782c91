package io.cowslip.engine.codec;

import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;

/**
 * LUKS's anti-forensic splitter (LUKS On-Disk Format Specification 1.2.3, section 2.4): a key spread over so many bytes
 * that losing any of them loses it.
 */
final class KeySplitter {
    private final HashAlgorithm hash;
    private final int keyBytes;
    private final int stripes;

    KeySplitter(HashAlgorithm hash, int keyBytes, int stripes) {
        this.hash = hash;
        this.keyBytes = keyBytes;
        this.stripes = stripes;
    }

    /** The key that was spread over {@code material}. */
    byte[] merge(byte[] material) {
        byte[] sum = diffusedSum(material);
        addStripe(sum, material, stripes - 1);
        return sum;
    }

    /** Spreads {@code key}. */
    byte[] split(byte[] key, SecureRandom random) {
        byte[] material = new byte[keyBytes * stripes];
        random.nextBytes(material);
        byte[] last = diffusedSum(material);
        for (int index = 0; index < keyBytes; index++) {
            material[keyBytes * (stripes - 1) + index] = (byte) (last[index] ^ key[index]);
        }
        Arrays.fill(last, (byte) 0);
        return material;
    }

    /** All stripes but the last, each added and then diffused. */
    private byte[] diffusedSum(byte[] material) {
        byte[] sum = new byte[keyBytes];
        MessageDigest digest = hash.digest();
        for (int stripe = 0; stripe < stripes - 1; stripe++) {
            addStripe(sum, material, stripe);
            diffuse(sum, digest);
        }
        return sum;
    }

    private void addStripe(byte[] sum, byte[] material, int stripe) {
        for (int index = 0; index < keyBytes; index++) {
            sum[index] ^= material[stripe * keyBytes + index];
        }
    }

    private static void diffuse(byte[] block, MessageDigest digest) {
        int step = digest.getDigestLength();
        for (int offset = 0, number = 0; offset < block.length; offset += step, number++) {
            int length = Math.min(step, block.length - offset);
            digest.update(
                    new byte[] {(byte) (number >>> 24), (byte) (number >>> 16), (byte) (number >>> 8), (byte) number});
            digest.update(block, offset, length);
            System.arraycopy(digest.digest(), 0, block, offset, length);
        }
    }
}
