package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheBudget;
import io.cowslip.engine.cache.CacheCounters;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.cache.L2SliceCache;
import io.cowslip.engine.cache.RefcountBlockCache;
import io.cowslip.engine.cache.TableSource;
import io.cowslip.engine.format.ImageGeometry;

/**
 * Makes the caches of one layer, which all count in the same counters.
 *
 * @param geometry the layer's, whatever has become of its disk's size
 */
record CacheMaker(CacheFactory factory, ImageGeometry geometry, CacheCounters l2, CacheCounters refcounts) {

    /** The geometry of the layer with a disk of this size. */
    ImageGeometry geometryOf(long diskBytes) {
        return geometry.withVirtualSizeBytes(diskBytes);
    }

    L2SliceCache slices(CacheBudget budget, long diskBytes, TableSource source) throws ImageException {
        return factory.create(budget, geometryOf(diskBytes), source, l2);
    }

    RefcountBlockCache refcounts(CacheBudget budget, TableSource source) throws ImageException {
        return new RefcountBlockCache(budget, geometry, source, refcounts);
    }

    /** Ends slices that this has made. */
    void destroy(L2SliceCache slices) {
        factory.destroy(slices);
    }
}
