package io.cowslip.engine.cache;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;
import org.jspecify.annotations.Nullable;

/**
 * What the cache options of one layer come to: the effective sizes of its two caches.
 *
 * <p>The rules are QEMU's (its {@code docs/qcow2-cache.txt}, and measured where that is silent): sizes need be multiples
 * of nothing and are rounded down to whole entries, and each cache has a least number of entries, whatever the options
 * say. The L2 cache gets no more than maps the whole disk, unless it is what {@code cache-size} leaves over.
 *
 * @param l2EntryBytes bytes of an L2 slice
 * @param l2Entries how many L2 slices fit
 * @param refcountEntryBytes bytes of a refcount block: a cluster
 * @param refcountEntries how many refcount blocks fit
 * @param l2Packed whether L2 slices are held in the smallest form that says the same
 */
public record CacheBudget(
        int l2EntryBytes, int l2Entries, int refcountEntryBytes, int refcountEntries, boolean l2Packed) {
    private static final String L2_CACHE_SIZE = "l2-cache-size";
    private static final String L2_CACHE_ENTRY_SIZE = "l2-cache-entry-size";
    private static final String REFCOUNT_CACHE_SIZE = "refcount-cache-size";
    private static final String CACHE_SIZE = "cache-size";

    /** QEMU's default on Linux. */
    private static final long DEFAULT_MAX_L2_BYTES = 32L << 20;

    private static final int DEFAULT_PARTIAL_ENTRY_BYTES = 4096;
    private static final int MIN_ENTRY_BYTES = 512;

    /** Copying an L2 table needs the old and the new slice at once. */
    private static final int MIN_L2_ENTRIES = 2;

    /** Growing the refcount table touches up to four blocks at once. */
    private static final int MIN_REFCOUNT_ENTRIES = 4;

    /**
     * The most bytes of one cache: 64 GiB. Caches are reserved whole as address space when an image opens; QEMU lets
     * that fail for want of memory, here a size beyond all reason is refused before it is tried.
     */
    public static final long MAX_CACHE_BYTES = 64L << 30;

    /**
     * Applies QEMU's rules to an image of this geometry.
     *
     * @throws ImageException INVALID_OPTION naming the option that cannot be as it is
     */
    public static CacheBudget of(CacheOptions options, ImageGeometry geometry) throws ImageException {
        refuseNegative(options);
        long neededBytes = neededL2Bytes(geometry);
        Sizes sizes = split(options, neededBytes, geometry.clusterBytes());
        int entryBytes = l2EntryBytes(options.l2CacheEntrySize(), sizes.l2Bytes() < neededBytes, geometry);
        refuseHuge(sizes.l2Bytes(), options.l2CacheSize() != null ? L2_CACHE_SIZE : CACHE_SIZE);
        refuseHuge(sizes.refcountBytes(), options.refcountCacheSize() != null ? REFCOUNT_CACHE_SIZE : CACHE_SIZE);
        return new CacheBudget(
                entryBytes,
                (int) Math.max(MIN_L2_ENTRIES, sizes.l2Bytes() / entryBytes),
                geometry.clusterBytes(),
                (int) Math.max(MIN_REFCOUNT_ENTRIES, sizes.refcountBytes() / geometry.clusterBytes()),
                !Boolean.FALSE.equals(options.l2CachePacked()));
    }

    public long l2Bytes() {
        return (long) l2EntryBytes * l2Entries;
    }

    public long refcountBytes() {
        return (long) refcountEntryBytes * refcountEntries;
    }

    /** Bytes for each cache before they are rounded to entries. */
    private record Sizes(long l2Bytes, long refcountBytes) {}

    /** Bytes of all L2 tables that the disk needs, were they all there. */
    private static long neededL2Bytes(ImageGeometry geometry) {
        return geometry.roundUpToCluster(geometry.guestClusters() * geometry.l2EntryBytes());
    }

    private static Sizes split(CacheOptions options, long neededBytes, int clusterBytes) throws ImageException {
        @Nullable Long l2 = options.l2CacheSize();
        @Nullable Long refcount = options.refcountCacheSize();
        @Nullable Long combined = options.cacheSize();
        long cappedL2 = Math.min(neededBytes, l2 != null ? l2 : DEFAULT_MAX_L2_BYTES);
        if (combined == null) {
            return new Sizes(cappedL2, refcount != null ? refcount : 0);
        }
        if (l2 != null && refcount != null) {
            throw ImageException.invalidOption(
                    CACHE_SIZE,
                    "cache-size is given together with l2-cache-size and refcount-cache-size; at most two of the three "
                            + "may be given");
        }
        if (l2 != null) {
            refuseAbove(combined, l2, L2_CACHE_SIZE);
            return new Sizes(cappedL2, combined - cappedL2);
        }
        if (refcount != null) {
            refuseAbove(combined, refcount, REFCOUNT_CACHE_SIZE);
            return new Sizes(combined - refcount, refcount);
        }
        return splitCombined(combined, neededBytes, clusterBytes);
    }

    private static Sizes splitCombined(long combined, long neededBytes, int clusterBytes) {
        long minRefcountBytes = (long) MIN_REFCOUNT_ENTRIES * clusterBytes;
        if (combined >= neededBytes + minRefcountBytes) {
            return new Sizes(neededBytes, combined - neededBytes);
        }
        long refcountBytes = Math.min(combined, minRefcountBytes);
        return new Sizes(combined - refcountBytes, refcountBytes);
    }

    private static int l2EntryBytes(@Nullable Long wanted, boolean partial, ImageGeometry geometry)
            throws ImageException {
        int clusterBytes = geometry.clusterBytes();
        if (wanted == null) {
            return partial ? Math.min(clusterBytes, DEFAULT_PARTIAL_ENTRY_BYTES) : clusterBytes;
        }
        if (Long.bitCount(wanted) != 1 || wanted < MIN_ENTRY_BYTES || wanted > clusterBytes) {
            throw ImageException.invalidOption(
                    L2_CACHE_ENTRY_SIZE,
                    "l2-cache-entry-size is " + wanted + "; it must be a power of two from " + MIN_ENTRY_BYTES
                            + " to the cluster size, " + clusterBytes);
        }
        return wanted.intValue();
    }

    private static void refuseNegative(CacheOptions options) throws ImageException {
        refuseNegative(options.l2CacheSize(), L2_CACHE_SIZE);
        refuseNegative(options.l2CacheEntrySize(), L2_CACHE_ENTRY_SIZE);
        refuseNegative(options.refcountCacheSize(), REFCOUNT_CACHE_SIZE);
        refuseNegative(options.cacheSize(), CACHE_SIZE);
    }

    private static void refuseNegative(@Nullable Long value, String option) throws ImageException {
        if (value != null && value < 0) {
            throw ImageException.invalidOption(option, option + " is " + value + "; it must not be negative");
        }
    }

    private static void refuseAbove(long combined, long value, String option) throws ImageException {
        if (value > combined) {
            throw ImageException.invalidOption(
                    option, option + " is " + value + "; it must not exceed cache-size, " + combined);
        }
    }

    private static void refuseHuge(long bytes, String option) throws ImageException {
        if (bytes > MAX_CACHE_BYTES) {
            throw ImageException.invalidOption(
                    option,
                    option + " gives a cache of " + bytes + " bytes; one cache may have at most " + MAX_CACHE_BYTES);
        }
    }
}
