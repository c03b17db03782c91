package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.alloc.InFlightRequests;
import io.cowslip.engine.host.ConnectionQueue;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** The {@link PageTransfer}s of one image that are under way, and whether there may be more. Any thread. */
final class PageTransfers {
    /** Five seconds together. */
    private static final int POLLS = 5_000;

    private static final long POLL_NANOS = 1_000_000;

    private final InFlightRequests underWay = new InFlightRequests();
    private volatile boolean allowed;

    /** @param allowed whether there may be any at first */
    PageTransfers(boolean allowed) {
        this.allowed = allowed;
    }

    /** Whether transfers may begin and go on. */
    boolean areAllowed() {
        return allowed;
    }

    /** Lets transfers be, or lets none go on; those that are under way see it at their next page. */
    void allow(boolean whether) {
        allowed = whether;
    }

    /** Begins a transfer of {@code image} to {@code connection}; null where that cannot be. It is to be given to {@link #end}. */
    @Nullable
    PageTransfer begin(DiskImage image, SocketChannel connection) throws IOException {
        if (!allowed) {
            return null;
        }
        ConnectionQueue queue = ConnectionQueue.of(connection);
        int begun = underWay.enter();
        // It goes on only if transfers are still allowed once it counts.
        if (queue == null || !allowed) {
            end(begun);
            return null;
        }
        return new PageTransfer(image, this, connection, queue, begun);
    }

    /** Ends a transfer. */
    void end(int begun) {
        underWay.leave(begun);
    }

    /**
     * Returns when all that have begun are over. How long that takes is the clients' affair, so there is an end to it.
     *
     * @throws ImageException BUSY after that
     */
    void awaitThoseBegun(Path image) throws ImageException {
        long mark = underWay.mark();
        for (int poll = 0; !underWay.areOverSince(mark); poll++) {
            if (poll == POLLS) {
                throw ImageException.of(
                        Kind.BUSY,
                        image,
                        "a client that reads it has not taken what it was sent; try again, or open it anew");
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }
}
