package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/**
 * What the metadata region of a VHDX image says ([MS-VHDX], "Metadata Region").
 *
 * @param virtualSizeBytes size of the disk
 * @param blockBytes size of a payload block, a power of two
 * @param logicalSectorBytes 512 or 4096
 */
public record VhdxMetadata(long virtualSizeBytes, int blockBytes, int logicalSectorBytes) {
    /** Bytes of the table that leads to the items. */
    public static final int TABLE_BYTES = 64 << 10;

    /** Bytes of an item that {@link Items} are read by: none that matters is longer. */
    public static final int ITEM_BYTES = 8;

    private static final long SIGNATURE = 0x6174_6164_6174_656dL;
    private static final int COUNT_OFFSET = 10;
    private static final int ENTRY_BYTES = 32;
    private static final int MAX_ENTRIES = 2047;
    private static final int FLAGS_OFFSET = 24;
    private static final int REQUIRED = 1 << 2;

    private static final Guid FILE_PARAMETERS = Guid.of("CAA16737-FA36-4D43-B3B6-33F0AA44E76B");
    private static final Guid VIRTUAL_DISK_SIZE = Guid.of("2FA54224-CD1B-4876-B211-5DBED83BF4B8");
    private static final Guid LOGICAL_SECTOR_SIZE = Guid.of("8141BF1D-A96F-4709-BA47-F233A8FAAB5F");

    /** Known, but of no matter to a reader; the last one is the parent's, which {@link #HAS_PARENT} tells of. */
    private static final Set<Guid> OTHERS = Set.of(
            Guid.of("BECA12AB-B2E6-4523-93EF-C309E000C746"),
            Guid.of("CDA348C7-445D-4471-9CC9-E9885251C556"),
            Guid.of("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C"));

    private static final int HAS_PARENT = 2;
    private static final long MIN_BLOCK_BYTES = 1 << 20;
    private static final long MAX_BLOCK_BYTES = 256 << 20;
    private static final long MAX_SIZE_BYTES = 64L << 40;

    /** What a block with a bitmap has bits for. */
    private static final long SECTORS_PER_BITMAP = 1L << 23;

    /** Where the items are, as offsets in the region. */
    public record Items(long fileParameters, long virtualDiskSize, long logicalSectorSize) {

        /**
         * Reads the table.
         *
         * @param table the region's first {@link #TABLE_BYTES}, or what the file has of them
         * @throws ImageException INVALID_FORMAT; UNSUPPORTED_FEATURE for items that are required and not known
         */
        public static Items parse(MemorySegment table, long regionBytes) throws ImageException {
            Fields.requireLength(table, TABLE_BYTES, "VHDX metadata table");
            int count = Short.toUnsignedInt(table.get(LittleEndian.SHORT, COUNT_OFFSET));
            if (table.get(LittleEndian.LONG, 0) != SIGNATURE || count > MAX_ENTRIES) {
                throw Fields.invalid("the VHDX metadata table is damaged");
            }
            long fileParameters = 0;
            long virtualDiskSize = 0;
            long logicalSectorSize = 0;
            for (int index = 1; index <= count; index++) {
                MemorySegment entry = table.asSlice((long) index * ENTRY_BYTES, ENTRY_BYTES);
                Guid item = Guid.at(entry, 0);
                if (item.equals(FILE_PARAMETERS)) {
                    fileParameters = place(entry, regionBytes);
                } else if (item.equals(VIRTUAL_DISK_SIZE)) {
                    virtualDiskSize = place(entry, regionBytes);
                } else if (item.equals(LOGICAL_SECTOR_SIZE)) {
                    logicalSectorSize = place(entry, regionBytes);
                } else if ((entry.get(LittleEndian.INT, FLAGS_OFFSET) & REQUIRED) != 0 && !OTHERS.contains(item)) {
                    throw Fields.unsupported("the VHDX image has metadata that is required and not known");
                }
            }
            if (fileParameters == 0 || virtualDiskSize == 0 || logicalSectorSize == 0) {
                throw Fields.invalid("the VHDX metadata has no block size, no disk size or no sector size");
            }
            return new Items(fileParameters, virtualDiskSize, logicalSectorSize);
        }

        private static long place(MemorySegment entry, long regionBytes) throws ImageException {
            long offset = Fields.unsignedInt(entry, LittleEndian.INT, Guid.BYTES);
            if (offset < TABLE_BYTES || offset > regionBytes - ITEM_BYTES) {
                throw Fields.invalid("the place of a VHDX metadata item", offset, "in the region, behind its table");
            }
            return offset;
        }
    }

    /**
     * Reads the items, each of {@link #ITEM_BYTES}.
     *
     * @throws ImageException INVALID_FORMAT; UNSUPPORTED_FEATURE for an image with a parent
     */
    public static VhdxMetadata parse(
            MemorySegment fileParameters, MemorySegment virtualDiskSize, MemorySegment logicalSectorSize)
            throws ImageException {
        Fields.requireLength(fileParameters, ITEM_BYTES, "VHDX file parameters");
        Fields.requireLength(virtualDiskSize, ITEM_BYTES, "VHDX disk size");
        Fields.requireLength(logicalSectorSize, ITEM_BYTES, "VHDX sector size");
        if ((fileParameters.get(LittleEndian.INT, Integer.BYTES) & HAS_PARENT) != 0) {
            throw Fields.unsupported("the VHDX image is a differencing one: it stands on a parent, which is not read;"
                    + " merge it into its parent first");
        }
        long blockBytes = Fields.unsignedInt(fileParameters, LittleEndian.INT, 0);
        if (!Fields.isPowerOfTwo(blockBytes) || blockBytes < MIN_BLOCK_BYTES || blockBytes > MAX_BLOCK_BYTES) {
            throw Fields.invalid(
                    "the block size", blockBytes, "a power of two from " + MIN_BLOCK_BYTES + " to " + MAX_BLOCK_BYTES);
        }
        long sectorBytes = Fields.unsignedInt(logicalSectorSize, LittleEndian.INT, 0);
        if (sectorBytes != 512 && sectorBytes != 4096) {
            throw Fields.invalid("the logical sector size", sectorBytes, "512 or 4096");
        }
        long sizeBytes = virtualDiskSize.get(LittleEndian.LONG, 0);
        if (sizeBytes < 0 || sizeBytes > MAX_SIZE_BYTES || sizeBytes % sectorBytes != 0) {
            throw Fields.invalid("the disk size", sizeBytes, "whole sectors, and at most " + MAX_SIZE_BYTES);
        }
        return new VhdxMetadata(sizeBytes, (int) blockBytes, (int) sectorBytes);
    }

    /** Payload blocks that one block with a bitmap of sectors stands for, whose entry comes after theirs in the table. */
    public long blocksPerBitmap() {
        return SECTORS_PER_BITMAP * logicalSectorBytes / blockBytes;
    }

    /** Where in the table of 64-bit entries a payload block has its entry. */
    public long entryIndex(long block) {
        return block + block / blocksPerBitmap();
    }

    /** Refuses a table that is too short for the disk. */
    public void requireTable(VhdxRegions.Region table) throws ImageException {
        long blocks = Math.ceilDiv(virtualSizeBytes, blockBytes);
        long neededBytes = blocks == 0 ? 0 : (entryIndex(blocks - 1) + 1) * Long.BYTES;
        if (table.lengthBytes() < neededBytes) {
            throw Fields.invalid(
                    "the length of the block allocation table",
                    table.lengthBytes(),
                    "at least " + neededBytes + " for the disk of " + virtualSizeBytes + " bytes");
        }
    }
}
