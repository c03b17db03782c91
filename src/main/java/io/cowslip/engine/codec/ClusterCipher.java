package io.cowslip.engine.codec;

import io.cowslip.engine.codec.CipherSpec.Mode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Encrypts and decrypts sectors of 512 bytes, up to {@link #MAX_BYTES} at a time. Any thread at any time;
 * {@link #close()} is for the owner, when no call is under way.
 *
 * <p>All modes are built from the one that needs no chaining (ECB), so that one call to the JDK's AES has as many blocks
 * to work on as the request allows: the processor works on several at once.
 */
public final class ClusterCipher implements AutoCloseable {
    public static final int SECTOR_BYTES = 512;

    /** The most that one call takes. */
    public static final int MAX_BYTES = 64 << 10;

    private final CipherSpec spec;
    private final byte[] key;
    private final CoderPool<SectorLane> lanes;

    /** @param key of the length that {@code spec} says; a copy is kept until the end */
    public ClusterCipher(CipherSpec spec, byte[] key) {
        if (key.length != spec.keyBytes()) {
            throw new IllegalArgumentException("a key of " + key.length + " bytes, not " + spec.keyBytes());
        }
        this.spec = spec;
        this.key = key.clone();
        this.lanes = new CoderPool<>(this::newLane, SectorLane::wipe);
    }

    private SectorLane newLane() {
        return spec.mode() == Mode.CBC ? new CbcLane(spec, key) : new StraightLane(spec, key);
    }

    /** The same cipher once more, with an end of its own. */
    public ClusterCipher copy() {
        return new ClusterCipher(spec, key);
    }

    /**
     * Encrypts whole sectors.
     *
     * @param firstSector the first one's number, which its initial vector is made of
     * @param plain from one sector to {@link #MAX_BYTES}
     * @param encrypted of the same length; may be {@code plain}
     */
    public void encrypt(long firstSector, MemorySegment plain, MemorySegment encrypted) {
        run(firstSector, plain, encrypted, true);
    }

    /** Decrypts whole sectors; otherwise as {@link #encrypt}. */
    public void decrypt(long firstSector, MemorySegment encrypted, MemorySegment plain) {
        run(firstSector, encrypted, plain, false);
    }

    private void run(long firstSector, MemorySegment from, MemorySegment into, boolean encrypting) {
        int length = Math.toIntExact(from.byteSize());
        if (length % SECTOR_BYTES != 0 || length > MAX_BYTES || into.byteSize() != length) {
            throw new IllegalArgumentException(length + " bytes are not some sectors of as many");
        }
        SectorLane lane = lanes.take();
        try {
            MemorySegment.copy(from, ValueLayout.JAVA_BYTE, 0, lane.text(), 0, length);
            if (encrypting) {
                lane.encrypt(firstSector, length);
            } else {
                lane.decrypt(firstSector, length);
            }
            MemorySegment.copy(lane.text(), 0, into, ValueLayout.JAVA_BYTE, 0, length);
        } finally {
            lanes.giveBack(lane);
        }
    }

    /** Wipes the key and the buffers. What the JDK's ciphers made of the key is beyond reach. */
    @Override
    public void close() {
        lanes.close();
        Arrays.fill(key, (byte) 0);
    }

    @Override
    public String toString() {
        return "ClusterCipher[" + spec + "]";
    }
}
