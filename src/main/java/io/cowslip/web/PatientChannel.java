package io.cowslip.web;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.SocketBufferHandler;

/** A plain connection whose thread waits for the socket itself for a while; see {@link ReadinessWait}. */
final class PatientChannel extends NioChannel {
    private final ReadinessWait readiness = new ReadinessWait();
    private final Patience patience;

    PatientChannel(SocketBufferHandler buffers, Patience patience) {
        super(buffers);
        this.patience = patience;
    }

    @Override
    public int read(ByteBuffer into) throws IOException {
        int count = super.read(into);
        return count == 0 && into.hasRemaining() ? patience.retry(() -> super.read(into), readiness, sc) : count;
    }

    @Override
    public int write(ByteBuffer from) throws IOException {
        int count = super.write(from);
        if (count == 0 && from.hasRemaining() && patience.await(readiness, sc, SelectionKey.OP_WRITE)) {
            count = super.write(from);
        }
        return count;
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
