package io.cowslip.web.server;

import io.cowslip.web.server.SlowClients.Scarcity;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.apache.coyote.Adapter;
import org.apache.coyote.Processor;
import org.apache.coyote.http11.Http11InputBuffer;
import org.apache.coyote.http11.Http11NioProtocol;
import org.apache.coyote.http11.Http11Processor;
import org.apache.tomcat.util.net.AbstractEndpoint.Handler.SocketState;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.NioEndpoint;
import org.apache.tomcat.util.net.SocketBufferHandler;
import org.apache.tomcat.util.net.SocketEvent;
import org.apache.tomcat.util.net.SocketWrapperBase;
import org.jspecify.annotations.Nullable;

/**
 * HTTP/1.1 with connections that suit a client which asks again as soon as it is answered, and moves much at once. Public
 * because the container makes it, by its name.
 */
public final class DataProtocol extends Http11NioProtocol {

    private @Nullable ScheduledFuture<?> watch;

    /** For the container, which configures it by its setters. */
    public DataProtocol() {
        super(new Endpoint());
    }

    /** Has the connector's clients looked after, from its start on. */
    void endSlow(SlowClients clients) {
        endpoint().slowClients = clients;
    }

    private Endpoint endpoint() {
        return (Endpoint) getEndpoint();
    }

    @Override
    public void start() throws Exception {
        super.start();
        Endpoint endpoint = endpoint();
        SlowClients clients = endpoint.slowClients;
        if (clients != null) {
            long interval = SlowClients.INTERVAL.toMillis();
            watch = getUtilityExecutor()
                    .scheduleWithFixedDelay(() -> endpoint.endSlow(clients), interval, interval, TimeUnit.MILLISECONDS);
        }
    }

    @Override
    public void stop() throws Exception {
        if (watch != null) {
            watch.cancel(false);
        }
        super.stop();
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

        /** A request's head is there. */
        void begin() {
            if (processor != null) {
                processor.pace().begin();
            }
        }

        /** A request is answered. What is left of its body is read for as long as its client takes to send it. */
        void answered() {
            if (processor != null && !processor.isAsync()) {
                processor.pace().waiting();
            }
        }

        boolean isClosedByClient() {
            return processor != null && processor.isClosedByClient();
        }

        /** Whether the head that the container found fault with is one that it will not have for its size. */
        boolean isHeadTooLarge() {
            return processor != null && processor.isHeadTooLarge();
        }
    }

    private static final class ConnectedProcessor extends Http11Processor {
        private static final byte[] END_OF_HEAD = {'\r', '\n', '\r', '\n'};

        private final Http11InputBuffer input;
        private final int maxHeadBytes;

        ConnectedProcessor(DataProtocol protocol, Adapter adapter) {
            super(protocol, adapter);
            input = (Http11InputBuffer) getRequest().getInputBuffer();
            maxHeadBytes = protocol.getMaxHttpRequestHeaderSize();
            getRequest().setInputBuffer(new PacedInput(getRequest().getInputBuffer(), this::pace));
        }

        ClientPace pace() {
            return pace(getSocketWrapper());
        }

        private static ClientPace pace(SocketWrapperBase<?> connection) {
            return ((PacedChannel) connection.getSocket()).pace();
        }

        @Override
        public SocketState process(SocketWrapperBase<?> connection, SocketEvent event) throws IOException {
            ClientPace pace = pace(connection);
            pace.taken();
            SocketState state = super.process(connection, event);
            if (state == SocketState.OPEN) {
                pace.idle();
            } else if (state == SocketState.LONG && !isAsync()) {
                pace.expectHead();
            }
            return state;
        }

        Object channel() {
            return getSocketWrapper().getSocket();
        }

        /** The container stops reading a head where it is as large as it may be and goes on. */
        boolean isHeadTooLarge() {
            ByteBuffer read = input.getByteBuffer();
            int end = read.position();
            return end > maxHeadBytes || (end == maxHeadBytes && !isEndOfHead(read.duplicate(), end));
        }

        private static boolean isEndOfHead(ByteBuffer read, int end) {
            byte[] last = new byte[END_OF_HEAD.length];
            read.get(end - last.length, last);
            return Arrays.equals(last, END_OF_HEAD);
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
        /** A part of 8 that is left of threads, or of connections, is little. */
        private static final int SCARCE = 8;

        private final Patience patience = new Patience(2 * Runtime.getRuntime().availableProcessors());
        private @Nullable SlowClients slowClients;

        @Override
        protected NioChannel createChannel(SocketBufferHandler buffers) {
            ClientPace pace =
                    new ClientPace(System::nanoTime, slowClients == null ? 0 : slowClients.minBytesPerSecond());
            return isSSLEnabled()
                    ? new PatientSecureChannel(buffers, this, patience, pace, socketProperties.getAppWriteBufSize())
                    : new PatientChannel(buffers, patience, pace);
        }

        @Override
        public boolean processSocket(SocketWrapperBase<NioChannel> connection, SocketEvent event, boolean dispatch) {
            if (event == SocketEvent.OPEN_READ && connection.getSocket() instanceof PacedChannel channel) {
                channel.pace().queued();
            }
            return super.processSocket(connection, event, dispatch);
        }

        void endSlow(SlowClients clients) {
            boolean threads = isPaused() || isScarce(getCurrentThreadsBusy(), getMaxThreads());
            boolean connections = isScarce(getConnectionCount(), getMaxConnections());
            List<PacedChannel> channels = new ArrayList<>();
            for (SocketWrapperBase<NioChannel> connection : getConnections()) {
                if (connection.getSocket() instanceof PacedChannel channel) {
                    channels.add(channel);
                }
            }
            clients.endSlow(channels, new Scarcity(threads, connections));
        }

        private static boolean isScarce(long taken, long most) {
            return most > 0 && most - taken <= most / SCARCE;
        }
    }
}
