package io.cowslip.web.server;

import io.cowslip.drive.LimitObserver;
import io.cowslip.drive.LimitProperties;
import io.cowslip.web.server.ClientPace.Phase;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends connections whose clients keep threads, or all connections there may be, from others: those that do not finish a
 * request's head, that send a body or take an answer too slowly, and, where connections run out, those that ask nothing.
 * A thread that waits for such a client wakes up with a broken connection, and gives back what it holds.
 */
final class SlowClients {
    /** How often a connector's clients are looked after. */
    static final Duration INTERVAL = Duration.ofMillis(500);

    private static final Logger log = LoggerFactory.getLogger(SlowClients.class);

    private final LimitProperties limits;
    private final LimitObserver observer;

    SlowClients(LimitProperties limits, LimitObserver observer) {
        this.limits = limits;
        this.observer = observer;
    }

    /** The bytes per second that pay off a second of waiting. */
    long minBytesPerSecond() {
        return limits.minRate().bytes();
    }

    /**
     * What there is little left of.
     *
     * @param threads whether that is threads to answer requests with, or time
     * @param connections whether that is connections
     */
    record Scarcity(boolean threads, boolean connections) {}

    /** Ends the connections of clients that are too slow for what is left. */
    void endSlow(Iterable<? extends PacedChannel> channels, Scarcity scarcity) {
        for (PacedChannel channel : channels) {
            String limit = limitReached(channel.pace(), scarcity);
            if (limit != null && !channel.pace().isCut()) {
                end(channel, limit);
            }
        }
    }

    /** The name of the limit that a client has reached, for logs and meters; null: none. */
    @Nullable
    String limitReached(ClientPace pace, Scarcity scarcity) {
        Phase phase = pace.phase();
        long nanos = phase == Phase.REQUEST ? pace.debtNanos() : pace.phaseNanos();
        return switch (phase) {
            case HEAD -> passed(nanos, scarcity.connections, limits.headTimeout()) ? "head-timeout" : null;
            case REQUEST -> passed(nanos, scarcity.threads, limits.slowGrace()) ? "min-rate" : null;
            case IDLE -> scarcity.connections && nanos > limits.crowdedGrace().toNanos() ? "connections" : null;
        };
    }

    private boolean passed(long nanos, boolean scarce, Duration otherwise) {
        Duration allowed = scarce && limits.crowdedGrace().compareTo(otherwise) < 0 ? limits.crowdedGrace() : otherwise;
        return nanos > allowed.toNanos();
    }

    private void end(PacedChannel channel, String limit) {
        channel.pace().cut();
        observer.refused(limit);
        SocketChannel socket = channel.getIOChannel();
        try {
            SocketAddress client = socket.getRemoteAddress();
            log.debug("A client at {} is cut off: {}", client, limit);
            if (!(client instanceof UnixDomainSocketAddress)) {
                // What the client has not taken until now it need not get.
                socket.setOption(StandardSocketOptions.SO_LINGER, 0);
            }
            // Closing is its own thread's business, which this wakes up: whoever waits finds that the other side is
            // gone.
            socket.shutdownInput();
            socket.shutdownOutput();
        } catch (IOException gone) {
            log.debug("A slow client is gone by itself", gone);
        }
    }
}
