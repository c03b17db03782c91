package io.cowslip.engine.foreign.format;

import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/** The checksum of VHDX's structures: CRC-32C of all bytes, with zeros in the place of the checksum itself. */
final class Crc32c {
    /** Where each structure has it. */
    static final int CHECKSUM_OFFSET = 4;

    private Crc32c() {}

    static boolean isRight(MemorySegment structure) {
        CRC32C crc = new CRC32C();
        crc.update(structure.asSlice(0, CHECKSUM_OFFSET).asByteBuffer());
        crc.update(new byte[Integer.BYTES]);
        crc.update(structure.asSlice(CHECKSUM_OFFSET + Integer.BYTES).asByteBuffer());
        return (int) crc.getValue() == structure.get(LittleEndian.INT, CHECKSUM_OFFSET);
    }
}
