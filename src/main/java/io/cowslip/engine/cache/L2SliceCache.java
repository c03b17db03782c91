package io.cowslip.engine.cache;

import io.cowslip.engine.format.ImageGeometry;

/** SKELETON. */
public final class L2SliceCache implements AutoCloseable {
    public L2SliceCache(CacheBudget budget, ImageGeometry geometry, TableSource source, CacheCounters counters) {}

    /** What the cache has done and holds; any thread. */
    public CacheStats stats() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
}
