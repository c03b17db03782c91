package io.cowslip.engine.codec;

import java.util.Arrays;

/**
 * CBC, in which a block is added to the encrypted one before it. When decrypting, nothing waits: all blocks are there.
 * When encrypting, each block waits for the one before in its sector, but not for other sectors: the first blocks of all
 * sectors go in one call, then the second ones.
 */
final class CbcLane extends SectorLane {
    private static final int BLOCKS = ClusterCipher.SECTOR_BYTES / BLOCK_BYTES;

    private final BlockCipher encryption;
    private final BlockCipher decryption;
    private final byte[] encrypted = new byte[ClusterCipher.MAX_BYTES];

    CbcLane(CipherSpec spec, byte[] key) {
        super(new SectorVectors(spec, key));
        this.encryption = BlockCipher.encrypting(key);
        this.decryption = BlockCipher.decrypting(key);
    }

    @Override
    void encrypt(long firstSector, int lengthBytes) {
        int sectors = lengthBytes / ClusterCipher.SECTOR_BYTES;
        byte[] chain = vectors(firstSector, lengthBytes);
        for (int block = 0; block < BLOCKS; block++) {
            for (int sector = 0; sector < sectors; sector++) {
                add(chain, sector * BLOCK_BYTES, text(), sector * ClusterCipher.SECTOR_BYTES + block * BLOCK_BYTES);
            }
            encryption.apply(chain, 0, sectors * BLOCK_BYTES);
            for (int sector = 0; sector < sectors; sector++) {
                int offset = sector * ClusterCipher.SECTOR_BYTES + block * BLOCK_BYTES;
                System.arraycopy(chain, sector * BLOCK_BYTES, text(), offset, BLOCK_BYTES);
            }
        }
    }

    @Override
    void decrypt(long firstSector, int lengthBytes) {
        byte[] vectors = vectors(firstSector, lengthBytes);
        System.arraycopy(text(), 0, encrypted, 0, lengthBytes);
        decryption.apply(text(), 0, lengthBytes);
        for (int offset = 0; offset < lengthBytes; offset += BLOCK_BYTES) {
            if (offset % ClusterCipher.SECTOR_BYTES == 0) {
                add(text(), offset, vectors, offset / ClusterCipher.SECTOR_BYTES * BLOCK_BYTES);
            } else {
                add(text(), offset, encrypted, offset - BLOCK_BYTES);
            }
        }
    }

    private static void add(byte[] to, int toOffset, byte[] from, int fromOffset) {
        for (int index = 0; index < BLOCK_BYTES; index += Long.BYTES) {
            long sum = (long) SectorVectors.LONGS.get(to, toOffset + index)
                    ^ (long) SectorVectors.LONGS.get(from, fromOffset + index);
            SectorVectors.LONGS.set(to, toOffset + index, sum);
        }
    }

    @Override
    void wipe() {
        super.wipe();
        Arrays.fill(encrypted, (byte) 0);
    }
}
