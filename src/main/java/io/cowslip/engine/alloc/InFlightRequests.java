package io.cowslip.engine.alloc;

import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;

/**
 * Tells when all requests that began before some moment are over, without a lock or a shared counter in their way. A
 * request may have read from the map where a cluster lies and not have used it yet; until it is over that cluster must
 * not get another owner.
 *
 * <p>Requests count themselves in and out in one of two pairs of striped counters, by the parity of the generation that
 * they began in. A generation ends only once the one before it has run dry, so two pairs are enough. A request counts
 * itself in before it looks at the map: whoever finds it not counted has already been seen by it.
 */
public final class InFlightRequests {
    private static final long POLL_NANOS = 50_000;

    private final LongAdder[] entered = {new LongAdder(), new LongAdder()};
    private final LongAdder[] left = {new LongAdder(), new LongAdder()};
    private volatile long generation;

    /** Begins a request. Any thread. What is returned goes to {@link #leave}. */
    public int enter() {
        int parity = (int) generation & 1;
        entered[parity].increment();
        // The adder's own update is no full fence everywhere, and the map must be read after it.
        VarHandle.fullFence();
        return parity;
    }

    /** Ends a request. */
    public void leave(int parity) {
        left[parity].increment();
    }

    /**
     * A name for the present moment, to ask {@link #areOverSince} about. Not while somebody asks: a generation must not
     * end on the strength of sums that were taken before the mark.
     */
    public synchronized long mark() {
        VarHandle.fullFence();
        return generation;
    }

    /** Whether every request that began before {@code mark} was taken is over. */
    public synchronized boolean areOverSince(long mark) {
        if (generation == mark && isDry(mark + 1)) {
            generation = mark + 1;
            VarHandle.fullFence();
        }
        return generation > mark + 1 || (generation == mark + 1 && isDry(mark));
    }

    /** Waits until every request that began before the call is over. Not from inside a request. */
    public void awaitThoseBegun() {
        long mark = mark();
        while (!areOverSince(mark)) {
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    /** Leavers are summed first: one who enters in between makes the sums differ, never equal by mistake. */
    private boolean isDry(long whichGeneration) {
        int parity = (int) whichGeneration & 1;
        long out = left[parity].sum();
        VarHandle.fullFence();
        return entered[parity].sum() == out;
    }
}
