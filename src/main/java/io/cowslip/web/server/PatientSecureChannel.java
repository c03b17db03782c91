package io.cowslip.web.server;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import javax.net.ssl.SSLEngineResult;
import org.apache.tomcat.util.net.NioEndpoint;
import org.apache.tomcat.util.net.SecureNioChannel;
import org.apache.tomcat.util.net.SocketBufferHandler;

/**
 * A TLS connection that reads and writes many records with one call: a record has at most 16 KiB, and the container's own
 * channel makes a call for each. Waits as {@link PatientChannel} does.
 */
final class PatientSecureChannel extends SecureNioChannel implements PacedChannel {
    private final ReadinessWait readiness = new ReadinessWait();
    private final Patience patience;
    private final ClientPace pace;
    private final int bufferBytes;

    PatientSecureChannel(
            SocketBufferHandler buffers, NioEndpoint endpoint, Patience patience, ClientPace pace, int bufferBytes) {
        super(buffers, endpoint);
        this.patience = patience;
        this.pace = pace;
        this.bufferBytes = bufferBytes;
    }

    @Override
    public ClientPace pace() {
        return pace;
    }

    @Override
    public void reset(SocketChannel socket, NioEndpoint.NioSocketWrapper wrapper) throws IOException {
        pace.opened();
        if (netInBuffer == null || netInBuffer.capacity() < bufferBytes) {
            netInBuffer = ByteBuffer.allocateDirect(bufferBytes);
            netOutBuffer = ByteBuffer.allocateDirect(bufferBytes);
        }
        super.reset(socket, wrapper);
    }

    @Override
    public int handshake(boolean read, boolean write) throws IOException {
        pace.taken();
        return super.handshake(read, write);
    }

    @Override
    public int read(ByteBuffer into) throws IOException {
        int count = super.read(into);
        return count == 0 && into.hasRemaining() ? patience.retry(() -> super.read(into), readiness, sc) : count;
    }

    /** Each record is put behind the ones before it as long as there is room, then all go out at once. */
    @Override
    public int write(ByteBuffer from) throws IOException {
        if (from == netOutBuffer || closing || closed || sslEngine == null) {
            return super.write(from);
        }
        checkInterruptStatus();
        int before = from.remaining();
        if (before == 0 || !sent()) {
            return 0;
        }
        netOutBuffer.clear();
        wrapRecords(from);
        netOutBuffer.flip();
        sent();
        pace.moved(before - from.remaining());
        return before - from.remaining();
    }

    private void wrapRecords(ByteBuffer from) throws IOException {
        int record = sslEngine.getSession().getPacketBufferSize();
        do {
            SSLEngineResult result = sslEngine.wrap(from, netOutBuffer);
            needHandshakeWrap = false;
            if (result.getStatus() != SSLEngineResult.Status.OK) {
                throw new IOException("TLS record not made: " + result.getStatus());
            }
            if (result.getHandshakeStatus() == SSLEngineResult.HandshakeStatus.NEED_TASK) {
                tasks();
            }
        } while (from.hasRemaining() && netOutBuffer.remaining() >= record);
    }

    private boolean sent() throws IOException {
        if (flush(netOutBuffer)) {
            return true;
        }
        pace.waiting();
        return patience.await(readiness, sc, SelectionKey.OP_WRITE) && flush(netOutBuffer);
    }

    @Override
    public void close(boolean force) throws IOException {
        try {
            super.close(force);
        } finally {
            readiness.close();
        }
    }
}
