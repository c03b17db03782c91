package io.cowslip.engine.codec;

import io.cowslip.engine.codec.CipherSpec.VectorSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Makes initial vectors: the sector's number, as 16 bytes with the lowest first, or that encrypted. Not for threads. */
final class SectorVectors {
    static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final int MOST = ClusterCipher.MAX_BYTES / ClusterCipher.SECTOR_BYTES;

    private final byte[] vectors = new byte[MOST * SectorLane.BLOCK_BYTES];
    private final long mask;
    private final @Nullable BlockCipher essiv;

    SectorVectors(CipherSpec spec, byte[] key) {
        this.mask = spec.vectors() == VectorSource.PLAIN ? 0xFFFF_FFFFL : -1;
        if (spec.vectors() == VectorSource.ESSIV) {
            byte[] essivKey = Objects.requireNonNull(spec.essivHash()).digest().digest(key);
            this.essiv = BlockCipher.encrypting(essivKey);
            Arrays.fill(essivKey, (byte) 0);
        } else {
            this.essiv = null;
        }
    }

    /** The vectors of {@code count} sectors, until the next call. */
    byte[] of(long firstSector, int count) {
        for (int index = 0; index < count; index++) {
            LONGS.set(vectors, index * SectorLane.BLOCK_BYTES, firstSector + index & mask);
            LONGS.set(vectors, index * SectorLane.BLOCK_BYTES + Long.BYTES, 0L);
        }
        if (essiv != null) {
            essiv.apply(vectors, 0, count * SectorLane.BLOCK_BYTES);
        }
        return vectors;
    }
}
