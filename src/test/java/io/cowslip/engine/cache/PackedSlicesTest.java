package io.cowslip.engine.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** A cache that holds slices in their smallest form: how much more fits, what is counted, and what a write does. */
final class PackedSlicesTest {
    private static final int SLICE_BYTES = 4096;
    private static final int PER_SLICE = SLICE_BYTES / 8;

    @Test
    void aDiskWrittenInSequenceFitsInAFraction() throws IOException {
        SliceStore store = SliceStore.inSequence();
        try (L2SliceCache cache = SliceCaches.packing(4, SLICE_BYTES, store)) {
            for (int round = 0; round < 3; round++) {
                for (long cluster = 0; cluster < SliceCaches.GEOMETRY.guestClusters(); cluster += 37) {
                    assertThat(cache.entry(cluster)).isEqualTo(store.entry(cluster, 0));
                }
            }
            CacheStats stats = cache.stats();
            assertThat(stats.misses()).isEqualTo(32);
            assertThat(stats.evictions()).isZero();
            assertThat(stats.entriesResident()).isEqualTo(32);
            assertThat(stats.logicalBytes()).isEqualTo(32L * SLICE_BYTES);
            assertThat(stats.residentBytes()).isEqualTo(32L * SliceRuns.RUN_BYTES);
            assertThat(cache.matching(5, store.entry(5, 0), 1L << SliceCaches.CLUSTER_BITS, 1000))
                    .isEqualTo(PER_SLICE - 5);
        }
    }

    @Test
    void aDiskWrittenAtRandomFitsThreefold() throws IOException {
        // 40 GiB, 1280 slices, whose clusters lie anywhere in the file: 20 bits tell where.
        ScatteredTables tables = new ScatteredTables(40L << 30);
        int entries = tables.slices() / 3 + 1;
        try (L2SliceCache cache = tables.cache(entries)) {
            for (int round = 0; round < 3; round++) {
                for (int slice = 0; slice < tables.slices(); slice++) {
                    long cluster = (long) slice * PER_SLICE + round;
                    assertThat(cache.entry(cluster)).isEqualTo(tables.entry(cluster));
                }
            }
            assertThat(cache.stats().loads()).isEqualTo(tables.slices());
            assertThat(cache.stats().evictions()).isZero();
            assertThat(cache.stats().residentBytes()).isLessThanOrEqualTo((long) entries * SLICE_BYTES);
        }
    }

    /** Slices of every form come and go in a cache too small for them, and none is ever taken for another. */
    @Test
    void formsShareACacheTooSmallForThem() throws IOException {
        for (int entries = 2; entries < 12; entries++) {
            SplittableRandom random = new SplittableRandom(entries);
            MixedTables tables = new MixedTables();
            try (L2SliceCache cache = tables.cache(entries)) {
                for (int look = 0; look < 60_000; look++) {
                    long cluster = random.nextLong(SliceCaches.GEOMETRY.guestClusters());
                    assertThat(cache.entry(cluster)).isEqualTo(MixedTables.entry(cluster));
                    if (look % 997 == 0) {
                        cache.clean();
                    }
                    assertThat(cache.stats().residentBytes()).isLessThanOrEqualTo((long) entries * SLICE_BYTES);
                }
                cache.clean();
                cache.clean();
                assertThat(cache.stats().entriesResident()).isZero();
                assertThat(cache.stats().residentBytes()).isZero();
            }
        }
    }

    @Test
    void whatIsPutMakesTheSlicePlainAndStays() throws IOException {
        SliceStore store = SliceStore.inSequence();
        try (L2SliceCache cache = SliceCaches.packing(8, SLICE_BYTES, store)) {
            assertThat(cache.entry(7)).isEqualTo(store.entry(7, 0));
            assertThat(cache.stats().residentBytes()).isEqualTo(SliceRuns.RUN_BYTES);
            cache.put(7, store.entry(7, 1));
            assertThat(cache.stats().residentBytes()).isEqualTo(SLICE_BYTES);
            assertThat(cache.stats().entriesResident()).isOne();
            assertThat(store.loads()).containsExactly(0L);
            for (long cluster = 0; cluster < PER_SLICE; cluster++) {
                assertThat(cache.entry(cluster)).isEqualTo(store.entry(cluster, cluster == 7 ? 1 : 0));
            }
            cache.writeBack(store);
            assertThat(store.stores()).containsExactly(0L);
            cache.clean();
            cache.clean();
            assertThat(cache.entry(7)).isEqualTo(store.entry(7, 1));
            assertThat(cache.entry(8)).isEqualTo(store.entry(8, 0));
            assertThat(cache.stats().residentBytes()).isEqualTo(SLICE_BYTES / 4);
            cache.put(8, store.entry(8, 1));
            assertThat(cache.entry(7)).isEqualTo(store.entry(7, 1));
            assertThat(cache.entry(8)).isEqualTo(store.entry(8, 1));
            assertThat(cache.stats().residentBytes()).isEqualTo(SLICE_BYTES);
        }
    }

    @Test
    void runsGiveWayToOtherRunsOnly() throws IOException {
        // Two entries' worth of runs, which is 512 of them, on a disk of 2048 slices.
        ImageGeometry geometry = new ImageGeometry(SliceCaches.CLUSTER_BITS, 64L << 30, 4, false);
        TableSource source = (key, pieces, into) -> {
            for (long index = 0; index < into.byteSize() / 8; index++) {
                into.setAtIndex(BigEndian.LONG, index, L2Entry.COPIED | (key * PER_SLICE + index + 1) << 16);
            }
        };
        CacheBudget budget = new CacheBudget(SLICE_BYTES, 8, 1 << 16, 4, true);
        try (L2SliceCache cache = new L2SliceCache(budget, geometry, source, new CacheCounters())) {
            for (int look = 0; look < 4096; look++) {
                cache.entry((look % 2048L) * PER_SLICE);
                cache.entry(3);
                assertThat(cache.stats().residentBytes()).isLessThanOrEqualTo(2L * SLICE_BYTES);
            }
            assertThat(cache.stats().entriesResident()).isEqualTo(512);
            assertThat(cache.stats().evictions()).isEqualTo(cache.stats().loads() - 512);
            long misses = cache.stats().misses();
            cache.entry(3);
            assertThat(cache.stats().misses()).isEqualTo(misses);
        }
    }

    @Test
    void missesThatFollowEachOtherReadAhead() throws IOException {
        ScatteredTables tables = new ScatteredTables(40L << 30);
        try (L2SliceCache cache = tables.cache(1280)) {
            for (int slice = 0; slice < tables.slices(); slice++) {
                assertThat(cache.entry((long) slice * PER_SLICE)).isEqualTo(tables.entry((long) slice * PER_SLICE));
            }
            // Tables have 16 slices, which no load passes: 1, 1, 2, 4, 8, then 16 at a time.
            assertThat(tables.loads()).startsWith(1, 1, 2, 4, 8, 16, 16);
            assertThat(cache.stats().misses()).isLessThan(tables.slices() / 12);
            assertThat(cache.stats().loads()).isEqualTo(tables.slices());
        }
    }

    @Test
    void missesAtRandomReadNothingAhead() throws IOException {
        ScatteredTables tables = new ScatteredTables(40L << 30);
        SplittableRandom random = new SplittableRandom(1);
        try (L2SliceCache cache = tables.cache(64)) {
            for (int look = 0; look < 20_000; look++) {
                cache.entry(random.nextLong(tables.slices()) * PER_SLICE);
            }
            assertThat(cache.stats().loads()).isLessThan(cache.stats().misses() * 101 / 100);
        }
    }

    /** Tables of a full disk whose clusters lie in the file at random, and how many slices each load was of. */
    private static final class ScatteredTables implements TableSource {
        private final ImageGeometry geometry;
        private final long[] entries;
        private final List<Integer> loads = new ArrayList<>();

        ScatteredTables(long diskBytes) {
            geometry = new ImageGeometry(SliceCaches.CLUSTER_BITS, diskBytes, 4, false);
            entries = new long[(int) geometry.guestClusters()];
            SplittableRandom random = new SplittableRandom(diskBytes);
            for (int cluster = 0; cluster < entries.length; cluster++) {
                int other = random.nextInt(cluster + 1);
                entries[cluster] = entries[other];
                entries[other] = L2Entry.COPIED | (cluster + 1L) << SliceCaches.CLUSTER_BITS;
            }
        }

        L2SliceCache cache(int entryCount) throws IOException {
            CacheBudget budget = new CacheBudget(SLICE_BYTES, entryCount, 1 << SliceCaches.CLUSTER_BITS, 4, true);
            return new L2SliceCache(budget, geometry, this, new CacheCounters());
        }

        int slices() {
            return entries.length / PER_SLICE;
        }

        long entry(long cluster) {
            return entries[(int) cluster];
        }

        List<Integer> loads() {
            return loads;
        }

        @Override
        public void load(long key, int pieces, MemorySegment into) {
            loads.add(pieces);
            MemorySegment.copy(entries, (int) key * PER_SLICE, into, BigEndian.LONG, 0, pieces * PER_SLICE);
        }
    }

    /** Slices by turns as a run, in 16, 21 or 32 bits, and as nothing but plain. */
    private static final class MixedTables implements TableSource {
        static long entry(long cluster) {
            long slice = cluster / PER_SLICE;
            long mixed = ((cluster * 0x9E37_79B9_7F4A_7C15L) >>> 8) + slice;
            long number = switch ((int) (slice % 5)) {
                case 0 -> cluster;
                case 1 -> mixed & 0x7FFF;
                case 2 -> mixed & 0xF_FFFF;
                case 3 -> mixed & 0x7FFF_FFFF;
                default -> mixed & 0x7F_FFFF_FFFFL;
            };
            return L2Entry.COPIED | (number + 1) << SliceCaches.CLUSTER_BITS;
        }

        L2SliceCache cache(int entryCount) throws IOException {
            CacheBudget budget = new CacheBudget(SLICE_BYTES, entryCount, 1 << SliceCaches.CLUSTER_BITS, 4, true);
            return new L2SliceCache(budget, SliceCaches.GEOMETRY, this, new CacheCounters());
        }

        @Override
        public void load(long key, int pieces, MemorySegment into) {
            for (int index = 0; index < pieces * PER_SLICE; index++) {
                into.setAtIndex(BigEndian.LONG, index, entry(key * PER_SLICE + index));
            }
        }
    }
}
