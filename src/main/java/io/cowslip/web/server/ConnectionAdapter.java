package io.cowslip.web.server;

import io.cowslip.security.LocalSocket;
import io.cowslip.web.problem.ContainerProblems;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.util.function.LongConsumer;
import org.apache.coyote.Adapter;
import org.apache.coyote.Request;
import org.apache.coyote.Response;
import org.apache.tomcat.util.net.SocketEvent;
import org.jspecify.annotations.Nullable;

/** Tells each request which connection it came over; else the container's own adapter. */
public final class ConnectionAdapter implements Adapter {
    private static final String CONNECTION = ConnectionAdapter.class.getName() + ".connection";

    private final Adapter containers;
    private final DataProtocol.Connection connection;
    private final boolean unixSocket;

    /** @param unixSocket whether requests come over a Unix domain socket */
    ConnectionAdapter(Adapter containers, DataProtocol.Connection connection, boolean unixSocket) {
        this.containers = containers;
        this.connection = connection;
        this.unixSocket = unixSocket;
    }

    /** The connection of a request that came without TLS; null for others. */
    public static @Nullable PatientChannel plainConnection(ServletRequest request) {
        return request.getAttribute(CONNECTION) instanceof DataProtocol.Connection connection
                        && connection.channel() instanceof PatientChannel plain
                ? plain
                : null;
    }

    /**
     * Whether the client has closed its end of the request's connection, or its host refuses it. Does not wait; for the
     * thread that answers. A client that has sent another request ahead cannot be told from one that waits.
     */
    public static boolean isClosedByClient(ServletRequest request) {
        return request.getAttribute(CONNECTION) instanceof DataProtocol.Connection connection
                && connection.isClosedByClient();
    }

    /** Has the bytes counted that go over the request's connection from now on, until it is answered. */
    public static void spend(ServletRequest request, LongConsumer counter) {
        if (request.getAttribute(CONNECTION) instanceof DataProtocol.Connection connection
                && connection.channel() instanceof PacedChannel channel) {
            channel.pace().spend(counter);
        }
    }

    @Override
    public void service(Request request, Response response) throws Exception {
        request.setAttribute(CONNECTION, connection);
        if (unixSocket) {
            request.setAttribute(LocalSocket.ATTRIBUTE, true);
        }
        if (response.getStatus() == HttpServletResponse.SC_BAD_REQUEST && connection.isHeadTooLarge()) {
            ContainerProblems.headIsTooLarge(request);
        }
        connection.begin();
        containers.service(request, response);
        connection.answered();
    }

    @Override
    public boolean prepare(Request request, Response response) throws Exception {
        return containers.prepare(request, response);
    }

    @Override
    public boolean asyncDispatch(Request request, Response response, SocketEvent event) throws Exception {
        return containers.asyncDispatch(request, response, event);
    }

    @Override
    public void log(Request request, Response response, long time) {
        containers.log(request, response, time);
    }

    @Override
    public void checkRecycled(Request request, Response response) {
        containers.checkRecycled(request, response);
    }

    @Override
    public String getDomain() {
        return containers.getDomain();
    }
}
