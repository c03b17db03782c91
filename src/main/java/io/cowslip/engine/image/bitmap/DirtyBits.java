package io.cowslip.engine.image.bitmap;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The bits of one dirty bitmap in memory: which parts of a disk were changed. Any thread may mark and look at the same
 * time, without a lock; {@link #clear}, {@link #resize} and {@link #load} are called by one thread at a time, beside
 * those. A mark that returns before {@link #clear} begins is cleared, one that begins after it returned is kept, and one
 * beside it is kept or not; nothing else loses a mark.
 *
 * <p>The bits are in pieces that exist where something was marked, so an unchanged disk takes hardly any memory. To
 * clear or resize is to put another table of pieces in place; whoever marks looks whether his table is still the one in
 * use, and if not does it again.
 */
public final class DirtyBits {
    private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Bytes of a piece, and the smallest cluster. */
    static final int PIECE_BYTES = 512;

    private static final int WORDS_PER_PIECE = PIECE_BYTES / Long.BYTES;
    private static final int PIECE_BITS_SHIFT = 12;
    private static final long BITS_PER_PIECE = 1L << PIECE_BITS_SHIFT;

    /** A piece whose bits are all set, shared and never changed: no bit of it could be set any more. */
    private static final long[] ALL_SET = new long[WORDS_PER_PIECE];

    static {
        Arrays.fill(ALL_SET, -1);
    }

    private final int granularityBits;
    private volatile Pieces pieces;

    /** The pieces of a disk of {@code sizeBytes}. */
    private record Pieces(long sizeBytes, AtomicReferenceArray<long[]> table) {
        static Pieces of(long sizeBytes, int granularityBits) {
            return new Pieces(sizeBytes, new AtomicReferenceArray<>(count(sizeBytes, granularityBits)));
        }

        private static int count(long sizeBytes, int granularityBits) {
            return Math.toIntExact(Math.ceilDiv(bitCount(sizeBytes, granularityBits), BITS_PER_PIECE));
        }
    }

    /** Nothing is marked yet. */
    DirtyBits(long sizeBytes, int granularityBits) {
        this.granularityBits = granularityBits;
        this.pieces = Pieces.of(sizeBytes, granularityBits);
    }

    /** How many bits a disk needs. */
    static long bitCount(long sizeBytes, int granularityBits) {
        return sizeBytes == 0 ? 0 : ((sizeBytes - 1) >>> granularityBits) + 1;
    }

    /** The bytes that the bits of a disk take at most. */
    static long maxBytes(long sizeBytes, int granularityBits) {
        return Math.ceilDiv(bitCount(sizeBytes, granularityBits), Byte.SIZE);
    }

    /** Bytes of the file that the bits take. */
    long lengthBytes() {
        return maxBytes(pieces.sizeBytes, granularityBits);
    }

    /** Marks every part that the range touches. */
    void mark(long guestOffset, long lengthBytes) {
        if (lengthBytes <= 0) {
            return;
        }
        Pieces marked;
        do {
            marked = pieces;
            mark(marked, guestOffset >>> granularityBits, (guestOffset + lengthBytes - 1) >>> granularityBits);
        } while (marked != pieces);
    }

    /** Marks the whole disk. */
    void markAll() {
        mark(0, pieces.sizeBytes);
    }

    private static void mark(Pieces into, long firstBit, long lastBit) {
        int lastPiece = (int) Math.min(lastBit >>> PIECE_BITS_SHIFT, into.table.length() - 1);
        for (int index = (int) Math.min(firstBit >>> PIECE_BITS_SHIFT, Integer.MAX_VALUE);
                index <= lastPiece;
                index++) {
            long pieceStart = (long) index << PIECE_BITS_SHIFT;
            int first = (int) Math.max(firstBit - pieceStart, 0);
            int last = (int) Math.min(lastBit - pieceStart, BITS_PER_PIECE - 1);
            if (first == 0 && last == BITS_PER_PIECE - 1) {
                into.table.set(index, ALL_SET);
            } else {
                mark(piece(into, index), first, last);
            }
        }
    }

    private static long[] piece(Pieces of, int index) {
        long[] piece = of.table.get(index);
        if (piece != null) {
            return piece;
        }
        long[] added = new long[WORDS_PER_PIECE];
        long[] found = of.table.compareAndExchange(index, null, added);
        return found == null ? added : found;
    }

    private static void mark(long[] piece, int first, int last) {
        int lastWord = last >>> 6;
        for (int word = first >>> 6; word <= lastWord; word++) {
            long mask = mask(word, first, last);
            if (((long) WORDS.getVolatile(piece, word) & mask) != mask) {
                WORDS.getAndBitwiseOr(piece, word, mask);
            }
        }
    }

    /** The bits of a word that lie between {@code first} and {@code last} of the piece. */
    private static long mask(int word, int first, int last) {
        long mask = -1;
        if (word == first >>> 6) {
            mask &= -1L << (first & 63);
        }
        if (word == last >>> 6) {
            mask &= -1L >>> (63 - (last & 63));
        }
        return mask;
    }

    /** Whether the part with this byte of the disk is marked. */
    public boolean isDirty(long guestOffset) {
        return bit(pieces, guestOffset >>> granularityBits);
    }

    private static boolean bit(Pieces of, long bit) {
        long[] piece = pieceOrNull(of, bit);
        return piece != null && ((long) WORDS.getVolatile(piece, wordOf(bit)) >>> (bit & 63) & 1) != 0;
    }

    private static long @Nullable [] pieceOrNull(Pieces of, long bit) {
        long index = bit >>> PIECE_BITS_SHIFT;
        return index < of.table.length() ? of.table.get((int) index) : null;
    }

    private static int wordOf(long bit) {
        return (int) (bit >>> 6) & WORDS_PER_PIECE - 1;
    }

    /** Where the run of parts that are as the one at {@code guestOffset} ends, at {@code end} at the latest. */
    public long runEnd(long guestOffset, long end) {
        Pieces in = pieces;
        long endBit = bitCount(end, granularityBits);
        long bit = guestOffset >>> granularityBits;
        boolean dirty = bit(in, bit);
        while (bit < endBit) {
            bit = nextUnlike(in, bit, dirty);
            if (bit < endBit && bit(in, bit) != dirty) {
                break;
            }
        }
        return Math.min(bit << granularityBits, end);
    }

    /** The next bit of another value in the word of {@code bit}, or the first of the next word or, where nothing is, piece. */
    private static long nextUnlike(Pieces in, long bit, boolean dirty) {
        long[] piece = pieceOrNull(in, bit);
        if (piece == null || piece == ALL_SET) {
            return (piece == null) == dirty ? bit : (bit & -BITS_PER_PIECE) + BITS_PER_PIECE;
        }
        long word = (long) WORDS.getVolatile(piece, wordOf(bit));
        long unlike = (dirty ? ~word : word) & -1L << (bit & 63);
        return unlike == 0 ? (bit & -64) + 64 : (bit & -64) + Long.numberOfTrailingZeros(unlike);
    }

    /** Bytes of the disk in marked parts. */
    public long dirtyBytes() {
        long size = pieces.sizeBytes;
        long dirtyBytes = 0;
        long position = 0;
        while (position < size) {
            long next = runEnd(position, size);
            if (isDirty(position)) {
                dirtyBytes += next - position;
            }
            position = Math.max(next, position + 1);
        }
        return dirtyBytes;
    }

    /** Nothing is marked any more. */
    void clear() {
        pieces = Pieces.of(pieces.sizeBytes, granularityBits);
    }

    /** The disk has another size: what it gained is not marked. */
    void resize(long sizeBytes) {
        Pieces old = pieces;
        Pieces resized = Pieces.of(sizeBytes, granularityBits);
        merge(old, resized);
        pieces = resized;
        // Marks that were made in the old table meanwhile, by those who have seen no other since.
        merge(old, resized);
    }

    private void merge(Pieces from, Pieces into) {
        long endBit = bitCount(Math.min(from.sizeBytes, into.sizeBytes), granularityBits);
        long bit = 0;
        while (bit < endBit) {
            long[] piece = pieceOrNull(from, bit);
            if (piece != null) {
                merge(piece, into, bit, endBit);
            }
            bit += BITS_PER_PIECE;
        }
    }

    private static void merge(long[] from, Pieces into, long firstBit, long endBit) {
        for (int word = 0; word < WORDS_PER_PIECE; word++) {
            long bits = (long) WORDS.getVolatile(from, word);
            while (bits != 0) {
                int lowest = Long.numberOfTrailingZeros(bits);
                int run = Long.numberOfTrailingZeros(~(bits >>> lowest));
                long first = firstBit + word * 64L + lowest;
                if (first < endBit) {
                    mark(into, first, Math.min(first + run, endBit) - 1);
                }
                bits &= lowest + run == 64 ? 0 : -1L << (lowest + run);
            }
        }
    }

    /** Marks whatever is marked in {@code other}, of the same disk. */
    void merge(DirtyBits other, long sizeBytes) {
        long position = 0;
        while (position < sizeBytes) {
            long next = other.runEnd(position, sizeBytes);
            if (other.isDirty(position)) {
                mark(position, Math.max(next, position + 1) - position);
            }
            position = Math.max(next, position + 1);
        }
    }

    /**
     * Sets what a file says: the bits from byte {@code atByte}, which begins a piece, on. Bits that no part of the disk
     * has are left out.
     */
    void load(long atByte, MemorySegment from) {
        Pieces into = pieces;
        long endBit = bitCount(into.sizeBytes, granularityBits);
        for (long offset = 0; offset < from.byteSize(); offset += Long.BYTES) {
            long firstBit = (atByte + offset) * Byte.SIZE;
            long bits = word(from, offset);
            if (firstBit < endBit && bits != 0) {
                long within = endBit - firstBit >= 64 ? bits : bits & (1L << (endBit - firstBit)) - 1;
                WORDS.getAndBitwiseOr(piece(into, (int) (firstBit >>> PIECE_BITS_SHIFT)), wordOf(firstBit), within);
            }
        }
    }

    private static long word(MemorySegment from, long offset) {
        if (from.byteSize() - offset >= Long.BYTES) {
            return from.get(LONG, offset);
        }
        long word = 0;
        for (long index = offset; index < from.byteSize(); index++) {
            word |= (from.get(ValueLayout.JAVA_BYTE, index) & 0xFFL) << (8 * (index - offset));
        }
        return word;
    }

    /** Sets all bits of the bytes. */
    void loadOnes(long atByte, long lengthBytes) {
        Pieces into = pieces;
        long endBit = Math.min((atByte + lengthBytes) * Byte.SIZE, bitCount(into.sizeBytes, granularityBits));
        if (atByte * Byte.SIZE < endBit) {
            mark(into, atByte * Byte.SIZE, endBit - 1);
        }
    }

    /** Whether nothing is marked in these bytes. */
    boolean isAll(boolean dirty, long atByte, long lengthBytes) {
        Pieces in = pieces;
        long end = Math.min((atByte + lengthBytes) * Byte.SIZE, bitCount(in.sizeBytes, granularityBits));
        long bit = atByte * Byte.SIZE;
        while (bit < end) {
            if (bit(in, bit) != dirty) {
                return false;
            }
            bit = nextUnlike(in, bit, dirty);
        }
        return true;
    }

    /** Writes these bytes as they stand in a file; {@code atByte} begins a piece. Bits past the disk's end are 0. */
    void store(long atByte, MemorySegment into) {
        Pieces in = pieces;
        long endBit = bitCount(in.sizeBytes, granularityBits);
        into.fill((byte) 0);
        for (long offset = 0; offset < into.byteSize(); offset += Long.BYTES) {
            long bit = (atByte + offset) * Byte.SIZE;
            long[] piece = pieceOrNull(in, bit);
            if (piece != null && bit < endBit) {
                long word = (long) WORDS.getVolatile(piece, wordOf(bit));
                into.set(LONG, offset, endBit - bit >= 64 ? word : word & (1L << (endBit - bit)) - 1);
            }
        }
    }
}
