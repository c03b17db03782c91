package io.cowslip.engine.cache;

/**
 * What one cache has done since its image was opened, and what it holds now. Counts only ever grow, also when the cache
 * is resized while open.
 *
 * @param hits lookups answered from memory
 * @param misses lookups that had to wait for a load
 * @param loads entries read from the image
 * @param bytesLoaded bytes read from the image for them
 * @param evictions entries dropped to make room
 * @param writeBacks entries written to the image
 * @param bytesWrittenBack bytes written to the image for them
 * @param entriesCleaned entries dropped because they were idle
 * @param entriesResident entries held now
 * @param entriesDirty entries held now that the image does not have yet
 * @param residentBytes memory of the entries held now, as a share of the cache's size
 * @param logicalBytes what the same entries take in the image; more than {@code residentBytes} where slices are packed
 * @param sizeBytes the cache's effective size
 * @param entryBytes the size of one entry
 * @param entries how many entries fit
 * @param coversBytes bytes of disk that a full cache maps: guest disk for L2 entries, host file for refcount blocks;
 *     never more than there is
 * @param coverage {@code coversBytes} as a share of all that there is to map, from 0 to 1
 */
public record CacheStats(
        long hits,
        long misses,
        long loads,
        long bytesLoaded,
        long evictions,
        long writeBacks,
        long bytesWrittenBack,
        long entriesCleaned,
        int entriesResident,
        int entriesDirty,
        long residentBytes,
        long logicalBytes,
        long sizeBytes,
        int entryBytes,
        int entries,
        long coversBytes,
        double coverage) {}
