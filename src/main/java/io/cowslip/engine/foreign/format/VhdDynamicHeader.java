package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BigEndian;
import java.lang.foreign.MemorySegment;

/**
 * The second header of a dynamic VHD image (Virtual Hard Disk Image Format Specification, "Dynamic Disk Header Format"): a
 * table of 32-bit sector numbers, each leading to a block, which begins with a bitmap of its sectors.
 *
 * @param tableOffset where the table is
 * @param blocks entries of the table
 * @param blockBytes size of a block without its bitmap, a power of two
 */
public record VhdDynamicHeader(long tableOffset, long blocks, int blockBytes) {
    public static final int BYTES = 1024;

    /** An entry of a block that the disk never had. */
    public static final int UNALLOCATED = -1;

    private static final long COOKIE = 0x6378_7370_6172_7365L;
    private static final int TABLE_OFFSET = 16;
    private static final int VERSION_OFFSET = 24;
    private static final int BLOCKS_OFFSET = 28;
    private static final int BLOCK_SIZE_OFFSET = 32;
    private static final int CHECKSUM_OFFSET = 36;
    private static final int VERSION_1 = 0x0001_0000;
    private static final int MAX_BLOCK_BYTES = 1 << 30;

    /**
     * Reads the header.
     *
     * @throws ImageException INVALID_FORMAT
     */
    public static VhdDynamicHeader parse(MemorySegment header, long virtualSizeBytes, long fileSizeBytes)
            throws ImageException {
        Fields.requireLength(header, BYTES, "dynamic disk header");
        if (header.get(BigEndian.LONG, 0) != COOKIE) {
            throw Fields.invalid("the footer leads to no dynamic disk header");
        }
        Checksums.require("dynamic disk header", header.asSlice(0, BYTES), CHECKSUM_OFFSET);
        int version = header.get(BigEndian.INT, VERSION_OFFSET);
        if (version != VERSION_1) {
            throw Fields.unsupported("the version of the dynamic disk header is " + (version >>> 16) + "."
                    + (version & 0xffff) + "; version 1.0 is read");
        }
        long blockBytes = Fields.unsignedInt(header, BigEndian.INT, BLOCK_SIZE_OFFSET);
        if (!Fields.isPowerOfTwo(blockBytes) || blockBytes < Fields.SECTOR_BYTES || blockBytes > MAX_BLOCK_BYTES) {
            throw Fields.invalid("the block size", blockBytes, "a power of two from 512 to " + MAX_BLOCK_BYTES);
        }
        long blocks = Fields.unsignedInt(header, BigEndian.INT, BLOCKS_OFFSET);
        if (blocks * blockBytes < virtualSizeBytes) {
            throw Fields.invalid(
                    "the number of blocks", blocks, "enough for the disk of " + virtualSizeBytes + " bytes");
        }
        long tableOffset = header.get(BigEndian.LONG, TABLE_OFFSET);
        Fields.requireTable("block table", tableOffset, blocks * Integer.BYTES, fileSizeBytes);
        return new VhdDynamicHeader(tableOffset, blocks, (int) blockBytes);
    }

    /** Where the data of a table's entry is, which is not {@link #UNALLOCATED}: behind the bitmap, of whole sectors. */
    public long hostOffset(int entry) {
        long bitmapBytes = Math.ceilDiv(blockBytes / Fields.SECTOR_BYTES, Byte.SIZE);
        long bitmapSectors = Math.ceilDiv(bitmapBytes, Fields.SECTOR_BYTES);
        return (Integer.toUnsignedLong(entry) + bitmapSectors) * Fields.SECTOR_BYTES;
    }
}
