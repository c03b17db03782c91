package io.cowslip.engine.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Readers race evictions, puts, write-backs and cleans in caches of 2 to 8 slices. An entry that a reader gets must be
 * one of its own cluster, not older than the last put that had ended before the read began, and not newer than the last
 * one begun when it ended.
 */
@Tag("long")
@Timeout(600)
final class L2SliceCacheStressTest {
    private static final int READERS = 3;
    private static final int READS = 60_000;
    private static final int AT_ONCE = 8;

    static LongStream seeds() {
        return Seeds.seeds(2, 20);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void hitDuringEviction(long seed) throws Exception {
        new Race(seed, 512, false).run(true, false, false);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void putDuringRead(long seed) throws Exception {
        new Race(seed, 512, false).run(false, true, false);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void cleanDuringLoad(long seed) throws Exception {
        new Race(seed, 4096, false).run(false, false, true);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void everythingAtOnceOnAHostThatFailsAtTimes(long seed) throws Exception {
        new Race(seed, 4096, true).run(true, true, true);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void packedSlicesChangeTheirFormUnderReaders(long seed) throws Exception {
        Race race = new Race(seed, seed % 2 == 0 ? 512 : 4096, seed % 3 == 0, SliceStore.inSequence(), 6);
        race.run(seed % 5 == 0, true, true);
    }

    /** One cache, its store, and what the writer has put so far. */
    private static final class Race {
        private final long seed;
        private final SplittableRandom random;
        private final SliceStore store;
        private final L2SliceCache cache;
        private final long step;
        private final int perSlice;
        private final int slices;
        private final AtomicIntegerArray begun;
        private final AtomicIntegerArray ended;
        private final AtomicLong readersLeft = new AtomicLong(READERS);

        Race(long seed, int sliceBytes, boolean failing) throws IOException {
            this(seed, sliceBytes, failing, new SliceStore(), 1);
        }

        Race(long seed, int sliceBytes, boolean failing, SliceStore store, int slicesPerEntry) throws IOException {
            this.seed = seed;
            this.store = store;
            this.random = new SplittableRandom(seed);
            int entries = random.nextInt(2, 9);
            this.cache = store.isInSequence()
                    ? SliceCaches.packing(entries, sliceBytes, store)
                    : SliceCaches.of(entries, sliceBytes, store);
            this.step = store.entry(1, 0) - store.entry(0, 0);
            this.perSlice = cache.entriesPerSlice();
            int onDisk = (int) SliceCaches.GEOMETRY.guestClusters() / perSlice;
            this.slices = Math.min(onDisk, entries * slicesPerEntry + random.nextInt(1, 4));
            this.begun = new AtomicIntegerArray(slices * perSlice);
            this.ended = new AtomicIntegerArray(slices * perSlice);
            AtomicLong loads = new AtomicLong();
            store.onLoad(key -> {
                long load = loads.incrementAndGet();
                if (load % 3 == 0) {
                    Thread.yield();
                }
                if (failing && load % 7 == 0) {
                    throw new IOException("refused");
                }
            });
            store.onStore(key -> {
                if (failing && loads.incrementAndGet() % 5 == 0) {
                    throw new IOException("refused");
                }
            });
        }

        void run(boolean scanning, boolean putting, boolean cleaning) throws Exception {
            List<Callable<Long>> tasks = new ArrayList<>();
            for (int reader = 0; reader < READERS; reader++) {
                SplittableRandom own = random.split();
                tasks.add(() -> read(own, scanning));
            }
            if (putting) {
                SplittableRandom own = random.split();
                tasks.add(() -> put(own));
            }
            if (cleaning) {
                tasks.add(this::clean);
            }
            try (cache) {
                Racers.race(tasks);
                settle();
            } catch (Exception | AssertionError e) {
                throw new AssertionError(
                        Seeds.replay(L2SliceCacheStressTest.class, seed) + " (a race may need several): "
                                + e.getMessage(),
                        e);
            }
        }

        private long read(SplittableRandom random, boolean scanning) {
            try {
                for (int index = 0; index < READS; index++) {
                    int slice = scanning ? index % slices : random.nextInt(slices);
                    int cluster = slice * perSlice + random.nextInt(perSlice);
                    if (random.nextInt(4) == 0) {
                        readSome(cluster);
                    } else {
                        readOne(cluster);
                    }
                }
                return READS;
            } finally {
                readersLeft.decrementAndGet();
            }
        }

        private void readOne(int cluster) {
            int least = ended.get(cluster);
            try {
                long entry = cache.entry(cluster);
                verify(cluster, entry, least);
            } catch (IOException refused) {
                assertThat(refused).hasMessage("refused");
            }
        }

        private void readSome(int cluster) {
            int most = Math.min(AT_ONCE, perSlice - cluster % perSlice);
            int[] least = IntStream.range(0, most)
                    .map(index -> ended.get(cluster + index))
                    .toArray();
            try {
                verify(cluster, cache.entry(cluster), least[0]);
                // Clusters that were not put yet follow each other in the file.
                long first = store.entry(cluster, 0);
                int count = most == 1 ? 0 : cache.matching(cluster + 1, first + step, step, most - 1);
                for (int index = 1; index <= count; index++) {
                    verify(cluster + index, first + index * step, least[index]);
                }
            } catch (IOException refused) {
                assertThat(refused).hasMessage("refused");
            }
        }

        private void verify(int cluster, long entry, int least) {
            int times = store.times(cluster, entry);
            if (times < least || times > begun.get(cluster)) {
                throw new AssertionError("cluster " + cluster + " reads as 0x" + Long.toHexString(entry) + " after put "
                        + least + " ended and put " + begun.get(cluster) + " began");
            }
        }

        /** The one writer, as the image's metadata lock makes it. */
        private long put(SplittableRandom random) {
            long puts = 0;
            while (readersLeft.get() > 0) {
                int cluster = random.nextInt(slices * perSlice);
                try {
                    if (cache.mustWriteBackBeforePut(cluster) || random.nextInt(50) == 0) {
                        cache.writeBack(store);
                    }
                    int times = begun.incrementAndGet(cluster);
                    putOnce(cluster, times);
                    ended.set(cluster, times);
                    puts++;
                } catch (IOException refused) {
                    assertThat(refused).hasMessage("refused");
                }
            }
            return puts;
        }

        private void putOnce(int cluster, int times) throws IOException {
            try {
                cache.put(cluster, store.entry(cluster, times));
            } catch (IOException refused) {
                begun.decrementAndGet(cluster);
                throw refused;
            }
        }

        private long clean() {
            long cleans = 0;
            while (readersLeft.get() > 0) {
                cache.clean();
                cleans++;
                Thread.yield();
            }
            return cleans;
        }

        /** With nobody else about, everything is as it was put last, and the counts add up. */
        private void settle() throws IOException {
            store.onLoad(key -> {});
            store.onStore(key -> {});
            cache.writeBack(store);
            cache.clean();
            cache.clean();
            CacheStats idle = cache.stats();
            assertThat(idle.entriesResident()).isZero();
            assertThat(idle.entriesDirty()).isZero();
            assertThat(idle.loads()).isEqualTo(idle.evictions() + idle.entriesCleaned());
            assertThat(idle.bytesLoaded()).isEqualTo(idle.loads() * idle.entryBytes());
            for (int cluster = 0; cluster < slices * perSlice; cluster++) {
                assertThat(cache.entry(cluster)).isEqualTo(store.entry(cluster, ended.get(cluster)));
            }
        }
    }
}
