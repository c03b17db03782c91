package io.cowslip.engine.format;

/**
 * Every shift and mask of one image, computed once: clusters, tables, refcount blocks, and the format's limits.
 *
 * @param clusterBits log2 of the cluster size in bytes, 9 to 21
 * @param virtualSizeBytes size of the guest's disk
 * @param refcountOrder log2 of the width of a refcount in bits, 0 to 6
 * @param extendedL2 whether L2 entries are 16 bytes, with a subcluster bitmap
 */
public record ImageGeometry(int clusterBits, long virtualSizeBytes, int refcountOrder, boolean extendedL2) {

    public static final int MIN_CLUSTER_BITS = 9;
    public static final int MAX_CLUSTER_BITS = 21;

    /** Subclusters have a sector at least (qcow2 specification, "Extended L2 Entries"). */
    public static final int EXTENDED_L2_MIN_CLUSTER_BITS = 14;

    /** Host offsets have 56 bits (qcow2 specification, "L1 table entry"). */
    public static final long MAX_HOST_OFFSET = 1L << 56;

    /** The longest L1 table that QEMU opens, in bytes. */
    public static final long MAX_L1_BYTES = 32L << 20;

    /** The longest refcount table that QEMU opens, in bytes. */
    public static final long MAX_REFCOUNT_TABLE_BYTES = 8L << 20;

    /** The same image with a disk of another size. */
    public ImageGeometry withVirtualSizeBytes(long otherVirtualSizeBytes) {
        return new ImageGeometry(clusterBits, otherVirtualSizeBytes, refcountOrder, extendedL2);
    }

    public int clusterBytes() {
        return 1 << clusterBits;
    }

    /** Bytes of an L2 entry: 8, or 16 with subclusters. */
    public int l2EntryBytes() {
        return extendedL2 ? 16 : 8;
    }

    /** log2 of the bytes of a subcluster, of which a cluster has 32 where L2 entries are extended. */
    public int subclusterBits() {
        return clusterBits - SubclusterBitmap.SUBCLUSTERS_BITS;
    }

    /** Which of its cluster's subclusters {@code offset} lies in. */
    public int subcluster(long offset) {
        return (int) (offsetInCluster(offset) >>> subclusterBits());
    }

    private int l2EntryShift() {
        return extendedL2 ? 4 : 3;
    }

    /** log2 of the number of entries in an L2 table. */
    public int l2EntriesPerTableBits() {
        return clusterBits - l2EntryShift();
    }

    /** log2 of the number of entries in a piece of an L2 table of {@code sliceBytes}. */
    public int l2EntriesPerSliceBits(int sliceBytes) {
        return Integer.numberOfTrailingZeros(sliceBytes) - l2EntryShift();
    }

    /** Clusters of the guest's disk; the last may be partly beyond its end. */
    public long guestClusters() {
        return ceilingShift(virtualSizeBytes, clusterBits);
    }

    /** L1 entries that the disk needs. The table in the file may be longer. */
    public int l1EntriesNeeded() {
        return Math.toIntExact(ceilingShift(guestClusters(), l2EntriesPerTableBits()));
    }

    /** Guest bytes that one L2 table maps. */
    public long guestBytesPerTable() {
        return 1L << (clusterBits + l2EntriesPerTableBits());
    }

    /** log2 of the number of counts in a refcount block. */
    public int refcountsPerBlockBits() {
        return clusterBits + 3 - refcountOrder;
    }

    public long offsetInCluster(long offset) {
        return offset & (clusterBytes() - 1L);
    }

    public long clusterStart(long offset) {
        return offset & -(long) clusterBytes();
    }

    /** Bytes rounded up to whole clusters. */
    public long roundUpToCluster(long bytes) {
        return ceilingShift(bytes, clusterBits) << clusterBits;
    }

    /** Bytes rounded up to whole subclusters. */
    public long roundUpToSubcluster(long bytes) {
        return ceilingShift(bytes, subclusterBits()) << subclusterBits();
    }

    private static long ceilingShift(long value, int shift) {
        return (value >>> shift) + ((value & ((1L << shift) - 1)) == 0 ? 0 : 1);
    }
}
