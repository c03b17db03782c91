package io.cowslip.engine.codec;

import java.util.Arrays;

/** The ciphers and buffers that one call works with. Used by one thread at a time. */
abstract class SectorLane {
    static final int BLOCK_BYTES = 16;

    private final byte[] text = new byte[ClusterCipher.MAX_BYTES];
    private final SectorVectors vectors;

    SectorLane(SectorVectors vectors) {
        this.vectors = vectors;
    }

    /** What is encrypted or decrypted, in place. */
    byte[] text() {
        return text;
    }

    /** The initial vectors of the sectors, one block each. */
    byte[] vectors(long firstSector, int lengthBytes) {
        return vectors.of(firstSector, lengthBytes / ClusterCipher.SECTOR_BYTES);
    }

    /** Encrypts the text's first {@code lengthBytes}, whole sectors. */
    abstract void encrypt(long firstSector, int lengthBytes);

    /** Decrypts the text's first {@code lengthBytes}, whole sectors. */
    abstract void decrypt(long firstSector, int lengthBytes);

    void wipe() {
        Arrays.fill(text, (byte) 0);
    }
}
