package io.cowslip.engine.cache;

import static io.cowslip.engine.cache.SliceStore.entryOf;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What one thread after the other finds in the cache: hits, misses, who goes and who stays, and write-back. */
final class L2SliceCacheTest {
    private static final int SLICE_BYTES = 512;
    private static final int PER_SLICE = SLICE_BYTES / 8;
    private static final long STEP = 1L << 32;

    private final SliceStore store = new SliceStore();

    @Test
    void eachLookupIsOneHitOrOneMiss() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(4, SLICE_BYTES, store)) {
            assertThat(cache.entry(0)).isEqualTo(entryOf(0));
            assertThat(cache.entry(PER_SLICE - 1)).isEqualTo(entryOf(PER_SLICE - 1));
            assertThat(cache.entry(PER_SLICE)).isEqualTo(entryOf(PER_SLICE));
            assertThat(cache.matching(1, entryOf(1), STEP, 3)).isEqualTo(3);
            assertThat(cache.matching(2 * PER_SLICE, entryOf(2 * PER_SLICE), STEP, 1))
                    .isOne();
            assertThat(cache.matching(0, entryOf(0), STEP, 2)).isEqualTo(2);

            CacheStats stats = cache.stats();
            assertThat(stats.hits()).isEqualTo(2);
            assertThat(stats.misses()).isEqualTo(3);
            assertThat(stats.loads()).isEqualTo(3);
            assertThat(stats.logicalBytes()).isEqualTo(3L * SLICE_BYTES);
            assertThat(stats.bytesLoaded()).isEqualTo(3L * SLICE_BYTES);
            assertThat(stats.evictions()).isZero();
            assertThat(stats.entriesResident()).isEqualTo(3);
            assertThat(stats.residentBytes()).isEqualTo(3L * SLICE_BYTES);
            assertThat(stats.entriesDirty()).isZero();
            assertThat(stats.entries()).isEqualTo(4);
            assertThat(stats.entryBytes()).isEqualTo(SLICE_BYTES);
            assertThat(stats.sizeBytes()).isEqualTo(4L * SLICE_BYTES);
        }
    }

    @Test
    void matchingStopsAtTheSliceAndAtWhatDiffers() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(4, SLICE_BYTES, store)) {
            assertThat(cache.entriesPerSlice()).isEqualTo(PER_SLICE);
            assertThat(cache.matching(PER_SLICE + 60, entryOf(PER_SLICE + 60), STEP, 100))
                    .isEqualTo(4);
            assertThat(cache.matching(0, entryOf(0), STEP, 5)).isEqualTo(5);
            assertThat(cache.matching(0, entryOf(1), STEP, 5)).isZero();
            assertThat(cache.matching(0, entryOf(0), 0, 5)).isOne();
            cache.put(3, entryOf(3, 1));
            assertThat(cache.matching(0, entryOf(0), STEP, 5)).isEqualTo(3);
            assertThat(cache.beginsSlice(PER_SLICE)).isTrue();
            assertThat(cache.beginsSlice(PER_SLICE + 1)).isFalse();
        }
    }

    /** QEMU's cache of two entries does the same: misses at A, B, C and the second B. */
    @Test
    void theOneUsedAgainStays() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(2, SLICE_BYTES, store)) {
            look(cache, 'A', 'B', 'A', 'C', 'A', 'B');
            assertThat(loads()).isEqualTo("ABCB");
            assertThat(cache.stats().hits()).isEqualTo(2);
            assertThat(cache.stats().evictions()).isEqualTo(2);
        }
    }

    @Test
    void ofThoseUsedOnceTheOldestGoesFirst() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(3, SLICE_BYTES, store)) {
            look(cache, 'A', 'B', 'C', 'D', 'B', 'C', 'D', 'E', 'A');
            // E finds all three used since: each loses its second chance, and B, next after D's place, goes.
            assertThat(loads()).isEqualTo("ABCDEA");
            look(cache, 'D', 'E', 'A');
            assertThat(loads()).isEqualTo("ABCDEA");
        }
    }

    @Test
    void aScanDoesNotDriveOutWhatIsInUse() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(4, SLICE_BYTES, store)) {
            look(cache, 'A', 'B', 'A', 'B');
            for (char scanned = 'C'; scanned <= 'Z'; scanned++) {
                look(cache, scanned, 'A', 'B');
            }
            assertThat(loads()).isEqualTo("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        }
    }

    @Test
    void aFailedLoadLeavesTheSlotFreeAndTheNextOneTries() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(2, SLICE_BYTES, store)) {
            look(cache, 'A');
            store.onLoad(key -> {
                throw new IOException("refused");
            });
            for (int attempt = 0; attempt < 5; attempt++) {
                assertThatExceptionOfType(IOException.class)
                        .isThrownBy(() -> look(cache, 'B'))
                        .withMessage("refused");
            }
            assertThat(cache.stats().entriesResident()).isOne();
            assertThat(cache.stats().loads()).isOne();
            assertThat(cache.stats().misses()).isEqualTo(6);

            store.onLoad(key -> {});
            look(cache, 'A', 'B', 'A', 'B');
            assertThat(loads()).isEqualTo("ABBBBBB");
            assertThat(cache.stats().entriesResident()).isEqualTo(2);
            assertThat(cache.stats().evictions()).isZero();
        }
    }

    @Test
    void aPutIsSeenAndStaysHoweverMuchIsRead() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(4, SLICE_BYTES, store)) {
            cache.put(7, entryOf(7, 1));
            cache.put(PER_SLICE, entryOf(PER_SLICE, 1));
            for (int round = 0; round < 3; round++) {
                for (char other = 'C'; other <= 'Z'; other++) {
                    look(cache, other);
                }
                cache.clean();
            }
            assertThat(cache.entry(7)).isEqualTo(entryOf(7, 1));
            assertThat(cache.entry(8)).isEqualTo(entryOf(8));
            assertThat(cache.entry(PER_SLICE)).isEqualTo(entryOf(PER_SLICE, 1));
            assertThat(loads().chars().filter(key -> key == 'A' || key == 'B').count())
                    .isEqualTo(2);
            assertThat(store.stores()).isEmpty();
            assertThat(cache.stats().entriesDirty()).isEqualTo(2);
        }
    }

    @Test
    void atMostHalfOfTheSlicesAreDirty() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(5, SLICE_BYTES, store)) {
            assertThat(cache.mustWriteBackBeforePut(0)).isFalse();
            cache.put(0, entryOf(0, 1));
            assertThat(cache.mustWriteBackBeforePut(PER_SLICE)).isFalse();
            cache.put(PER_SLICE, entryOf(PER_SLICE, 1));
            assertThat(cache.mustWriteBackBeforePut(1)).isFalse();
            assertThat(cache.mustWriteBackBeforePut(PER_SLICE + 1)).isFalse();
            assertThat(cache.mustWriteBackBeforePut(2 * PER_SLICE)).isTrue();
            look(cache, 'C');
            assertThat(cache.mustWriteBackBeforePut(2 * PER_SLICE)).isTrue();
            cache.writeBack(store);
            assertThat(cache.mustWriteBackBeforePut(2 * PER_SLICE)).isFalse();
        }
    }

    @Test
    void theSmallestCacheTakesOneDirtySlice() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(2, SLICE_BYTES, store)) {
            assertThat(cache.mustWriteBackBeforePut(0)).isFalse();
            cache.put(0, entryOf(0, 1));
            assertThat(cache.mustWriteBackBeforePut(PER_SLICE)).isTrue();
            look(cache, 'B', 'C', 'D', 'A');
            assertThat(loads()).isEqualTo("ABCD");
        }
    }

    @Test
    void writeBackGoesByKeyAndOnce() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(16, SLICE_BYTES, store)) {
            for (long slice : new long[] {9, 200, 3, 255, 0}) {
                cache.put(slice * PER_SLICE + 5, entryOf(slice * PER_SLICE + 5, 1));
            }
            cache.writeBack(store);
            assertThat(store.stores()).containsExactly(0L, 3L, 9L, 200L, 255L);
            assertThat(cache.hasDirty()).isFalse();
            cache.writeBack(store);
            assertThat(cache.stats().writeBacks()).isEqualTo(5);
            assertThat(cache.stats().bytesWrittenBack()).isEqualTo(5L * SLICE_BYTES);
            assertThat(cache.stats().entriesResident()).isEqualTo(5);
        }
    }

    @Test
    void aRefusedWriteBackKeepsTheRestDirty() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(8, SLICE_BYTES, store)) {
            for (long slice : new long[] {4, 2, 3, 1}) {
                cache.put(slice * PER_SLICE, entryOf(slice * PER_SLICE, 1));
            }
            store.onStore(key -> {
                if (key == 3) {
                    throw new IOException("full");
                }
            });
            assertThatExceptionOfType(IOException.class).isThrownBy(() -> cache.writeBack(store));
            assertThat(store.stores()).containsExactly(1L, 2L);
            assertThat(cache.stats().entriesDirty()).isEqualTo(2);
            assertThat(cache.stats().writeBacks()).isEqualTo(2);
            assertThat(cache.hasDirty()).isTrue();

            store.onStore(key -> {});
            cache.writeBack(store);
            assertThat(store.stores()).containsExactly(1L, 2L, 3L, 4L);
            assertThat(cache.hasDirty()).isFalse();
        }
    }

    @Test
    void whatWasWrittenBackComesBack() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(2, SLICE_BYTES, store)) {
            cache.put(9, entryOf(9, 1));
            cache.writeBack(store);
            look(cache, 'B', 'C', 'D');
            assertThat(cache.entry(9)).isEqualTo(entryOf(9, 1));
            assertThat(loads()).isEqualTo("ABCDA");
        }
    }

    @Test
    void anotherCacheGoesOnCounting() throws IOException {
        CacheCounters counters = new CacheCounters();
        try (L2SliceCache cache = SliceCaches.of(2, SLICE_BYTES, store, counters)) {
            look(cache, 'A', 'A', 'B', 'C');
            cache.put(0, entryOf(0, 1));
            cache.writeBack(store);
        }
        try (L2SliceCache cache = SliceCaches.of(8, 4096, store, counters)) {
            CacheStats before = cache.stats();
            assertThat(before.hits()).isOne();
            assertThat(before.evictions()).isGreaterThan(0);
            assertThat(before.writeBacks()).isOne();
            assertThat(before.entriesResident()).isZero();
            assertThat(before.entriesDirty()).isZero();
            assertThat(before.sizeBytes()).isEqualTo(8L * 4096);
            cache.entry(10_000);
            assertThat(cache.stats().misses()).isEqualTo(before.misses() + 1);
            assertThat(cache.stats().bytesLoaded()).isEqualTo(before.bytesLoaded() + 4096);
        }
    }

    /** Looks up the first cluster of each slice; slices have letters, from A. */
    private static void look(L2SliceCache cache, char... slices) throws IOException {
        for (char slice : slices) {
            long cluster = (long) (slice - 'A') * PER_SLICE;
            assertThat(cache.entry(cluster)).isIn(entryOf(cluster), entryOf(cluster, 1));
        }
    }

    private String loads() {
        List<Long> keys = store.loads();
        return keys.stream().map(key -> Character.toString((char) ('A' + key))).reduce("", String::concat);
    }
}
