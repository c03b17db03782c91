package io.cowslip.engine.image;

import io.cowslip.engine.alloc.InFlightRequests;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** Counts changes of a disk in and out, and can keep new ones waiting. Passing it takes no lock while nobody does. */
final class ChangeGate {
    private final InFlightRequests changes;
    private volatile @Nullable CountDownLatch held;

    ChangeGate() {
        this(new InFlightRequests());
    }

    /** A gate before {@code changes}, which others may count themselves into without passing it. */
    ChangeGate(InFlightRequests changes) {
        this.changes = changes;
    }

    /** Begins a change; waits while changes are held. What is returned goes to {@link #leave}. */
    int enter() {
        while (true) {
            int entered = changes.enter();
            CountDownLatch latch = held;
            if (latch == null) {
                return entered;
            }
            changes.leave(entered);
            await(latch);
        }
    }

    /** Ends a change. */
    void leave(int entered) {
        changes.leave(entered);
    }

    /** Waits until every change that began before the call is over. */
    void awaitThoseBegun() {
        changes.awaitThoseBegun();
    }

    /** Lets no change begin from now on. One holder at a time. */
    void hold() {
        held = new CountDownLatch(1);
    }

    /** Lets changes begin again. */
    void release() {
        CountDownLatch latch = held;
        held = null;
        if (latch != null) {
            latch.countDown();
        }
    }

    /** An interrupt is kept for the one who asked for the change: the wait is short. */
    private static void await(CountDownLatch latch) {
        boolean interrupted = false;
        while (true) {
            try {
                latch.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
