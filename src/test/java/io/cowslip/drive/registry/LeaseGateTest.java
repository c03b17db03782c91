package io.cowslip.drive.registry;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class LeaseGateTest {
    private final LeaseGate gate = new LeaseGate();

    @Test
    void aClosedGateLetsNobodyIn() {
        assertThat(gate.enter()).isTrue();
        assertThat(gate.close()).isTrue();

        assertThat(gate.enter()).isFalse();
        assertThat(gate.close()).isFalse();
    }

    @Test
    void anEmptyGateIsDrainedOnceClosed() throws InterruptedException {
        gate.enter();
        gate.leave();
        assertThat(gate.awaitDrained(0)).isFalse();

        gate.close();

        assertThat(gate.awaitDrained(0)).isTrue();
    }

    @Test
    void theLastToLeaveDrains() throws InterruptedException {
        gate.enter();
        gate.enter();
        gate.close();
        gate.leave();
        assertThat(gate.awaitDrained(0)).isFalse();

        gate.enter();
        assertThat(gate.awaitDrained(0)).isFalse();
        gate.leave();

        assertThat(gate.awaitDrained(0)).isTrue();
    }

    @Test
    void waitingOutlivesAnInterrupt() throws InterruptedException {
        gate.enter();
        gate.close();
        AtomicBoolean keptInterrupt = new AtomicBoolean();
        Thread waiting = Thread.ofPlatform().start(() -> {
            gate.awaitDrained();
            keptInterrupt.set(Thread.currentThread().isInterrupted());
        });
        waiting.interrupt();

        gate.leave();
        waiting.join();

        assertThat(keptInterrupt).isTrue();
    }

    /** Whoever is in must never see the gate drained. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void nobodyIsInsideWhenTheGateIsDrained(long seed) throws Exception {
        int threads = 4;
        for (int round = 0; round < 200; round++) {
            runRound(new Random(seed * 1000 + round), threads);
        }
    }

    private static void runRound(Random random, int threads) throws InterruptedException, ExecutionException {
        LeaseGate gate = new LeaseGate();
        AtomicBoolean drained = new AtomicBoolean();
        AtomicInteger violations = new AtomicInteger();
        CountDownLatch start = new CountDownLatch(1);
        try (ExecutorService executor = Executors.newFixedThreadPool(threads + 1)) {
            List<Future<?>> entering = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                int spins = random.nextInt(50);
                entering.add(executor.submit(() -> enterUntilClosed(gate, start, drained, violations, spins)));
            }
            int delay = random.nextInt(2000);
            start.countDown();
            spin(delay);
            gate.close();
            assertThat(gate.awaitDrained(TimeUnit.SECONDS.toNanos(10))).isTrue();
            drained.set(true);
            for (Future<?> each : entering) {
                each.get();
            }
        }
        assertThat(violations).hasValue(0);
    }

    private static void enterUntilClosed(
            LeaseGate gate, CountDownLatch start, AtomicBoolean drained, AtomicInteger violations, int spins) {
        try {
            start.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        while (gate.enter()) {
            spin(spins);
            if (drained.get()) {
                violations.incrementAndGet();
            }
            gate.leave();
        }
    }

    private static void spin(int times) {
        for (int i = 0; i < times; i++) {
            Thread.onSpinWait();
        }
    }
}
