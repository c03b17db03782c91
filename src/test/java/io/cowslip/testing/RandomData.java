package io.cowslip.testing;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Bytes for guests to write: mostly noise, at times few different bytes, which can be compressed, or one, or zeros, so
 * that zero handling is met.
 */
public final class RandomData {
    private RandomData() {}

    public static byte[] bytes(SplittableRandom random, int length) {
        byte[] bytes = new byte[length];
        switch (random.nextInt(8)) {
            case 0 -> Arrays.fill(bytes, (byte) 0);
            case 1 -> Arrays.fill(bytes, (byte) random.nextInt(1, 256));
            case 2, 3 -> fewDifferent(random, bytes);
            default -> random.nextBytes(bytes);
        }
        return bytes;
    }

    private static void fewDifferent(SplittableRandom random, byte[] bytes) {
        random.nextBytes(bytes);
        int mask = (2 << random.nextInt(5)) - 1;
        for (int index = 0; index < bytes.length; index++) {
            bytes[index] &= (byte) mask;
        }
    }

    /** A disk's worth of bytes in stretches that compress well, badly, or are zeros. */
    public static byte[] disk(SplittableRandom random, int length) {
        byte[] disk = new byte[length];
        int at = 0;
        while (at < length) {
            int stretch = Math.min(length - at, random.nextInt(1, Math.max(2, length / 6)));
            System.arraycopy(bytes(random, stretch), 0, disk, at, stretch);
            at += stretch;
        }
        return disk;
    }
}
