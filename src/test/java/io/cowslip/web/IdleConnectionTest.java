package io.cowslip.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.Cowslip;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import org.apache.coyote.AbstractProtocol;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.tomcat.TomcatWebServer;
import org.springframework.boot.web.server.servlet.context.ServletWebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;

/** A client that asks nothing for a while may go on where it stopped; one that does not finish what it asks may not. */
@Timeout(120)
class IdleConnectionTest {
    @TempDir
    private Path temporary;

    /** With two seconds in the place of the minute that a request may stall for. */
    @Test
    void idleConnectionsStay() throws Exception {
        try (ConfigurableApplicationContext service = SpringApplication.run(
                Cowslip.class,
                "--server.port=0",
                "--cowslip.image-root=" + temporary.resolve("images"),
                "--cowslip.drives.demo.file=demo.qcow2",
                "--server.tomcat.connection-timeout=2s")) {
            int port = service.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
            assertThat(keepAlive(service)).isGreaterThanOrEqualTo(Duration.ofMinutes(5));
            try (RawConnection idle = new RawConnection(port)) {
                assertThat(hello(idle)).isEqualTo("Hello");
                // Only now: a service's first answer may take longer than a connection that asks nothing yet is given.
                try (RawConnection stalled = new RawConnection(port)) {
                    stalled.send("GET /drives/demo/da".getBytes(StandardCharsets.US_ASCII));
                    assertThat(stalled.ended()).isTrue();
                }
                // Idle is what the connection has to be: twice as long as a stalled one may be still.
                Thread.sleep(Duration.ofSeconds(4));
                assertThat(hello(idle)).isEqualTo("Hello");
            }
        }
    }

    private static String hello(RawConnection connection) throws IOException {
        connection.head("GET /drives/demo/data HTTP/1.1", "Range: bytes=0-4");
        assertThat(connection.receiveHead().status()).isEqualTo(206);
        return new String(connection.receive(5), StandardCharsets.US_ASCII);
    }

    private static Duration keepAlive(ConfigurableApplicationContext service) {
        TomcatWebServer server =
                (TomcatWebServer) Objects.requireNonNull(((ServletWebServerApplicationContext) service).getWebServer());
        AbstractProtocol<?> protocol =
                (AbstractProtocol<?>) server.getTomcat().getConnector().getProtocolHandler();
        return Duration.ofMillis(protocol.getKeepAliveTimeout());
    }
}
