package io.cowslip.engine.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.format.ExtendedL2Entry;
import io.cowslip.engine.format.ImageGeometry;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Extended entries in the cache: two words each, which readers see of one moment while a writer changes both. */
final class SubclusterPairsTest {
    private static final ImageGeometry GEOMETRY = new ImageGeometry(16, 1L << 30, 4, true);
    private static final int CHANGES = 200_000;

    private static L2SliceCache cache() throws IOException {
        return new L2SliceCache(
                new CacheBudget(512, 4, 65536, 4, true),
                GEOMETRY,
                (slice, count, into) -> into.fill((byte) 0),
                new CacheCounters());
    }

    @Test
    void aSliceHasHalfAsManyEntries() throws IOException {
        try (L2SliceCache cache = cache()) {
            assertThat(cache.entriesPerSlice()).isEqualTo(32);
            cache.put(33, new ExtendedL2Entry(5, 7));
            assertThat(cache.extendedEntry(33)).isEqualTo(new ExtendedL2Entry(5, 7));
            assertThat(cache.extendedEntry(32)).isEqualTo(ExtendedL2Entry.NONE);
            assertThat(cache.extendedEntry(34)).isEqualTo(ExtendedL2Entry.NONE);
        }
    }

    @Test
    void aLookupCountsOnce() throws IOException {
        try (L2SliceCache cache = cache()) {
            cache.extendedEntry(0);
            cache.extendedEntry(1);
            assertThat(cache.stats().misses()).isOne();
            assertThat(cache.stats().hits()).isOne();
        }
    }

    @Test
    void bothWordsAreOfOneMoment() throws IOException, InterruptedException, ExecutionException {
        try (L2SliceCache cache = cache()) {
            AtomicBoolean over = new AtomicBoolean();
            List<Callable<Long>> tasks = new ArrayList<>();
            tasks.add(() -> {
                try {
                    for (long change = 1; change <= CHANGES; change++) {
                        cache.put(3, new ExtendedL2Entry(change, -change));
                    }
                } finally {
                    over.set(true);
                }
                return 0L;
            });
            for (int reader = 0; reader < 2; reader++) {
                tasks.add(() -> {
                    long seen = 0;
                    while (!over.get()) {
                        ExtendedL2Entry entry = cache.extendedEntry(3);
                        assertThat(entry.bitmap()).isEqualTo(-entry.descriptor());
                        seen++;
                    }
                    return seen;
                });
            }
            Racers.race(tasks);
        }
    }
}
