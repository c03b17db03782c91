package io.cowslip.engine.codec;

import io.cowslip.engine.codec.CipherSpec.Mode;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The modes in which no block waits for another: ECB, and XTS (IEEE 1619), which adds to each block before and after a
 * tweak of its own. A sector's first tweak is its encrypted initial vector, each further one the one before multiplied
 * by x in GF(2^128).
 */
final class StraightLane extends SectorLane {
    private static final long REDUCTION = 0x87;

    private final BlockCipher encryption;
    private final BlockCipher decryption;
    private final @Nullable BlockCipher tweakEncryption;
    private final byte[] tweaks;

    StraightLane(CipherSpec spec, byte[] key) {
        super(new SectorVectors(spec, key));
        boolean xts = spec.mode() == Mode.XTS;
        byte[] dataKey = xts ? Arrays.copyOf(key, key.length / 2) : key.clone();
        this.encryption = BlockCipher.encrypting(dataKey);
        this.decryption = BlockCipher.decrypting(dataKey);
        Arrays.fill(dataKey, (byte) 0);
        if (xts) {
            byte[] tweakKey = Arrays.copyOfRange(key, key.length / 2, key.length);
            this.tweakEncryption = BlockCipher.encrypting(tweakKey);
            Arrays.fill(tweakKey, (byte) 0);
            this.tweaks = new byte[ClusterCipher.MAX_BYTES];
        } else {
            this.tweakEncryption = null;
            this.tweaks = new byte[0];
        }
    }

    @Override
    void encrypt(long firstSector, int lengthBytes) {
        run(encryption, firstSector, lengthBytes);
    }

    @Override
    void decrypt(long firstSector, int lengthBytes) {
        run(decryption, firstSector, lengthBytes);
    }

    private void run(BlockCipher blocks, long firstSector, int lengthBytes) {
        if (tweakEncryption == null) {
            blocks.apply(text(), 0, lengthBytes);
            return;
        }
        byte[] vectors = vectors(firstSector, lengthBytes);
        int sectors = lengthBytes / ClusterCipher.SECTOR_BYTES;
        tweakEncryption.apply(vectors, 0, sectors * BLOCK_BYTES);
        for (int sector = 0; sector < sectors; sector++) {
            fillTweaks(vectors, sector);
        }
        addTweaks(lengthBytes);
        blocks.apply(text(), 0, lengthBytes);
        addTweaks(lengthBytes);
    }

    private void fillTweaks(byte[] vectors, int sector) {
        long low = (long) SectorVectors.LONGS.get(vectors, sector * BLOCK_BYTES);
        long high = (long) SectorVectors.LONGS.get(vectors, sector * BLOCK_BYTES + Long.BYTES);
        int end = (sector + 1) * ClusterCipher.SECTOR_BYTES;
        for (int offset = sector * ClusterCipher.SECTOR_BYTES; offset < end; offset += BLOCK_BYTES) {
            SectorVectors.LONGS.set(tweaks, offset, low);
            SectorVectors.LONGS.set(tweaks, offset + Long.BYTES, high);
            long carry = high >> 63 & REDUCTION;
            high = high << 1 | low >>> 63;
            low = low << 1 ^ carry;
        }
    }

    private void addTweaks(int lengthBytes) {
        byte[] text = text();
        for (int offset = 0; offset < lengthBytes; offset += Long.BYTES) {
            long sum = (long) SectorVectors.LONGS.get(text, offset) ^ (long) SectorVectors.LONGS.get(tweaks, offset);
            SectorVectors.LONGS.set(text, offset, sum);
        }
    }

    @Override
    void wipe() {
        super.wipe();
        Arrays.fill(tweaks, (byte) 0);
    }
}
