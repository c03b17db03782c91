package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BigEndian;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The checksum of VHD's headers: the complement of the sum of all bytes but its own four. */
final class Checksums {
    private Checksums() {}

    static void require(String what, MemorySegment header, int checksumOffset) throws ImageException {
        int sum = 0;
        for (long offset = 0; offset < header.byteSize(); offset++) {
            if (offset < checksumOffset || offset >= checksumOffset + Integer.BYTES) {
                sum += Byte.toUnsignedInt(header.get(ValueLayout.JAVA_BYTE, offset));
            }
        }
        int found = header.get(BigEndian.INT, checksumOffset);
        if (found != ~sum) {
            throw Fields.invalid("the " + what + " is damaged: its checksum is " + Integer.toUnsignedLong(found)
                    + "; its bytes have " + Integer.toUnsignedLong(~sum));
        }
    }
}
