package io.cowslip.web.server;

import java.io.IOException;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * How long, and how many at once, threads wait for their own sockets before they leave it to the container's poller. Few
 * at once are enough: with more of them runnable than the machine has processors, waking them in turn costs more than the
 * way through the poller, and threads that wait for silent connections keep nobody else from being served.
 */
final class Patience {
    private static final long MILLIS = 5;

    /** What an idle processor takes to wake up is more than a client on a fast network takes to ask again. */
    private static final long AWAKE_NANOS = 30_000;

    private final int threads;
    private final AtomicInteger waiting = new AtomicInteger();

    Patience(int threads) {
        this.threads = threads;
    }

    /** A read that does not wait: what it took, or 0. */
    @FunctionalInterface
    interface Attempt {
        int read() throws IOException;
    }

    /**
     * Tries again what found nothing: for a moment without going to sleep where nobody else waits, leaving the processor
     * to whoever can use it, and then once the socket has something.
     */
    int retry(Attempt attempt, ReadinessWait readiness, SocketChannel socket) throws IOException {
        int count = waiting.get() == 0 ? retryAwake(attempt) : 0;
        return count == 0 && await(readiness, socket, SelectionKey.OP_READ) ? attempt.read() : count;
    }

    private static int retryAwake(Attempt attempt) throws IOException {
        long begin = System.nanoTime();
        int count;
        do {
            Thread.yield();
            count = attempt.read();
        } while (count == 0 && System.nanoTime() - begin < AWAKE_NANOS);
        return count;
    }

    /** Waits until the socket is ready; false where the container's poller has to. */
    boolean await(ReadinessWait readiness, SocketChannel socket, int operations) throws IOException {
        try {
            return waiting.incrementAndGet() <= threads && readiness.await(socket, operations, MILLIS);
        } finally {
            waiting.decrementAndGet();
        }
    }
}
