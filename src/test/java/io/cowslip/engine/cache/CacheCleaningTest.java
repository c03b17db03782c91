package io.cowslip.engine.cache;

import static io.cowslip.engine.cache.SliceStore.entryOf;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The cleaner's ticks: what they drop, what they keep, and that the memory really goes back. */
@Timeout(60)
final class CacheCleaningTest {
    private static final int SLICE_BYTES = 512;
    private static final int PER_SLICE = SLICE_BYTES / 8;

    private final SliceStore store = new SliceStore();

    @Test
    void aSliceLivesForOneToTwoIntervalsAfterItsLastUse() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(4, SLICE_BYTES, store)) {
            cache.entry(0);
            cache.clean();
            assertThat(cache.stats().entriesResident()).isOne();
            cache.entry(1);
            cache.clean();
            assertThat(cache.stats().entriesResident()).isOne();
            cache.clean();
            assertThat(cache.stats().entriesResident()).isZero();
            assertThat(cache.stats().residentBytes()).isZero();
            assertThat(cache.stats().entriesCleaned()).isOne();
            assertThat(cache.stats().evictions()).isZero();
            assertThat(cache.entry(0)).isEqualTo(entryOf(0));
            assertThat(store.loads()).containsExactly(0L, 0L);
        }
    }

    @Test
    void onlyTheIdleGo() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(8, SLICE_BYTES, store)) {
            for (long slice = 0; slice < 6; slice++) {
                cache.entry(slice * PER_SLICE);
            }
            cache.clean();
            cache.entry(PER_SLICE);
            cache.entry(4 * PER_SLICE);
            cache.put(5 * PER_SLICE, entryOf(5 * PER_SLICE, 1));
            cache.clean();
            assertThat(cache.stats().entriesResident()).isEqualTo(3);
            assertThat(cache.stats().entriesCleaned()).isEqualTo(3);
            cache.clean();
            cache.clean();
            // The dirty one is neither dropped nor written.
            assertThat(cache.stats().entriesResident()).isOne();
            assertThat(store.stores()).isEmpty();
            cache.writeBack(store);
            cache.clean();
            assertThat(cache.stats().entriesResident()).isZero();
            assertThat(cache.entry(5 * PER_SLICE)).isEqualTo(entryOf(5 * PER_SLICE, 1));
        }
    }

    @Test
    void cleanedSlotsAreUsedBeforeAnybodyIsEvicted() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(4, SLICE_BYTES, store)) {
            for (long slice = 0; slice < 4; slice++) {
                cache.entry(slice * PER_SLICE);
            }
            cache.clean();
            cache.entry(0);
            cache.clean();
            for (long slice = 4; slice < 7; slice++) {
                cache.entry(slice * PER_SLICE);
            }
            assertThat(cache.stats().evictions()).isZero();
            assertThat(cache.entry(0)).isEqualTo(entryOf(0));
            assertThat(cache.stats().entriesResident()).isEqualTo(4);
            cache.entry(7 * PER_SLICE);
            assertThat(cache.stats().evictions()).isOne();
        }
    }

    /** Eight slices share a page: the page stays as long as one of them does. */
    @Test
    void neighboursOnAPageKeepTheirEntries() throws IOException {
        try (L2SliceCache cache = SliceCaches.of(24, SLICE_BYTES, store)) {
            for (long slice = 0; slice < 24; slice++) {
                cache.entry(slice * 7 % 24 * PER_SLICE);
            }
            cache.clean();
            cache.entry(3 * PER_SLICE);
            cache.entry(20 * PER_SLICE);
            cache.clean();
            assertThat(cache.stats().entriesResident()).isEqualTo(2);
            for (long index = 0; index < PER_SLICE; index++) {
                assertThat(cache.entry(3 * PER_SLICE + index)).isEqualTo(entryOf(3 * PER_SLICE + index));
                assertThat(cache.entry(20 * PER_SLICE + index)).isEqualTo(entryOf(20 * PER_SLICE + index));
            }
            assertThat(store.loads()).hasSize(24);
        }
    }

    @Test
    void aSliceThatIsBeingLoadedIsLeftAlone() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        store.onLoad(key -> {
            inside.countDown();
            try {
                mayEnd.await();
            } catch (InterruptedException e) {
                throw new IOException("interrupted", e);
            }
        });
        try (L2SliceCache cache = SliceCaches.of(4, 4096, store)) {
            Racers.Racer<Long> loading = Racers.start(() -> cache.entry(1));
            inside.await();
            cache.clean();
            cache.clean();
            mayEnd.countDown();
            assertThat(loading.get()).isEqualTo(entryOf(1));
            for (long cluster = 0; cluster < 512; cluster++) {
                assertThat(cache.entry(cluster)).isEqualTo(entryOf(cluster));
            }
            assertThat(cache.stats().entriesCleaned()).isZero();
            assertThat(store.loads()).containsExactly(0L);
        }
    }

    @Test
    void theMemoryGoesBackToTheSystem() throws IOException {
        int entries = 16 << 10;
        // Entries of 4 KiB on a disk of 1 TiB: 64 MiB of tables.
        try (TableCache cache =
                TableCache.ofSlices(4096, entries, 1 << 15, 4, TableCache.NEVER_PACKED, store, new CacheCounters())) {
            long before = residentKilobytes();
            for (long key = 0; key < entries; key++) {
                cache.read(key, 0);
            }
            long full = residentKilobytes();
            assertThat(full - before).isGreaterThan(60 << 10);
            cache.clean();
            assertThat(residentKilobytes()).isGreaterThan(full - (8 << 10));
            cache.clean();
            assertThat(cache.residentCount()).isZero();
            assertThat(residentKilobytes()).isLessThan(full - (60 << 10));
            assertThat(cache.read(77, 1)).isEqualTo(entryOf(77 * 512 + 1));
        }
    }

    /** Resident memory of this process that is marked to take no huge pages, as slabs are and the heap is not. */
    private static long residentKilobytes() throws IOException {
        long sum = 0;
        long resident = 0;
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            if (line.startsWith("Rss:")) {
                resident = Long.parseLong(line.replaceAll("\\D", ""));
            } else if (line.startsWith("VmFlags:") && line.contains(" nh")) {
                sum += resident;
            }
        }
        return sum;
    }
}
