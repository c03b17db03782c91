package io.cowslip.web;

import java.io.IOException;
import org.apache.coyote.Adapter;
import org.apache.coyote.Processor;
import org.apache.coyote.http11.Http11NioProtocol;
import org.apache.coyote.http11.Http11Processor;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.NioEndpoint;
import org.apache.tomcat.util.net.SocketBufferHandler;
import org.jspecify.annotations.Nullable;

/**
 * HTTP/1.1 with connections that suit a client which asks again as soon as it is answered, and moves much at once. Public
 * because the container makes it, by its name.
 */
public final class DataProtocol extends Http11NioProtocol {

    public DataProtocol() {
        super(new Endpoint());
    }

    @Override
    protected Processor createProcessor() {
        Connection connection = new Connection();
        ConnectedProcessor processor =
                new ConnectedProcessor(this, new ConnectionAdapter(getAdapter(), connection, isUnixSocket()));
        connection.processor = processor;
        return processor;
    }

    private boolean isUnixSocket() {
        return getEndpoint() instanceof NioEndpoint endpoint && endpoint.getUnixDomainSocketPath() != null;
    }

    /** What a processor, which serves one connection after the other, is serving now. */
    static final class Connection {
        private @Nullable ConnectedProcessor processor;

        @Nullable
        Object channel() {
            return processor == null ? null : processor.channel();
        }

        boolean isClosedByClient() {
            return processor != null && processor.isClosedByClient();
        }
    }

    private static final class ConnectedProcessor extends Http11Processor {
        ConnectedProcessor(DataProtocol protocol, Adapter adapter) {
            super(protocol, adapter);
        }

        Object channel() {
            return getSocketWrapper().getSocket();
        }

        /** What comes is kept by the container for the next request. */
        boolean isClosedByClient() {
            try {
                getSocketWrapper().isReadyForRead();
                return false;
            } catch (IOException closed) {
                return true;
            }
        }
    }

    private static final class Endpoint extends NioEndpoint {
        private final Patience patience = new Patience(2 * Runtime.getRuntime().availableProcessors());

        @Override
        protected NioChannel createChannel(SocketBufferHandler buffers) {
            return isSSLEnabled()
                    ? new PatientSecureChannel(buffers, this, patience, socketProperties.getAppWriteBufSize())
                    : new PatientChannel(buffers, patience);
        }
    }
}
