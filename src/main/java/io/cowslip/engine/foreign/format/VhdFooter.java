package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BigEndian;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/**
 * The sector that ends every VHD image, and of which a dynamic one has a copy at its start (Virtual Hard Disk Image Format
 * Specification, "Hard Disk Footer Format"). QEMU calls the format vpc.
 *
 * @param fixed whether the rest of the file is the disk as it is
 * @param virtualSizeBytes size of the disk
 * @param headerOffset where a dynamic image has its second header
 */
public record VhdFooter(boolean fixed, long virtualSizeBytes, long headerOffset) {
    public static final int BYTES = 512;

    private static final long COOKIE = 0x636f_6e65_6374_6978L;
    private static final int VERSION_OFFSET = 12;
    private static final int HEADER_OFFSET = 16;
    private static final int CREATOR_OFFSET = 28;
    private static final int CREATOR_BYTES = 4;
    private static final int CURRENT_SIZE_OFFSET = 48;
    private static final int CYLINDERS_OFFSET = 56;
    private static final int HEADS_OFFSET = 58;
    private static final int SECTORS_PER_TRACK_OFFSET = 59;
    private static final int TYPE_OFFSET = 60;
    private static final int CHECKSUM_OFFSET = 64;

    private static final int TYPE_FIXED = 2;
    private static final int TYPE_DYNAMIC = 3;
    private static final int TYPE_DIFFERENCING = 4;

    /** The largest geometry there is: a disk that has it may be larger. */
    private static final long LARGEST_GEOMETRY = 65535L * 16 * 255;

    /** Programs whose disks have the size that is written, whatever the geometry comes to. All others' have the latter. */
    private static final Set<String> SIZES_AS_WRITTEN = Set.of("win ", "qem2", "d2v ", "tap\0", "CTXS", "wa\0\0");

    /** Whether this sector says that it is such a footer. */
    public static boolean hasCookie(MemorySegment sector) {
        return sector.byteSize() >= BYTES && sector.get(BigEndian.LONG, 0) == COOKIE;
    }

    /**
     * Reads the sector.
     *
     * @throws ImageException INVALID_FORMAT; UNSUPPORTED_FEATURE for differencing images and other versions
     */
    public static VhdFooter parse(MemorySegment sector) throws ImageException {
        if (!hasCookie(sector)) {
            throw Fields.invalid("the file neither starts nor ends with a VHD footer");
        }
        Checksums.require("VHD footer", sector.asSlice(0, BYTES), CHECKSUM_OFFSET);
        int version = sector.get(BigEndian.INT, VERSION_OFFSET);
        if (version >>> 16 != 1) {
            throw Fields.unsupported(
                    "the VHD version is " + (version >>> 16) + "." + (version & 0xffff) + "; version 1 is read");
        }
        int type = sector.get(BigEndian.INT, TYPE_OFFSET);
        if (type == TYPE_DIFFERENCING) {
            throw Fields.unsupported("the VHD image is a differencing one: it stands on a parent, which is not read;"
                    + " merge it into its parent first");
        }
        if (type != TYPE_FIXED && type != TYPE_DYNAMIC) {
            throw Fields.invalid("the VHD disk type", Integer.toUnsignedLong(type), "2 (fixed) or 3 (dynamic)");
        }
        return new VhdFooter(type == TYPE_FIXED, size(sector), sector.get(BigEndian.LONG, HEADER_OFFSET));
    }

    /** As QEMU has it: the size of a disk goes by its geometry unless the program that made it is known to mean the other. */
    private static long size(MemorySegment sector) throws ImageException {
        byte[] creator = sector.asSlice(CREATOR_OFFSET, CREATOR_BYTES).toArray(ValueLayout.JAVA_BYTE);
        long geometrySectors = Short.toUnsignedLong(sector.get(BigEndian.SHORT, CYLINDERS_OFFSET))
                * Byte.toUnsignedLong(sector.get(ValueLayout.JAVA_BYTE, HEADS_OFFSET))
                * Byte.toUnsignedLong(sector.get(ValueLayout.JAVA_BYTE, SECTORS_PER_TRACK_OFFSET));
        if (geometrySectors < LARGEST_GEOMETRY
                && !SIZES_AS_WRITTEN.contains(new String(creator, StandardCharsets.ISO_8859_1))) {
            return geometrySectors * Fields.SECTOR_BYTES;
        }
        long sizeBytes = sector.get(BigEndian.LONG, CURRENT_SIZE_OFFSET);
        if (sizeBytes < 0 || sizeBytes > 1L << 50) {
            throw Fields.invalid("the disk size", sizeBytes, "at most 2 to the power of 50");
        }
        return sizeBytes & -Fields.SECTOR_BYTES;
    }
}
