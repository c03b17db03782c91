package io.cowslip.engine.alloc;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.Seeds;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Requests begun before a mark keep it from passing; those begun after it do not. */
@Tag("long")
@Timeout(600)
final class InFlightRequestsTest {
    private static final int PLACES = 8;
    private static final int CHANGES = 3_000;

    private final InFlightRequests requests = new InFlightRequests();

    static LongStream seeds() {
        return Seeds.seeds(2, 40);
    }

    @Test
    void withNobodyAboutAMarkIsPassedAtOnce() {
        for (int round = 0; round < 5; round++) {
            assertThat(requests.areOverSince(requests.mark())).isTrue();
        }
    }

    @Test
    void aRequestBegunBeforeKeepsTheMarkFromPassing() {
        int request = requests.enter();
        long mark = requests.mark();
        assertThat(requests.areOverSince(mark)).isFalse();
        assertThat(requests.areOverSince(mark)).isFalse();
        requests.leave(request);
        assertThat(requests.areOverSince(mark)).isTrue();
        assertThat(requests.areOverSince(mark)).isTrue();
    }

    @Test
    void aRequestBegunAfterDoesNot() {
        for (int round = 0; round < 5; round++) {
            int before = requests.enter();
            long mark = requests.mark();
            assertThat(requests.areOverSince(mark)).isFalse();
            int after = requests.enter();
            requests.leave(before);
            assertThat(requests.areOverSince(mark)).isTrue();
            requests.leave(after);
        }
    }

    @Test
    void aLongRequestHoldsUpEveryMarkSinceAndNoneBefore() {
        int early = requests.enter();
        long first = requests.mark();
        requests.leave(early);
        int longOne = requests.enter();
        long second = requests.mark();
        assertThat(requests.areOverSince(second)).isFalse();
        for (int other = 0; other < 100; other++) {
            requests.leave(requests.enter());
            assertThat(requests.areOverSince(second)).isFalse();
        }
        long third = requests.mark();
        assertThat(requests.areOverSince(third)).isFalse();
        requests.leave(longOne);
        assertThat(requests.areOverSince(first)).isTrue();
        assertThat(requests.areOverSince(third)).isTrue();
        assertThat(requests.areOverSince(second)).isTrue();
    }

    /** As many generations as there can be at once: a request in each. */
    @Test
    void requestsOfTwoGenerationsAreToldApart() {
        int old = requests.enter();
        long mark = requests.mark();
        assertThat(requests.areOverSince(mark)).isFalse();
        int next = requests.enter();
        assertThat(next).isNotEqualTo(old);
        long later = requests.mark();
        requests.leave(next);
        assertThat(requests.areOverSince(mark)).isFalse();
        assertThat(requests.areOverSince(later)).isFalse();
        requests.leave(old);
        assertThat(requests.areOverSince(mark)).isTrue();
        assertThat(requests.areOverSince(later)).isTrue();
    }

    @Test
    void awaitReturnsOnceTheyAreOver() throws Exception {
        int request = requests.enter();
        AtomicBoolean over = new AtomicBoolean();
        CountDownLatch begun = new CountDownLatch(1);
        try (ExecutorService threads = Executors.newSingleThreadExecutor()) {
            Future<Boolean> waiter = threads.submit(() -> {
                begun.countDown();
                requests.awaitThoseBegun();
                return over.get();
            });
            begun.await();
            for (int other = 0; other < 1_000; other++) {
                requests.leave(requests.enter());
            }
            over.set(true);
            requests.leave(request);
            // A wait begun only now finds nobody, so the request was over either way.
            assertThat(waiter.get()).isTrue();
        }
    }

    /**
     * Readers look up a place and use what they found; changers take what was there away, wait, and spoil it. Two
     * changers, as a write under the metadata lock and a reconfiguration are.
     */
    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void nothingIsSpoiledWhileSomebodyUsesIt(long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        AtomicIntegerArray places = new AtomicIntegerArray(PLACES);
        AtomicIntegerArray spoiled = new AtomicIntegerArray(2 * CHANGES + PLACES);
        for (int place = 0; place < PLACES; place++) {
            places.set(place, place);
        }
        CountDownLatch changersLeft = new CountDownLatch(2);
        List<Callable<Integer>> tasks = new ArrayList<>();
        for (int reader = 0; reader < 3; reader++) {
            SplittableRandom own = random.split();
            tasks.add(() -> read(own, places, spoiled, changersLeft));
        }
        for (int changer = 0; changer < 2; changer++) {
            int firstThing = PLACES + changer * CHANGES;
            SplittableRandom own = random.split();
            tasks.add(() -> change(own, places, spoiled, firstThing, changersLeft));
        }
        try (ExecutorService threads = Executors.newFixedThreadPool(tasks.size())) {
            for (Future<Integer> task : threads.invokeAll(tasks)) {
                assertThat(task.get()).as(Seeds.replay(getClass(), seed)).isZero();
            }
        }
    }

    private int read(
            SplittableRandom random, AtomicIntegerArray places, AtomicIntegerArray spoiled, CountDownLatch changers) {
        int faults = 0;
        while (changers.getCount() > 0) {
            int request = requests.enter();
            int thing = places.get(random.nextInt(PLACES));
            if (random.nextInt(8) == 0) {
                Thread.yield();
            }
            faults += spoiled.get(thing);
            requests.leave(request);
        }
        return faults;
    }

    private int change(
            SplittableRandom random,
            AtomicIntegerArray places,
            AtomicIntegerArray spoiled,
            int firstThing,
            CountDownLatch changers) {
        try {
            for (int change = 0; change < CHANGES; change++) {
                int taken = places.getAndSet(random.nextInt(PLACES), firstThing + change);
                long mark = requests.mark();
                while (!requests.areOverSince(mark)) {
                    Thread.yield();
                }
                spoiled.set(taken, 1);
            }
            return 0;
        } finally {
            changers.countDown();
        }
    }
}
