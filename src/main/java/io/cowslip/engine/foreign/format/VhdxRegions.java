package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Where a VHDX image has its block allocation table and its metadata ([MS-VHDX], "Region Table"). The table of regions is
 * there twice.
 */
public record VhdxRegions(Region blockTable, Region metadata) {
    /** Where the tables of regions are. */
    public static final long FIRST_OFFSET = 192 << 10;

    public static final long SECOND_OFFSET = 256 << 10;

    public static final int BYTES = 64 << 10;

    private static final int SIGNATURE = 0x6967_6572;
    private static final int COUNT_OFFSET = 8;
    private static final int FIRST_ENTRY_OFFSET = 16;
    private static final int ENTRY_BYTES = 32;
    private static final int MAX_ENTRIES = 2047;
    private static final int REQUIRED = 1;
    private static final long MIB = 1 << 20;

    private static final Guid BLOCK_TABLE = Guid.of("2DC27766-F623-4200-9D64-115E9BFD4A08");
    private static final Guid METADATA = Guid.of("8B7CA206-4790-4B9A-B8FE-575F050F886E");

    /** A region: whole MiB of the file. */
    public record Region(long hostOffset, long lengthBytes) {}

    /**
     * Reads the first of the tables that is sound.
     *
     * @param first {@link #BYTES} from {@link #FIRST_OFFSET} on, or what the file has of them
     * @param second the same from {@link #SECOND_OFFSET} on
     * @throws ImageException INVALID_FORMAT; UNSUPPORTED_FEATURE for regions that are required and not known
     */
    public static VhdxRegions parse(MemorySegment first, MemorySegment second, long fileSizeBytes)
            throws ImageException {
        if (isSound(first)) {
            return parse(first, fileSizeBytes);
        }
        if (isSound(second)) {
            return parse(second, fileSizeBytes);
        }
        throw Fields.invalid("both VHDX region tables are damaged");
    }

    private static boolean isSound(MemorySegment table) {
        return table.byteSize() == BYTES
                && table.get(LittleEndian.INT, 0) == SIGNATURE
                && Fields.unsignedInt(table, LittleEndian.INT, COUNT_OFFSET) <= MAX_ENTRIES
                && Crc32c.isRight(table);
    }

    private static VhdxRegions parse(MemorySegment table, long fileSizeBytes) throws ImageException {
        Region blockTable = null;
        Region metadata = null;
        int count = table.get(LittleEndian.INT, COUNT_OFFSET);
        for (int index = 0; index < count; index++) {
            MemorySegment entry = table.asSlice(FIRST_ENTRY_OFFSET + (long) index * ENTRY_BYTES, ENTRY_BYTES);
            Guid kind = Guid.at(entry, 0);
            if (kind.equals(BLOCK_TABLE)) {
                blockTable = region("block allocation table", entry, blockTable, fileSizeBytes);
            } else if (kind.equals(METADATA)) {
                metadata = region("metadata region", entry, metadata, fileSizeBytes);
            } else if ((entry.get(LittleEndian.INT, 28) & REQUIRED) != 0) {
                throw Fields.unsupported("the VHDX image has a region that is required and not known");
            }
        }
        if (blockTable == null || metadata == null) {
            throw Fields.invalid("the VHDX region table has no block allocation table or no metadata");
        }
        return new VhdxRegions(blockTable, metadata);
    }

    private static Region region(String what, MemorySegment entry, @Nullable Region before, long fileSizeBytes)
            throws ImageException {
        if (before != null) {
            throw Fields.invalid("the VHDX region table has two entries for the " + what);
        }
        long hostOffset = entry.get(LittleEndian.LONG, Guid.BYTES);
        long lengthBytes = Fields.unsignedInt(entry, LittleEndian.INT, Guid.BYTES + Long.BYTES);
        if (hostOffset < MIB || hostOffset % MIB != 0 || lengthBytes == 0 || hostOffset > fileSizeBytes - lengthBytes) {
            throw Fields.invalid("the " + what + " of " + lengthBytes + " bytes at "
                    + Long.toUnsignedString(hostOffset) + " must begin at a MiB and lie in the file, which has "
                    + fileSizeBytes + " bytes");
        }
        return new Region(hostOffset, lengthBytes);
    }
}
