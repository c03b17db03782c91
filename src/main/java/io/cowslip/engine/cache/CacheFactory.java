package io.cowslip.engine.cache;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;

/**
 * Makes and destroys the L2 cache of each image layer that opens: where a container of beans comes in. A cache is made
 * once its image's budget is known, and destroyed when the image closes or gets other cache sizes.
 */
public interface CacheFactory {

    /** A new, empty cache of the budget's size, that loads slices from {@code source} and counts in {@code counters}. */
    L2SliceCache create(CacheBudget budget, ImageGeometry geometry, TableSource source, CacheCounters counters)
            throws ImageException;

    /** Ends a cache that this factory made. Nobody uses it any more. */
    void destroy(L2SliceCache cache);

    /** Caches that belong to nothing but their image. */
    static CacheFactory plain() {
        return new CacheFactory() {
            @Override
            public L2SliceCache create(
                    CacheBudget budget, ImageGeometry geometry, TableSource source, CacheCounters counters)
                    throws ImageException {
                return new L2SliceCache(budget, geometry, source, counters);
            }

            @Override
            public void destroy(L2SliceCache cache) {
                cache.close();
            }
        };
    }
}
