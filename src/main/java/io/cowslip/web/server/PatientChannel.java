package io.cowslip.web.server;

import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.NioEndpoint;
import org.apache.tomcat.util.net.SocketBufferHandler;

/** A plain connection whose thread waits for the socket itself for a while; see {@link ReadinessWait}. */
public final class PatientChannel extends NioChannel implements PacedChannel {
    private final ReadinessWait readiness = new ReadinessWait();
    private final Patience patience;
    private final ClientPace pace;

    PatientChannel(SocketBufferHandler buffers, Patience patience, ClientPace pace) {
        super(buffers);
        this.patience = patience;
        this.pace = pace;
    }

    @Override
    public ClientPace pace() {
        return pace;
    }

    @Override
    public void reset(SocketChannel socket, NioEndpoint.NioSocketWrapper wrapper) throws IOException {
        pace.opened();
        super.reset(socket, wrapper);
    }

    @Override
    public int read(ByteBuffer into) throws IOException {
        int count = super.read(into);
        return count == 0 && into.hasRemaining() ? patience.retry(() -> super.read(into), readiness, sc) : count;
    }

    @Override
    public int write(ByteBuffer from) throws IOException {
        int count = super.write(from);
        if (count == 0 && from.hasRemaining()) {
            pace.waiting();
            if (!patience.await(readiness, sc, SelectionKey.OP_WRITE)) {
                return 0;
            }
            count = super.write(from);
        }
        if (count > 0) {
            pace.moved(count);
        }
        return count;
    }

    /** Waits until the socket takes something, or its peer is gone; false where that was in vain. */
    public boolean awaitWritable(long millis) throws IOException {
        return readiness.await(sc, SelectionKey.OP_WRITE, millis);
    }

    /** Waits until the peer sends something, or goes; false where that was in vain. */
    public boolean awaitReadable(long millis) throws IOException {
        return readiness.await(sc, SelectionKey.OP_READ, millis);
    }

    /** How long the container lets a peer take nothing; not positive for ever. */
    public long writeTimeoutMillis() {
        return socketWrapper.getWriteTimeout();
    }

    /** Closes the connection and drops what its peer has not got. */
    public void reset() throws IOException {
        if (sc.isOpen()) {
            sc.setOption(StandardSocketOptions.SO_LINGER, 0);
        }
        close();
    }

    @Override
    public void close() throws IOException {
        try {
            super.close();
        } finally {
            readiness.close();
        }
    }
}
