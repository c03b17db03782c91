package io.cowslip.engine.format;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Counts in a refcount block (qcow2 specification, "Host cluster management"). Their width is 2 to the power of the
 * image's refcount order, in bits. Counts of a byte and more are big-endian; several counts in one byte are packed from
 * its least significant bit.
 */
public final class RefcountBits {
    private static final int BYTE_ORDER = 3;

    private RefcountBits() {}

    /** The largest count. 64-bit counts stop at {@link Long#MAX_VALUE}: none gets anywhere near. */
    public static long maxCount(int refcountOrder) {
        return refcountOrder == 6 ? Long.MAX_VALUE : (1L << (1 << refcountOrder)) - 1;
    }

    /** The count at {@code index}; negative only for a 64-bit count that cannot be right. */
    public static long get(MemorySegment block, int refcountOrder, long index) {
        return switch (refcountOrder) {
            case 0, 1, 2 ->
                packedByte(block, refcountOrder, index) >>> shift(refcountOrder, index) & maxCount(refcountOrder);
            case 3 -> Byte.toUnsignedLong(block.get(ValueLayout.JAVA_BYTE, index));
            case 4 -> Short.toUnsignedLong(block.get(BigEndian.SHORT, index << 1));
            case 5 -> Integer.toUnsignedLong(block.get(BigEndian.INT, index << 2));
            case 6 -> block.get(BigEndian.LONG, index << 3);
            default -> throw new IllegalArgumentException("refcount order " + refcountOrder);
        };
    }

    /** Whether so many counts from {@code index} on are plainly the same. Packed counts never are. */
    public static boolean areAlike(MemorySegment block, int refcountOrder, long index, int length) {
        if (refcountOrder < BYTE_ORDER) {
            return false;
        }
        int bytesBits = refcountOrder - BYTE_ORDER;
        long start = index << bytesBits;
        long end = (index + length) << bytesBits;
        long countBytes = 1L << bytesBits;
        return MemorySegment.mismatch(block, start, end - countBytes, block, start + countBytes, end) < 0;
    }

    /**
     * Copies so many counts from {@code index} on to the beginning of {@code into}; what an int cannot hold becomes the
     * largest int.
     */
    public static void copy(MemorySegment block, int refcountOrder, long index, int[] into, int length) {
        if (refcountOrder == 4) {
            copyShorts(block, index, into, length);
            return;
        }
        for (int i = 0; i < length; i++) {
            long count = get(block, refcountOrder, index + i);
            into[i] = count < 0 || count > Integer.MAX_VALUE ? Integer.MAX_VALUE : (int) count;
        }
    }

    /** Nearly all images have counts of this width: one step for all of them, and a loop of plain arrays. */
    private static void copyShorts(MemorySegment block, long index, int[] into, int length) {
        short[] counts = new short[length];
        MemorySegment.copy(block, BigEndian.SHORT, index << 1, counts, 0, length);
        for (int i = 0; i < length; i++) {
            into[i] = Short.toUnsignedInt(counts[i]);
        }
    }

    /** Sets the count at {@code index}, which must be from 0 to {@link #maxCount}. */
    public static void set(MemorySegment block, int refcountOrder, long index, long count) {
        if (count < 0 || count > maxCount(refcountOrder)) {
            throw new IllegalArgumentException("count " + count + " with refcount order " + refcountOrder);
        }
        switch (refcountOrder) {
            case 0, 1, 2 -> setPacked(block, refcountOrder, index, count);
            case 3 -> block.set(ValueLayout.JAVA_BYTE, index, (byte) count);
            case 4 -> block.set(BigEndian.SHORT, index << 1, (short) count);
            case 5 -> block.set(BigEndian.INT, index << 2, (int) count);
            case 6 -> block.set(BigEndian.LONG, index << 3, count);
            default -> throw new IllegalArgumentException("refcount order " + refcountOrder);
        }
    }

    private static void setPacked(MemorySegment block, int refcountOrder, long index, long count) {
        int shift = shift(refcountOrder, index);
        long others = packedByte(block, refcountOrder, index) & ~(maxCount(refcountOrder) << shift);
        block.set(ValueLayout.JAVA_BYTE, index >>> (BYTE_ORDER - refcountOrder), (byte) (others | count << shift));
    }

    private static long packedByte(MemorySegment block, int refcountOrder, long index) {
        return Byte.toUnsignedLong(block.get(ValueLayout.JAVA_BYTE, index >>> (BYTE_ORDER - refcountOrder)));
    }

    private static int shift(int refcountOrder, long index) {
        long positionInByte = index & ((1L << (BYTE_ORDER - refcountOrder)) - 1);
        return (int) (positionInByte << refcountOrder);
    }
}
