package io.cowslip.engine.cache;

import static io.cowslip.engine.cache.SliceStore.entryOf;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.cache.Racers.Racer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Misses of several threads: who loads, who waits, and for what. */
@Timeout(60)
final class SliceLoadingTest {
    private static final int SLICE_BYTES = 512;
    private static final int PER_SLICE = SLICE_BYTES / 8;

    private final SliceStore store = new SliceStore();

    @Test
    void oneSliceIsLoadedOnceHoweverManyWantIt() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        store.onLoad(key -> {
            begun.countDown();
            await(mayEnd);
        });
        try (L2SliceCache cache = SliceCaches.of(4, SLICE_BYTES, store)) {
            Racer<Long> first = Racers.start(() -> cache.entry(3));
            begun.await();
            Racer<Long> second = Racers.start(() -> cache.entry(4)).waiting();
            Racer<Long> third = Racers.start(() -> cache.entry(5)).waiting();
            mayEnd.countDown();

            assertThat(first.get()).isEqualTo(entryOf(3));
            assertThat(second.get()).isEqualTo(entryOf(4));
            assertThat(third.get()).isEqualTo(entryOf(5));
            assertThat(store.loads()).containsExactly(0L);
            assertThat(cache.stats().loads()).isOne();
            assertThat(cache.stats().misses()).isEqualTo(3);
            assertThat(cache.stats().hits()).isZero();
        }
    }

    @Test
    void whoeverWaitedForALoadThatFailedTriesItself() throws Exception {
        AtomicBoolean failed = new AtomicBoolean();
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        store.onLoad(key -> {
            begun.countDown();
            await(mayEnd);
            if (failed.compareAndSet(false, true)) {
                throw new IOException("refused once");
            }
        });
        try (L2SliceCache cache = SliceCaches.of(2, SLICE_BYTES, store)) {
            Racer<Long> first = Racers.start(() -> cache.entry(3));
            begun.await();
            Racer<Long> second = Racers.start(() -> cache.entry(4)).waiting();
            mayEnd.countDown();

            assertThatExceptionOfType(ExecutionException.class)
                    .isThrownBy(first::get)
                    .withMessageContaining("refused once");
            assertThat(second.get()).isEqualTo(entryOf(4));
            assertThat(store.loads()).containsExactly(0L, 0L);
            assertThat(cache.stats().entriesResident()).isOne();
        }
    }

    @Test
    void differentSlicesLoadAtOnce() throws Exception {
        CountDownLatch allInside = new CountDownLatch(4);
        store.onLoad(key -> {
            allInside.countDown();
            await(allInside);
        });
        try (L2SliceCache cache = SliceCaches.of(4, SLICE_BYTES, store)) {
            List<Racer<Long>> racers = new ArrayList<>();
            for (long slice = 0; slice < 4; slice++) {
                long cluster = slice * PER_SLICE;
                racers.add(Racers.start(() -> cache.entry(cluster)));
            }
            for (int slice = 0; slice < 4; slice++) {
                assertThat(racers.get(slice).get()).isEqualTo(entryOf((long) slice * PER_SLICE));
            }
        }
    }

    @Test
    void hitsGoOnWhileOthersLoad() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        try (L2SliceCache cache = SliceCaches.of(2, SLICE_BYTES, store)) {
            cache.entry(0);
            store.onLoad(key -> {
                begun.countDown();
                await(mayEnd);
            });
            Racer<Long> loading = Racers.start(() -> cache.entry(PER_SLICE));
            begun.await();
            assertThat(cache.entry(1)).isEqualTo(entryOf(1));
            cache.put(2, entryOf(2, 1));
            assertThat(cache.entry(2)).isEqualTo(entryOf(2, 1));
            cache.clean();
            mayEnd.countDown();
            assertThat(loading.get()).isEqualTo(entryOf(PER_SLICE));
            assertThat(store.loads()).containsExactly(0L, 1L);
        }
    }

    /** A slot is taken when the slice has been read, so slow reads keep nobody from the cache's memory. */
    @Test
    void asManySlicesLoadAtOnceAsAreWanted() throws Exception {
        CountDownLatch inside = new CountDownLatch(2);
        CountDownLatch mayEnd = new CountDownLatch(1);
        store.onLoad(key -> {
            if (key < 2) {
                inside.countDown();
                await(mayEnd);
            }
        });
        try (L2SliceCache cache = SliceCaches.of(2, SLICE_BYTES, store)) {
            Racer<Long> one = Racers.start(() -> cache.entry(0));
            Racer<Long> other = Racers.start(() -> cache.entry(PER_SLICE));
            inside.await();
            for (long slice = 2; slice < 9; slice++) {
                assertThat(cache.entry(slice * PER_SLICE)).isEqualTo(entryOf(slice * PER_SLICE));
            }
            assertThat(one.result().isDone()).isFalse();
            mayEnd.countDown();
            assertThat(one.get()).isEqualTo(entryOf(0));
            assertThat(other.get()).isEqualTo(entryOf(PER_SLICE));
            assertThat(cache.stats().entriesResident()).isEqualTo(2);
        }
    }

    @Test
    void aSliceThatIsPutStaysWhileOthersComeAndGo() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        try (L2SliceCache cache = SliceCaches.of(2, SLICE_BYTES, store)) {
            cache.put(0, entryOf(0, 1));
            store.onLoad(key -> {
                if (key == 1) {
                    inside.countDown();
                    await(mayEnd);
                    throw new IOException("refused");
                }
            });
            Racer<Long> failing = Racers.start(() -> cache.entry(PER_SLICE));
            inside.await();
            assertThat(cache.entry(2 * PER_SLICE)).isEqualTo(entryOf(2 * PER_SLICE));
            mayEnd.countDown();
            assertThatExceptionOfType(ExecutionException.class).isThrownBy(failing::get);
            assertThat(cache.entry(3 * PER_SLICE)).isEqualTo(entryOf(3 * PER_SLICE));
            assertThat(cache.entry(0)).isEqualTo(entryOf(0, 1));
            assertThat(store.loads()).containsExactly(0L, 1L, 2L, 3L);
        }
    }

    /** Hits hand out second chances without a lock; a miss that looks for a slot must not wait for them to stop. */
    @ParameterizedTest
    @ValueSource(ints = {2, 8})
    void aMissFindsASlotHoweverBusyTheOthersAre(int entries) throws Exception {
        int misses = 100_000;
        AtomicBoolean over = new AtomicBoolean();
        try (L2SliceCache cache = SliceCaches.of(entries, SLICE_BYTES, store)) {
            Callable<Long> busy = () -> {
                while (!over.get()) {
                    for (long slice = 0; slice < entries; slice++) {
                        cache.entry(slice * PER_SLICE);
                    }
                }
                return 0L;
            };
            Callable<Long> late = () -> {
                try {
                    for (int miss = 0; miss < misses; miss++) {
                        long cluster = (entries + miss % 200L) * PER_SLICE;
                        cache.entry(cluster);
                        cache.entry(cluster);
                    }
                    return 0L;
                } finally {
                    over.set(true);
                }
            };
            Racers.race(List.of(busy, late));
            assertThat(cache.stats().evictions()).isGreaterThan(misses / 2);
        }
    }

    private static void await(CountDownLatch latch) throws IOException {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
