package io.cowslip.engine.cache;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;

/** Small L2 caches of a disk of 1 GiB, over a {@link SliceStore}. */
final class SliceCaches {
    static final int CLUSTER_BITS = 16;

    /** 16384 clusters: 256 slices of 512 bytes, or 32 of 4 KiB. */
    static final ImageGeometry GEOMETRY = new ImageGeometry(CLUSTER_BITS, 1L << 30, 4, false);

    private SliceCaches() {}

    private static CacheBudget plainBudget(int entries, int sliceBytes) {
        return new CacheBudget(sliceBytes, entries, 1 << CLUSTER_BITS, 4, false);
    }

    /** One that holds slices packed. */
    static L2SliceCache packing(int entries, int sliceBytes, SliceStore store) throws ImageException {
        return new L2SliceCache(
                new CacheBudget(sliceBytes, entries, 1 << CLUSTER_BITS, 4, true), GEOMETRY, store, new CacheCounters());
    }

    static L2SliceCache of(int entries, int sliceBytes, SliceStore store) throws ImageException {
        return of(entries, sliceBytes, store, new CacheCounters());
    }

    static L2SliceCache of(int entries, int sliceBytes, SliceStore store, CacheCounters counters)
            throws ImageException {
        return new L2SliceCache(plainBudget(entries, sliceBytes), GEOMETRY, store, counters);
    }
}
