package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;

/**
 * The header of a VirtualBox disk image of version 1.1: a table of 32-bit block numbers, and behind it the blocks, in any
 * order.
 *
 * @param virtualSizeBytes size of the disk
 * @param blockBytes size of a block, a power of two
 * @param blocks entries of the table
 * @param tableOffset where the table is
 * @param dataOffset where block 0 of the file is
 */
public record VdiHeader(long virtualSizeBytes, int blockBytes, long blocks, long tableOffset, long dataOffset) {
    /** Bytes that {@link #parse} wants. */
    public static final int BYTES = 512;

    /** An entry of a block that the disk never had. */
    public static final int UNALLOCATED = -1;

    /** An entry of a block that reads as zeros. */
    public static final int ZERO = -2;

    private static final int SIGNATURE = 0xbeda_107f;
    private static final int SIGNATURE_OFFSET = 0x40;
    private static final int VERSION_OFFSET = 0x44;
    private static final int VERSION_1_1 = 0x0001_0001;
    private static final int TYPE_OFFSET = 0x4c;
    private static final int TABLE_OFFSET = 0x154;
    private static final int DATA_OFFSET = 0x158;
    private static final int SECTOR_SIZE_OFFSET = 0x168;
    private static final int DISK_SIZE_OFFSET = 0x170;
    private static final int BLOCK_SIZE_OFFSET = 0x178;
    private static final int BLOCK_EXTRA_OFFSET = 0x17c;
    private static final int BLOCKS_OFFSET = 0x180;
    private static final int LINK_OFFSET = 0x1a8;
    private static final int PARENT_OFFSET = 0x1b8;

    private static final int TYPE_DYNAMIC = 1;
    private static final int TYPE_STATIC = 2;
    private static final int MIN_BLOCK_BYTES = 4096;
    private static final int MAX_BLOCK_BYTES = 256 << 20;

    /** Whether a file that starts so says that it is a VDI image. */
    public static boolean hasSignature(MemorySegment start) {
        return start.byteSize() >= BYTES && start.get(LittleEndian.INT, SIGNATURE_OFFSET) == SIGNATURE;
    }

    /**
     * Reads the header.
     *
     * @param start at least the first {@link #BYTES} of the file, where it has as many
     * @throws ImageException INVALID_FORMAT; UNSUPPORTED_FEATURE for other versions and for images with a parent
     */
    public static VdiHeader parse(MemorySegment start, long fileSizeBytes) throws ImageException {
        Fields.requireLength(start, BYTES, "VDI header");
        if (!hasSignature(start)) {
            throw Fields.invalid("the file has no VDI signature");
        }
        requireSupported(start);
        long blockBytes = Fields.unsignedInt(start, LittleEndian.INT, BLOCK_SIZE_OFFSET);
        long blocks = Fields.unsignedInt(start, LittleEndian.INT, BLOCKS_OFFSET);
        if (!Fields.isPowerOfTwo(blockBytes) || blockBytes < MIN_BLOCK_BYTES || blockBytes > MAX_BLOCK_BYTES) {
            throw Fields.invalid(
                    "the block size", blockBytes, "a power of two from " + MIN_BLOCK_BYTES + " to " + MAX_BLOCK_BYTES);
        }
        long tableOffset = Fields.unsignedInt(start, LittleEndian.INT, TABLE_OFFSET);
        Fields.requireTable("block table", tableOffset, blocks * Integer.BYTES, fileSizeBytes);
        return new VdiHeader(
                size(start, blocks * blockBytes), (int) blockBytes, blocks, tableOffset, dataOffset(start));
    }

    private static void requireSupported(MemorySegment start) throws ImageException {
        int version = start.get(LittleEndian.INT, VERSION_OFFSET);
        if (version != VERSION_1_1) {
            throw Fields.unsupported(
                    "the VDI version is " + (version >>> 16) + "." + (version & 0xffff) + "; version 1.1 is read");
        }
        int type = start.get(LittleEndian.INT, TYPE_OFFSET);
        if ((type != TYPE_DYNAMIC && type != TYPE_STATIC)
                || !isNull(start, LINK_OFFSET)
                || !isNull(start, PARENT_OFFSET)) {
            throw Fields.unsupported("the VDI image is of type " + Integer.toUnsignedLong(type)
                    + " or has a parent; dynamic (1) and static (2) images without one are read");
        }
        long sectorBytes = Fields.unsignedInt(start, LittleEndian.INT, SECTOR_SIZE_OFFSET);
        if (sectorBytes != Fields.SECTOR_BYTES) {
            throw Fields.invalid("the sector size", sectorBytes, "512");
        }
        long extraBytes = Fields.unsignedInt(start, LittleEndian.INT, BLOCK_EXTRA_OFFSET);
        if (extraBytes != 0) {
            throw Fields.invalid("the extra space of a block", extraBytes, "0");
        }
    }

    private static boolean isNull(MemorySegment start, long uuidOffset) {
        return (start.get(LittleEndian.LONG, uuidOffset) | start.get(LittleEndian.LONG, uuidOffset + Long.BYTES)) == 0;
    }

    /** VirtualBox makes disks of any size; what is left of a sector at the end counts as a whole one, as in QEMU. */
    private static long size(MemorySegment start, long mappedBytes) throws ImageException {
        long sizeBytes = start.get(LittleEndian.LONG, DISK_SIZE_OFFSET);
        if (sizeBytes < 0 || sizeBytes > mappedBytes) {
            throw Fields.invalid("the disk size", sizeBytes, "at most the " + mappedBytes + " bytes of all blocks");
        }
        return (sizeBytes + Fields.SECTOR_BYTES - 1) & -Fields.SECTOR_BYTES;
    }

    private static long dataOffset(MemorySegment start) throws ImageException {
        long dataOffset = Fields.unsignedInt(start, LittleEndian.INT, DATA_OFFSET);
        if (dataOffset < Fields.SECTOR_BYTES || dataOffset % Fields.SECTOR_BYTES != 0) {
            throw Fields.invalid("the place of the blocks", dataOffset, "a multiple of 512 behind the header");
        }
        return dataOffset;
    }

    /** Where the block of a table's entry is, which is neither {@link #UNALLOCATED} nor {@link #ZERO}. */
    public long hostOffset(int entry) {
        return dataOffset + Integer.toUnsignedLong(entry) * blockBytes;
    }
}
