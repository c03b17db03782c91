package io.cowslip.web.server;

import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Whether the client of one connection keeps up. While a request is answered, each second that the service waits for its
 * client is a debt, which what the client sends or takes pays off at the lowest rate that it may have; the time that the
 * service itself takes costs nothing, and what was fast before is no credit for later.
 *
 * <p>Written by the thread that serves the connection, read by the one that looks after slow clients.
 */
public final class ClientPace {
    private static final long NEVER = Long.MIN_VALUE;

    /** Bytes are counted once they have gone, and who takes them fast takes all that a call of the system is given. */
    private static final long COUNTED_AT_ONCE_BYTES = 256 << 10;

    private final LongSupplier nanoClock;
    private final double nanosPerByte;

    private volatile Phase phase = Phase.HEAD;
    private volatile long phaseSince;
    private volatile long debtNanos;
    private volatile long waitingSince = NEVER;
    private volatile long queuedSince = NEVER;
    private volatile boolean cut;
    private @Nullable LongConsumer spend;

    /** What the connection is at. */
    enum Phase {
        /** A request's head is to come, or coming. */
        HEAD,
        /** A request is being answered, its body included. */
        REQUEST,
        /** The last request is answered, and nothing of another has come. */
        IDLE
    }

    /** @param minBytesPerSecond what pays a second of waiting off; 0: any byte pays all */
    ClientPace(LongSupplier nanoClock, long minBytesPerSecond) {
        this.nanoClock = nanoClock;
        this.nanosPerByte = 1e9 / minBytesPerSecond;
        opened();
    }

    /** The connection is another one. */
    void opened() {
        cut = false;
        waitingSince = NEVER;
        queuedSince = NEVER;
        enter(Phase.HEAD);
    }

    /** Something has come, and waits for a thread. Where nothing was under way it is the beginning of a request. */
    void queued() {
        if (phase == Phase.IDLE) {
            enter(Phase.HEAD);
        }
        queuedSince = nanoClock.getAsLong();
    }

    /** A thread has what came. How long it waited for that is not its client's fault. */
    void taken() {
        long since = queuedSince;
        if (since != NEVER) {
            phaseSince += nanoClock.getAsLong() - since;
            queuedSince = NEVER;
        }
    }

    /** A request's head is there. */
    void begin() {
        waitingSince = NEVER;
        debtNanos = 0;
        spend = null;
        enter(Phase.REQUEST);
    }

    /** The next request's head is there in part. */
    void expectHead() {
        waitingSince = NEVER;
        if (phase != Phase.HEAD) {
            enter(Phase.HEAD);
        }
    }

    /** Nothing is under way. */
    void idle() {
        waitingSince = NEVER;
        enter(Phase.IDLE);
    }

    private void enter(Phase next) {
        phaseSince = nanoClock.getAsLong();
        phase = next;
    }

    /** From now on the client is waited for, if it was not before. */
    public void waiting() {
        if (waitingSince == NEVER) {
            waitingSince = nanoClock.getAsLong();
        }
    }

    /** So much has gone over the connection, and the client is not waited for any more. */
    public void moved(long bytes) {
        received(bytes);
        if (spend != null) {
            spend.accept(bytes);
        }
    }

    /** Has the bytes of the request's body and of its answer counted. For the thread that serves the connection. */
    void spend(LongConsumer counter) {
        spend = counter;
    }

    /** How many bytes may be handed to the connection at once. For the thread that serves the connection. */
    public long mostAtOnceBytes() {
        return spend == null ? Long.MAX_VALUE : COUNTED_AT_ONCE_BYTES;
    }

    /** The client has got so much that went over the connection before. */
    public void received(long bytes) {
        long since = waitingSince;
        if (since != NEVER || debtNanos > 0) {
            long waited = since == NEVER ? 0 : nanoClock.getAsLong() - since;
            long paid = bytes == 0 ? 0 : (long) (bytes * nanosPerByte);
            debtNanos = Math.max(0, debtNanos + waited - paid);
            waitingSince = NEVER;
        }
    }

    Phase phase() {
        return phase;
    }

    /** How long the connection has been at what it is at, without the time that it waited for a thread. */
    long phaseNanos() {
        long queued = queuedSince;
        return (queued == NEVER ? nanoClock.getAsLong() : queued) - phaseSince;
    }

    /** The debt of the client, in time. */
    long debtNanos() {
        // In this order a thread that settles meanwhile makes the sum too small, not too large.
        long debt = debtNanos;
        long since = waitingSince;
        return since == NEVER ? debt : debt + nanoClock.getAsLong() - since;
    }

    /** Nothing more goes over the connection. */
    void cut() {
        cut = true;
    }

    /** Whether the client was cut off for its pace. */
    public boolean isCut() {
        return cut;
    }
}
