package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;

/**
 * The header of a VMDK sparse extent (Virtual Disk Format 5.0, "Hosted Sparse Extents" and "Stream-Optimized Compressed
 * Sparse Extents"). A grain directory of 32-bit sector numbers leads to grain tables of the same, and these to grains.
 *
 * @param capacityBytes what the extent has of the disk
 * @param grainBytes size of a grain, a power of two
 * @param entriesPerTable entries of a grain table
 * @param directoryOffset where the grain directory is; -1: the footer tells
 * @param descriptorOffset where the descriptor is in the file; 0: it is a file of its own
 * @param descriptorBytes its longest length
 * @param zeroedGrains whether the entry {@link #ZERO} means a grain of zeros
 * @param compressed whether grains are compressed, each behind a marker
 */
public record VmdkSparseHeader(
        long capacityBytes,
        int grainBytes,
        int entriesPerTable,
        long directoryOffset,
        long descriptorOffset,
        int descriptorBytes,
        boolean zeroedGrains,
        boolean compressed) {
    public static final int BYTES = 512;

    /** An entry of a directory or a table that leads nowhere. */
    public static final int UNALLOCATED = 0;

    /** An entry of a table that stands for zeros, where {@link #zeroedGrains} says so. */
    public static final int ZERO = 1;

    /** How far before the end of a file its footer begins, behind which only the end marker is. */
    public static final int FOOTER_DISTANCE_BYTES = 1024;

    /** {@link #directoryOffset} where the footer tells. */
    public static final long AT_END = -1;

    /** The longest descriptor that is read. */
    public static final int MAX_DESCRIPTOR_BYTES = 256 << 10;

    private static final int MAGIC = 0x564d_444b;
    private static final int VERSION_OFFSET = 4;
    private static final int FLAGS_OFFSET = 8;
    private static final int CAPACITY_OFFSET = 12;
    private static final int GRAIN_SIZE_OFFSET = 20;
    private static final int DESCRIPTOR_OFFSET = 28;
    private static final int DESCRIPTOR_SIZE_OFFSET = 36;
    private static final int ENTRIES_OFFSET = 44;
    private static final int DIRECTORY_OFFSET = 56;
    private static final int LINE_ENDS_OFFSET = 73;
    private static final int COMPRESSION_OFFSET = 77;

    private static final int LINE_ENDS_ARE_VALID = 1;
    private static final int ZEROED_GRAINS = 1 << 2;
    private static final int COMPRESSED = 1 << 16;
    private static final int MARKERS = 1 << 17;
    private static final int LAST_VERSION = 3;
    private static final int DEFLATE = 1;
    private static final int LINE_ENDS = 0x0a0d_200a;

    private static final int MAX_GRAIN_BYTES = 1 << 20;
    private static final int MAX_ENTRIES_PER_TABLE = 1 << 16;
    private static final long MAX_CAPACITY_SECTORS = 1L << 42;

    /** Whether a file that starts so says that it is such an extent. */
    public static boolean hasMagic(MemorySegment start) {
        return start.byteSize() >= BYTES && start.get(LittleEndian.INT, 0) == MAGIC;
    }

    /**
     * Reads the header, or the footer, which is the same.
     *
     * @throws ImageException INVALID_FORMAT; UNSUPPORTED_FEATURE for other versions and compressions
     */
    public static VmdkSparseHeader parse(MemorySegment start) throws ImageException {
        if (!hasMagic(start)) {
            throw Fields.invalid("the file has no VMDK header");
        }
        int flags = start.get(LittleEndian.INT, FLAGS_OFFSET);
        requireSupported(start, flags);
        long capacitySectors = start.get(LittleEndian.LONG, CAPACITY_OFFSET);
        if (capacitySectors < 0 || capacitySectors > MAX_CAPACITY_SECTORS) {
            throw Fields.invalid("the capacity in sectors", capacitySectors, "at most " + MAX_CAPACITY_SECTORS);
        }
        return new VmdkSparseHeader(
                capacitySectors * Fields.SECTOR_BYTES,
                grainBytes(start),
                entriesPerTable(start),
                directoryOffset(start),
                descriptorOffset(start),
                descriptorBytes(start),
                (flags & ZEROED_GRAINS) != 0,
                (flags & COMPRESSED) != 0);
    }

    private static void requireSupported(MemorySegment start, int flags) throws ImageException {
        long version = Fields.unsignedInt(start, LittleEndian.INT, VERSION_OFFSET);
        if (version < 1 || version > LAST_VERSION) {
            throw Fields.unsupported(
                    "the VMDK version is " + version + "; versions 1 to " + LAST_VERSION + " are read");
        }
        if ((flags & LINE_ENDS_ARE_VALID) != 0 && start.get(LittleEndian.INT, LINE_ENDS_OFFSET) != LINE_ENDS) {
            throw Fields.invalid(
                    "the line ends in the VMDK header were changed, as when a file is transferred as text");
        }
        boolean compressed = (flags & COMPRESSED) != 0;
        int algorithm = Short.toUnsignedInt(start.get(LittleEndian.SHORT, COMPRESSION_OFFSET));
        if (compressed && (algorithm != DEFLATE || (flags & MARKERS) == 0)) {
            throw Fields.unsupported("the grains are compressed by algorithm " + algorithm
                    + ((flags & MARKERS) == 0 ? " without markers" : "") + "; deflate (1) with markers is read");
        }
    }

    private static int grainBytes(MemorySegment start) throws ImageException {
        long grainSectors = start.get(LittleEndian.LONG, GRAIN_SIZE_OFFSET);
        long mostSectors = MAX_GRAIN_BYTES / Fields.SECTOR_BYTES;
        if (!Fields.isPowerOfTwo(grainSectors) || grainSectors > mostSectors) {
            throw Fields.invalid("the grain size in sectors", grainSectors, "a power of two of at most " + mostSectors);
        }
        return (int) (grainSectors * Fields.SECTOR_BYTES);
    }

    private static int entriesPerTable(MemorySegment start) throws ImageException {
        long entries = Fields.unsignedInt(start, LittleEndian.INT, ENTRIES_OFFSET);
        if (entries < 1 || entries > MAX_ENTRIES_PER_TABLE) {
            throw Fields.invalid("the number of entries in a grain table", entries, "1 to " + MAX_ENTRIES_PER_TABLE);
        }
        return (int) entries;
    }

    private static long directoryOffset(MemorySegment start) throws ImageException {
        long sector = start.get(LittleEndian.LONG, DIRECTORY_OFFSET);
        return sector == AT_END ? AT_END : offset("the sector of the grain directory", sector);
    }

    private static long descriptorOffset(MemorySegment start) throws ImageException {
        return offset("the sector of the descriptor", start.get(LittleEndian.LONG, DESCRIPTOR_OFFSET));
    }

    private static int descriptorBytes(MemorySegment start) throws ImageException {
        long sectors = start.get(LittleEndian.LONG, DESCRIPTOR_SIZE_OFFSET);
        long mostSectors = MAX_DESCRIPTOR_BYTES / Fields.SECTOR_BYTES;
        if (sectors < 0 || sectors > mostSectors) {
            throw Fields.invalid("the size of the descriptor in sectors", sectors, "at most " + mostSectors);
        }
        return (int) (sectors * Fields.SECTOR_BYTES);
    }

    private static long offset(String field, long sector) throws ImageException {
        if (sector < 0 || sector > MAX_CAPACITY_SECTORS) {
            throw Fields.invalid(field, sector, "at most " + MAX_CAPACITY_SECTORS);
        }
        return sector * Fields.SECTOR_BYTES;
    }

    /** What a grain table maps. */
    public long tableCoversBytes() {
        return (long) grainBytes * entriesPerTable;
    }

    /** Refuses a directory that does not lie in the file. */
    public void requireDirectory(long fileSizeBytes) throws ImageException {
        long entries = Math.ceilDiv(capacityBytes, tableCoversBytes());
        Fields.requireTable("grain directory", directoryOffset, entries * Integer.BYTES, fileSizeBytes);
    }

    /** The byte of a file that a directory's or a table's entry leads to. */
    public static long hostOffset(int entry) {
        return Integer.toUnsignedLong(entry) * Fields.SECTOR_BYTES;
    }
}
