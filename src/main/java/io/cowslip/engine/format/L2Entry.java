package io.cowslip.engine.format;

/**
 * Entries of L2 tables without subclusters (qcow2 specification, "L2 table entry"): where a guest cluster lies. Static
 * functions over the bare {@code long}, for the read path makes no objects.
 *
 * <p>0 is a cluster that is not allocated. Otherwise {@link #isCompressed} tells which of the two layouts the other
 * functions apply to.
 */
public final class L2Entry {
    /** The refcount of the cluster is exactly 1, so it may be written in place. Never set on compressed clusters. */
    public static final long COPIED = 1L << 63;

    public static final long COMPRESSED = 1L << 62;

    /** The cluster reads as zeros, whether it has a host cluster or not. Version 3 only. */
    public static final long ZERO = 1;

    /** Host offset of a cluster that is not compressed: bits 9 to 55. */
    public static final long OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00L;

    /** Compressed clusters are placed to the byte, but their length is counted in sectors of so many bytes. */
    public static final int COMPRESSED_SECTOR_BYTES = 512;

    private static final int COMPRESSED_DESCRIPTOR_BITS = 62;

    private L2Entry() {}

    public static boolean isCompressed(long entry) {
        return (entry & COMPRESSED) != 0;
    }

    public static boolean isCopied(long entry) {
        return (entry & COPIED) != 0;
    }

    /** Whether the cluster reads as zeros. Not for compressed entries, where this bit is part of the offset. */
    public static boolean isZero(long entry) {
        return (entry & ZERO) != 0;
    }

    /** Host offset of a cluster that is not compressed; 0 when it has none. */
    public static long hostOffset(long entry) {
        return entry & OFFSET_MASK;
    }

    /** Whether all bits that must be 0 are, in an entry that is not compressed. Version 2 has no zero flag. */
    public static boolean reservedBitsAreClear(long entry, int version) {
        long allowed = version == 2 ? COPIED | OFFSET_MASK : COPIED | OFFSET_MASK | ZERO;
        return (entry & ~allowed) == 0;
    }

    /** The entry for a data cluster that nothing else refers to. */
    public static long ofCopiedData(long hostOffset) {
        return hostOffset | COPIED;
    }

    /** Host offset, to the byte, of a compressed cluster's data. */
    public static long compressedHostOffset(long entry, int clusterBits) {
        return entry & ((1L << compressedOffsetBits(clusterBits)) - 1);
    }

    /** Sectors that a compressed cluster's data touches, the first one included. */
    public static int compressedSectors(long entry, int clusterBits) {
        int offsetBits = compressedOffsetBits(clusterBits);
        long additional = (entry & (COMPRESSED - 1)) >>> offsetBits;
        return (int) additional + 1;
    }

    /**
     * The most bytes that a compressed cluster's data can have: from its offset to the end of its last sector. What
     * follows the data there belongs to other clusters, or lies past the end of the file.
     */
    public static int compressedPayloadBytes(long entry, int clusterBits) {
        int offsetInSector = (int) (compressedHostOffset(entry, clusterBits) & (COMPRESSED_SECTOR_BYTES - 1));
        return compressedSectors(entry, clusterBits) * COMPRESSED_SECTOR_BYTES - offsetInSector;
    }

    /** The entry for compressed data of {@code lengthBytes} at {@code hostOffset}. */
    public static long ofCompressed(long hostOffset, int lengthBytes, int clusterBits) {
        long lastSector = (hostOffset + lengthBytes - 1) / COMPRESSED_SECTOR_BYTES;
        long additional = lastSector - hostOffset / COMPRESSED_SECTOR_BYTES;
        return COMPRESSED | additional << compressedOffsetBits(clusterBits) | hostOffset;
    }

    /** Whether an entry can say how many sectors compressed data of {@code lengthBytes} at {@code hostOffset} touches. */
    public static boolean isCompressedLength(long hostOffset, int lengthBytes, int clusterBits) {
        long additional =
                (hostOffset + lengthBytes - 1) / COMPRESSED_SECTOR_BYTES - hostOffset / COMPRESSED_SECTOR_BYTES;
        return additional < 1L << (COMPRESSED_DESCRIPTOR_BITS - compressedOffsetBits(clusterBits));
    }

    /** End of what compressed clusters can lie in: their entries have less bits for the offset than others. */
    public static long compressedHostLimit(int clusterBits) {
        return 1L << compressedOffsetBits(clusterBits);
    }

    private static int compressedOffsetBits(int clusterBits) {
        return COMPRESSED_DESCRIPTOR_BITS - (clusterBits - 8);
    }
}
