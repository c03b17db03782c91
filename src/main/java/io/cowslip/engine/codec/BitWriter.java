package io.cowslip.engine.codec;

/**
 * Bits in deflate's order (RFC 1951, section 3.1.1): packed into bytes from the least significant bit on. Past its limit
 * it writes nothing any more and says so. Not for several threads.
 */
final class BitWriter {
    private byte[] bytes = {};
    private int limit;
    private int length;
    private long pending;
    private int pendingBits;

    /** Begins anew, with room for {@code limitBytes}. */
    void begin(int limitBytes) {
        if (bytes.length < limitBytes) {
            bytes = new byte[limitBytes];
        }
        limit = limitBytes;
        length = 0;
        pending = 0;
        pendingBits = 0;
    }

    /** Appends the lowest {@code count} bits of {@code bits}, at most 32, in which no others are set. */
    void write(int bits, int count) {
        pending |= (long) bits << pendingBits;
        pendingBits += count;
        while (pendingBits >= Byte.SIZE) {
            flushByte();
            pendingBits -= Byte.SIZE;
        }
    }

    private void flushByte() {
        if (length < limit) {
            bytes[length] = (byte) pending;
        }
        length++;
        pending >>>= Byte.SIZE;
    }

    /** Fills the last byte with zeros. */
    void end() {
        if (pendingBits > 0) {
            flushByte();
            pendingBits = 0;
        }
    }

    /** Whether there was more to write than there was room for. */
    boolean isOver() {
        return length > limit;
    }

    int lengthBytes() {
        return length;
    }

    byte[] array() {
        return bytes;
    }
}
