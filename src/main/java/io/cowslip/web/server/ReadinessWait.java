package io.cowslip.web.server;

import java.io.IOException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/**
 * Waits in the calling thread until one socket can be read or written. The container would hand the socket to its
 * poller and be woken by it, which takes two more threads than the bytes need. One thread at a time waits; any thread
 * may {@link #close}, which ends a wait.
 */
final class ReadinessWait {
    private volatile @Nullable Selector selector;
    private volatile @Nullable SelectionKey key;

    /** Waits for {@code operations}, at most {@code millis}; false where it was in vain. */
    boolean await(SocketChannel socket, int operations, long millis) throws IOException {
        Selector waiting = ready(socket, operations);
        try {
            boolean found = waiting.select(millis) > 0;
            waiting.selectedKeys().clear();
            return found;
        } catch (ClosedSelectorException closed) {
            return false;
        }
    }

    private Selector ready(SocketChannel socket, int operations) throws IOException {
        Selector open = selector;
        SelectionKey registered = key;
        if (open == null || registered == null || registered.channel() != socket || !open.isOpen()) {
            close();
            open = Selector.open();
            selector = open;
            key = socket.register(open, operations);
        } else if (registered.interestOps() != operations) {
            registered.interestOps(operations);
        }
        return open;
    }

    void close() throws IOException {
        Selector open = selector;
        if (open != null) {
            open.close();
            selector = null;
            key = null;
        }
    }
}
