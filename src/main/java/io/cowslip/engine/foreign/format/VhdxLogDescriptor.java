package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A descriptor in an entry of a VHDX log: of zeros, or of a sector of data ([MS-VHDX], "Log Entry"). */
final class VhdxLogDescriptor {
    static final int BYTES = 32;

    private static final int ZEROS = 0x6f72_657a;
    private static final int DATA = 0x6373_6564;
    private static final int DATA_SECTOR = 0x6174_6164;
    private static final int TRAILING_OFFSET = 4;
    private static final int LENGTH_OR_LEADING_OFFSET = 8;
    private static final int HOST_OFFSET = 16;
    private static final int SEQUENCE_OFFSET = 24;
    private static final int LEADING_BYTES = 8;
    private static final int TRAILING_BYTES = 4;

    private VhdxLogDescriptor() {}

    /** Applies a descriptor of zeros; returns false for one of data. */
    static boolean apply(MemorySegment descriptor, long sequence, VhdxReplay replay) throws ImageException {
        int kind = descriptor.get(LittleEndian.INT, 0);
        if ((kind != ZEROS && kind != DATA) || descriptor.get(LittleEndian.LONG, SEQUENCE_OFFSET) != sequence) {
            throw Fields.invalid("a descriptor in the VHDX log is damaged");
        }
        if (kind == ZEROS) {
            replay.zero(hostOffset(descriptor), descriptor.get(LittleEndian.LONG, LENGTH_OR_LEADING_OFFSET));
        }
        return kind == ZEROS;
    }

    /** Applies a descriptor of data. The first bytes and the last of the sector are in the descriptor. */
    static void applyData(MemorySegment descriptor, long sequence, MemorySegment dataSector, VhdxReplay replay)
            throws ImageException {
        if (dataSector.get(LittleEndian.INT, 0) != DATA_SECTOR
                || dataSector.get(LittleEndian.INT, TRAILING_OFFSET) != (int) (sequence >>> 32)
                || dataSector.get(LittleEndian.INT, VhdxLog.SECTOR_BYTES - TRAILING_BYTES) != (int) sequence) {
            throw Fields.invalid("a data sector in the VHDX log is damaged");
        }
        byte[] sector = dataSector.toArray(ValueLayout.JAVA_BYTE);
        MemorySegment whole = MemorySegment.ofArray(sector);
        MemorySegment.copy(descriptor, LENGTH_OR_LEADING_OFFSET, whole, 0, LEADING_BYTES);
        MemorySegment.copy(descriptor, TRAILING_OFFSET, whole, VhdxLog.SECTOR_BYTES - TRAILING_BYTES, TRAILING_BYTES);
        replay.put(hostOffset(descriptor), sector);
    }

    private static long hostOffset(MemorySegment descriptor) {
        return descriptor.get(LittleEndian.LONG, HOST_OFFSET);
    }
}
