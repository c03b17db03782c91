package io.cowslip.engine.cache;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.L2Entry;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * How the entries of one slice are held in memory: the smallest of three forms, and none loses a bit.
 *
 * <ul>
 *   <li>A <em>run</em>: clusters that follow each other in the file, or that all have no place in it. It is told by its
 *       first entry and takes no room in a frame.
 *   <li><em>Packed</em>: every entry is 0, or else its flags are those of all others and its offset lies some clusters
 *       after {@code base}. Those numbers of clusters, plus one, stand bit by bit behind each other; 2, 3 or 4 such
 *       slices fit in a frame.
 *   <li><em>Plain</em>: the bytes of the file.
 * </ul>
 *
 * @param slicesPerFrame {@link #RUN}, {@link #PLAIN}, or how many slices of this form share a frame
 * @param base the first entry of a run; of packed entries the lowest that is not 0, flags included
 */
record SliceForm(int slicesPerFrame, long base) {
    static final int RUN = 0;
    static final int PLAIN = 1;
    static final int MOST_PER_FRAME = 4;
    static final SliceForm AS_IN_FILE = new SliceForm(PLAIN, 0);

    private static final ValueLayout.OfLong BITS = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** What the smallest form of {@code entries} is, on an image whose clusters have {@code 1 << clusterBits} bytes. */
    static SliceForm of(MemorySegment entries, int clusterBits) {
        long first = entry(entries, 0);
        if (SliceDirectory.canBeRun(first) && isRun(entries, first, step(first, clusterBits))) {
            return new SliceForm(RUN, first);
        }
        return packed(entries, clusterBits);
    }

    boolean isRun() {
        return slicesPerFrame == RUN;
    }

    /** How far the entries of a run that begins with {@code first} lie apart: those without a place are all alike. */
    static long step(long first, int clusterBits) {
        return L2Entry.hostOffset(first) == 0 ? 0 : 1L << clusterBits;
    }

    /** Bits of an entry where {@code slicesPerFrame} slices share a frame. */
    static int entryBits(int slicesPerFrame) {
        return Long.SIZE / slicesPerFrame;
    }

    /** Writes {@code entries} at {@code offset} in {@code memory} in the packed form that this is. */
    void pack(MemorySegment entries, int clusterBits, MemorySegment memory, long offset) {
        int width = entryBits(slicesPerFrame);
        long lowest = L2Entry.hostOffset(base);
        int count = entryCount(entries);
        long at = offset;
        long pending = 0;
        int pendingBits = 0;
        for (int index = 0; index < count; index++) {
            long entry = entry(entries, index);
            long number = entry == 0 ? 0 : ((L2Entry.hostOffset(entry) - lowest) >>> clusterBits) + 1;
            pending |= number << pendingBits;
            pendingBits += width;
            if (pendingBits >= Long.SIZE) {
                memory.set(BITS, at, pending);
                at += Long.BYTES;
                pendingBits -= Long.SIZE;
                pending = pendingBits == 0 ? 0 : number >>> (width - pendingBits);
            }
        }
        for (; pendingBits > 0; pendingBits -= Byte.SIZE) {
            memory.set(ValueLayout.JAVA_BYTE, at++, (byte) pending);
            pending >>>= Byte.SIZE;
        }
    }

    /**
     * The entry at {@code index} of packed entries that begin at {@code offset} in {@code memory}. Reads up to 7 bytes
     * past their end.
     */
    static long unpack(MemorySegment memory, long offset, int index, int slicesPerFrame, long base, int clusterBits) {
        int width = entryBits(slicesPerFrame);
        long bit = (long) index * width;
        long number = memory.get(BITS, offset + (bit >>> 3)) >>> (bit & 7) & (1L << width) - 1;
        return number == 0 ? 0 : base + ((number - 1) << clusterBits);
    }

    private static boolean isRun(MemorySegment entries, long first, long step) {
        int count = entryCount(entries);
        long expected = first;
        for (int index = 1; index < count; index++) {
            expected += step;
            if (entry(entries, index) != expected) {
                return false;
            }
        }
        return true;
    }

    /** The smallest form of {@code entries} that is no run. */
    static SliceForm packed(MemorySegment entries, int clusterBits) {
        int count = entryCount(entries);
        long first = firstInUse(entries, count);
        long mustNotDiffer = ~L2Entry.OFFSET_MASK | (1L << clusterBits) - 1;
        long lowest = Long.MAX_VALUE;
        long highest = 0;
        long differing = 0;
        for (int index = 0; index < count; index++) {
            long entry = entry(entries, index);
            long used = entry == 0 ? first : entry;
            differing |= used ^ first;
            lowest = Math.min(lowest, used & L2Entry.OFFSET_MASK);
            highest = Math.max(highest, used & L2Entry.OFFSET_MASK);
            if ((index & 63) == 63 && (differing & mustNotDiffer) != 0) {
                break;
            }
        }
        return (differing & mustNotDiffer) != 0
                ? AS_IN_FILE
                : ofNumbersUpTo(((highest - lowest) >>> clusterBits) + 1, (first & ~L2Entry.OFFSET_MASK) | lowest);
    }

    /** The first entry that is not 0, or 0. */
    private static long firstInUse(MemorySegment entries, int count) {
        long entry = 0;
        for (int index = 0; index < count && entry == 0; index++) {
            entry = entry(entries, index);
        }
        return entry;
    }

    private static SliceForm ofNumbersUpTo(long highestNumber, long base) {
        int bits = Long.SIZE - Long.numberOfLeadingZeros(highestNumber);
        int slicesPerFrame = MOST_PER_FRAME;
        while (entryBits(slicesPerFrame) < bits) {
            slicesPerFrame--;
        }
        return slicesPerFrame == PLAIN ? AS_IN_FILE : new SliceForm(slicesPerFrame, base);
    }

    private static int entryCount(MemorySegment entries) {
        return (int) (entries.byteSize() / Long.BYTES);
    }

    private static long entry(MemorySegment entries, int index) {
        return entries.get(BigEndian.LONG, (long) index << 3);
    }
}
