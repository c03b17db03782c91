package io.cowslip.engine.cache;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;

/**
 * What the cache options of one layer come to: the effective sizes of its two caches.
 *
 * @param l2EntryBytes bytes of an L2 slice
 * @param l2Entries how many L2 slices fit
 * @param refcountEntryBytes bytes of a refcount block: a cluster
 * @param refcountEntries how many refcount blocks fit
 */
public record CacheBudget(int l2EntryBytes, int l2Entries, int refcountEntryBytes, int refcountEntries) {

    /** Applies QEMU's rules; a refusal names the option. */
    public static CacheBudget of(CacheOptions options, ImageGeometry geometry) throws ImageException {
        throw new UnsupportedOperationException();
    }

    public long l2Bytes() {
        return (long) l2EntryBytes * l2Entries;
    }

    public long refcountBytes() {
        return (long) refcountEntryBytes * refcountEntries;
    }
}
