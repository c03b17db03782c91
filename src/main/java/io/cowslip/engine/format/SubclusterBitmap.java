package io.cowslip.engine.format;

/**
 * The second word of an extended L2 entry (qcow2 specification, "Subcluster Allocation Bitmap"): bits 0 to 31 say which
 * of the cluster's 32 subclusters are in its host cluster, bits 32 to 63 which read as zeros. A subcluster with neither
 * is the layer below's; one with both is corruption. Static functions over the bare {@code long}.
 */
public final class SubclusterBitmap {
    /** Subclusters in a cluster. */
    public static final int SUBCLUSTERS = 32;

    /** log2 of that. */
    public static final int SUBCLUSTERS_BITS = 5;

    /** Every subcluster is in the host cluster. */
    public static final long ALL_ALLOCATED = 0xFFFF_FFFFL;

    /** Every subcluster reads as zeros. */
    public static final long ALL_ZERO = ALL_ALLOCATED << SUBCLUSTERS;

    private SubclusterBitmap() {}

    /** The allocation bits alone, as bits 0 to 31. */
    public static long allocated(long bitmap) {
        return bitmap & ALL_ALLOCATED;
    }

    /** The zero bits alone, as bits 0 to 31. */
    public static long zero(long bitmap) {
        return bitmap >>> SUBCLUSTERS;
    }

    public static boolean isAllocated(long bitmap, int subcluster) {
        return (bitmap >>> subcluster & 1) != 0;
    }

    public static boolean isZero(long bitmap, int subcluster) {
        return (zero(bitmap) >>> subcluster & 1) != 0;
    }

    /** Whether no subcluster is said to be both. */
    public static boolean isValid(long bitmap) {
        return (allocated(bitmap) & zero(bitmap)) == 0;
    }

    /** How many subclusters from {@code first} on are in the same state as that. */
    public static int alikeFrom(long bitmap, int first) {
        long same = isAllocated(bitmap, first)
                ? allocated(bitmap)
                : isZero(bitmap, first) ? zero(bitmap) : ~(allocated(bitmap) | zero(bitmap));
        return Math.min(Long.numberOfTrailingZeros(~(same >>> first)), SUBCLUSTERS - first);
    }

    /** The bits of subclusters from {@code first} to before {@code end}, as bits 0 to 31. */
    public static long range(int first, int end) {
        return (ALL_ALLOCATED >>> (SUBCLUSTERS - (end - first))) << first;
    }

    /** The bitmap with the subclusters of {@code bits} in the host cluster. */
    public static long withAllocated(long bitmap, long bits) {
        return allocated(bitmap) | bits | (zero(bitmap) & ~bits) << SUBCLUSTERS;
    }

    /** The bitmap with the subclusters of {@code bits} reading as zeros. */
    public static long withZero(long bitmap, long bits) {
        return (allocated(bitmap) & ~bits) | (zero(bitmap) | bits) << SUBCLUSTERS;
    }
}
