package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** How fields of headers are read and refused. */
final class Fields {
    /** What all these formats count in. */
    static final int SECTOR_BYTES = 512;

    private Fields() {}

    /** An unsigned field of 32 bits. */
    static long unsignedInt(MemorySegment header, ValueLayout.OfInt order, long offset) {
        return Integer.toUnsignedLong(header.get(order, offset));
    }

    static boolean isPowerOfTwo(long value) {
        return Long.bitCount(value) == 1 && value > 0;
    }

    /** Refuses a header that the file ends in. */
    static void requireLength(MemorySegment header, long lengthBytes, String what) throws ImageException {
        if (header.byteSize() < lengthBytes) {
            throw invalid("the " + what + " has " + header.byteSize() + " bytes; it must have " + lengthBytes);
        }
    }

    /** Refuses a table that does not lie in the file, or does not begin at a sector. */
    static void requireTable(String what, long hostOffset, long lengthBytes, long fileSizeBytes) throws ImageException {
        if (hostOffset < SECTOR_BYTES || hostOffset % SECTOR_BYTES != 0) {
            throw invalid("the " + what + " is at " + Long.toUnsignedString(hostOffset)
                    + "; it must be at a multiple of 512 behind the header");
        }
        if (lengthBytes > fileSizeBytes || hostOffset > fileSizeBytes - lengthBytes) {
            throw invalid("the " + what + " of " + lengthBytes + " bytes at " + hostOffset
                    + " must lie in the file, which has " + fileSizeBytes + " bytes");
        }
    }

    static ImageException invalid(String field, long value, String right) {
        return invalid(field + " is " + Long.toUnsignedString(value) + "; it must be " + right);
    }

    static ImageException invalid(String message) {
        return ImageException.of(Kind.INVALID_FORMAT, message);
    }

    static ImageException unsupported(String message) {
        return ImageException.of(Kind.UNSUPPORTED_FEATURE, message);
    }
}
