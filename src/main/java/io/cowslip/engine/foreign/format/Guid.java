package io.cowslip.engine.foreign.format;

import java.lang.foreign.MemorySegment;
import java.util.UUID;

/**
 * A GUID as VHDX stores it: the first three fields little-endian, the rest in order.
 *
 * @param low the first eight bytes, little-endian
 * @param high the last eight, little-endian
 */
public record Guid(long low, long high) {
    static final int BYTES = 16;
    static final Guid NULL = new Guid(0, 0);

    static Guid at(MemorySegment segment, long offset) {
        return new Guid(segment.get(LittleEndian.LONG, offset), segment.get(LittleEndian.LONG, offset + Long.BYTES));
    }

    /** The GUID of its usual text. */
    static Guid of(String text) {
        UUID uuid = UUID.fromString(text);
        long most = uuid.getMostSignificantBits();
        long low = most >>> 32 | (most >>> 16 & 0xffff) << 32 | (most & 0xffff) << 48;
        return new Guid(low, Long.reverseBytes(uuid.getLeastSignificantBits()));
    }
}
