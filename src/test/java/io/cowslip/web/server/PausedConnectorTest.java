package io.cowslip.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.web.RawConnection;
import io.cowslip.web.RunningService;
import java.io.IOException;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.catalina.connector.Connector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.tomcat.TomcatWebServer;
import org.springframework.boot.web.server.servlet.context.ServletWebServerApplicationContext;

/** What comes while the connector stops is answered in full, with 503, or not at all: never as if it were at fault. */
@Timeout(60)
class PausedConnectorTest extends RunningService {
    private static final int REFUSALS = 5;

    private final AtomicInteger refused = new AtomicInteger();
    private final Set<Integer> answers = ConcurrentHashMap.newKeySet();

    @Autowired
    private ServletWebServerApplicationContext context;

    @Test
    void requestsAreUnavailable() throws Exception {
        TomcatWebServer server = (TomcatWebServer) Objects.requireNonNull(context.getWebServer());
        Connector connector = server.getTomcat().getConnector();
        AtomicBoolean ends = new AtomicBoolean();
        CompletableFuture<Void> client = CompletableFuture.runAsync(() -> {
            while (!ends.get()) {
                ask(ends);
            }
        });
        // Most pauses find the connection between two requests, and end it.
        while (refused.get() < REFUSALS) {
            Thread.sleep(2);
            connector.pause();
            Thread.sleep(1);
            connector.resume();
        }
        ends.set(true);
        client.join();
        assertThat(answers).containsExactlyInAnyOrder(200, 503);
    }

    /** Until the connection ends, which it may before a request is answered. */
    private void ask(AtomicBoolean ends) {
        try (RawConnection connection = new RawConnection(port())) {
            while (!ends.get()) {
                connection.head("HEAD /volumes HTTP/1.1");
                int status = connection.receiveHead().status();
                answers.add(status);
                if (status != 200) {
                    refused.incrementAndGet();
                }
            }
        } catch (IOException ended) {
            // Another connection, then.
        }
    }
}
