package io.cowslip.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.web.RawConnection;
import io.cowslip.web.RunningService;
import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.apache.catalina.connector.Connector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.tomcat.TomcatWebServer;
import org.springframework.boot.web.server.servlet.context.ServletWebServerApplicationContext;

/** What comes while the connector stops is answered in full, with 503, or not at all: never as if it were at fault. */
@Timeout(60)
class PausedConnectorTest extends RunningService {
    private static final int REFUSALS = 2;
    private static final int OK = 200;
    private static final int UNAVAILABLE = 503;

    @Autowired
    private ServletWebServerApplicationContext context;

    @Test
    void requestsAreUnavailable() throws IOException {
        TomcatWebServer server = (TomcatWebServer) Objects.requireNonNull(context.getWebServer());
        Connector connector = server.getTomcat().getConnector();
        int refusals = 0;
        // Most pauses find the connection between two requests, and end it.
        while (refusals < REFUSALS) {
            int last = lastAnswer(connector);
            assertThat(last).isIn(OK, UNAVAILABLE);
            refusals += last == OK ? 0 : 1;
        }
    }

    /** Asks on one connection until it ends, because the connector is told to pause meanwhile. */
    private int lastAnswer(Connector connector) throws IOException {
        try (RawConnection connection = new RawConnection(port())) {
            int last = ask(connection);
            CompletableFuture<Void> pause = CompletableFuture.runAsync(connector::pause);
            try {
                while (last == OK) {
                    last = ask(connection);
                }
            } catch (IOException ended) {
                // Before the last request was answered.
            }
            pause.join();
            return last;
        } finally {
            connector.resume();
        }
    }

    private static int ask(RawConnection connection) throws IOException {
        connection.head("HEAD /volumes HTTP/1.1");
        return connection.receiveHead().status();
    }
}
