package io.cowslip.web;

import org.apache.coyote.http11.Http11NioProtocol;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.NioEndpoint;
import org.apache.tomcat.util.net.SocketBufferHandler;

/**
 * HTTP/1.1 with connections that suit a client which asks again as soon as it is answered, and moves much at once. Public
 * because the container makes it, by its name.
 */
public final class DataProtocol extends Http11NioProtocol {

    public DataProtocol() {
        super(new Endpoint());
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
