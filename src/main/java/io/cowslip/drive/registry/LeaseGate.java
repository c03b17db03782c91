package io.cowslip.drive.registry;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Counts who is inside, and closes for good: after {@link #close()} nobody gets in, and the gate is drained once all who
 * were in have left. Entering costs one atomic addition, and so does leaving; there is no lock.
 *
 * <p>The state is the count, with the sign bit set once closed. Whoever comes after that is counted for a moment too, so
 * "drained" may be found by a latecomer on its way out; it is true all the same.
 */
final class LeaseGate {
    private static final int CLOSED = Integer.MIN_VALUE;

    private final AtomicInteger state = new AtomicInteger();
    private final CountDownLatch drained = new CountDownLatch(1);

    /** Whether the caller is in; it then calls {@link #leave()} once. */
    boolean enter() {
        if (state.getAndIncrement() >= 0) {
            return true;
        }
        leave();
        return false;
    }

    void leave() {
        if (state.decrementAndGet() == CLOSED) {
            drained.countDown();
        }
    }

    /** Lets nobody in from now on; false if that was so before. */
    boolean close() {
        int before = state.getAndUpdate(value -> value | CLOSED);
        if (before == 0) {
            drained.countDown();
        }
        return before >= 0;
    }

    /** Waits until all have left a closed gate, as long as it takes; an interrupt is kept for later. */
    void awaitDrained() {
        boolean interrupted = false;
        while (true) {
            try {
                drained.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits a while; whether all have left. */
    boolean awaitDrained(long nanos) throws InterruptedException {
        return drained.await(nanos, TimeUnit.NANOSECONDS);
    }
}
