package io.cowslip.engine.cache;

import java.util.concurrent.atomic.LongAdder;

/** The counts of one cache of one layer. Outlives the cache itself, so that a resize while open loses no count. */
public final class CacheCounters {
    final LongAdder hits = new LongAdder();
    final LongAdder misses = new LongAdder();
    final LongAdder loads = new LongAdder();
    final LongAdder bytesLoaded = new LongAdder();
    final LongAdder evictions = new LongAdder();
    final LongAdder writeBacks = new LongAdder();
    final LongAdder bytesWrittenBack = new LongAdder();
    final LongAdder entriesCleaned = new LongAdder();

    CacheStats snapshot(
            int resident,
            int dirty,
            long residentBytes,
            int entryBytes,
            int entries,
            long coversBytes,
            double coverage) {
        return new CacheStats(
                hits.sum(),
                misses.sum(),
                loads.sum(),
                bytesLoaded.sum(),
                evictions.sum(),
                writeBacks.sum(),
                bytesWrittenBack.sum(),
                entriesCleaned.sum(),
                resident,
                dirty,
                residentBytes,
                (long) resident * entryBytes,
                (long) entries * entryBytes,
                entryBytes,
                entries,
                coversBytes,
                coverage);
    }
}
