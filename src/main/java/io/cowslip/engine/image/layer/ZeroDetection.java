package io.cowslip.engine.image.layer;

import io.cowslip.engine.alloc.InFlightRequests;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Finds zeros in what a guest writes, piece by piece as clusters cut it, and zeroes instead of writing them. */
public final class ZeroDetection {
    private static final int RAW_PIECE_BYTES = 64 << 10;

    private ZeroDetection() {}

    /** Writes all of {@code from}, its zeros as {@link ImageLayer#zero} does. */
    public static void write(
            ImageLayer layer, long guestOffset, MemorySegment from, boolean unmap, InFlightRequests requests)
            throws IOException {
        long pieceBytes = layer.clusterBytes() == 0 ? RAW_PIECE_BYTES : layer.clusterBytes();
        long position = 0;
        while (position < from.byteSize()) {
            boolean zeros = isZeroPiece(from, guestOffset, position, pieceBytes);
            long end = pieceEnd(from, guestOffset, position, pieceBytes);
            while (end < from.byteSize() && isZeroPiece(from, guestOffset, end, pieceBytes) == zeros) {
                end = pieceEnd(from, guestOffset, end, pieceBytes);
            }
            if (zeros) {
                layer.zero(guestOffset + position, end - position, unmap);
            } else {
                layer.write(guestOffset + position, from.asSlice(position, end - position), requests);
            }
            position = end;
        }
    }

    private static long pieceEnd(MemorySegment from, long guestOffset, long position, long pieceBytes) {
        long boundary = (guestOffset + position & -pieceBytes) + pieceBytes;
        return Math.min(from.byteSize(), boundary - guestOffset);
    }

    private static boolean isZeroPiece(MemorySegment from, long guestOffset, long position, long pieceBytes) {
        return isZero(from, position, pieceEnd(from, guestOffset, position, pieceBytes));
    }

    /** Whether all bytes are 0: the first eight are, and every one is the same as that eight bytes on. */
    public static boolean isZero(MemorySegment segment, long from, long to) {
        if (to - from < Long.BYTES) {
            for (long at = from; at < to; at++) {
                if (segment.get(ValueLayout.JAVA_BYTE, at) != 0) {
                    return false;
                }
            }
            return true;
        }
        return segment.get(ValueLayout.JAVA_LONG_UNALIGNED, from) == 0
                && MemorySegment.mismatch(segment, from, to - Long.BYTES, segment, from + Long.BYTES, to) < 0;
    }
}
