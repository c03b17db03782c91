package io.cowslip.web;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * How long, and how many at once, threads wait for their own sockets before they leave it to the container's poller. Few
 * at once are enough: with more of them runnable than the machine has processors, waking them in turn costs more than the
 * way through the poller, and threads that wait for silent connections keep nobody else from being served.
 */
final class Patience {
    private static final long MILLIS = 5;

    private final int threads;
    private final AtomicInteger waiting = new AtomicInteger();

    Patience(int threads) {
        this.threads = threads;
    }

    boolean await(ReadinessWait readiness, SocketChannel socket, int operations) throws IOException {
        try {
            return waiting.incrementAndGet() <= threads && readiness.await(socket, operations, MILLIS);
        } finally {
            waiting.decrementAndGet();
        }
    }
}
