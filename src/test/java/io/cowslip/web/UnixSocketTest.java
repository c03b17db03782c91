package io.cowslip.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;

import io.cowslip.Cowslip;
import io.micrometer.core.instrument.LongTaskTimer;
import io.micrometer.core.instrument.MeterRegistry;
import io.restassured.RestAssured;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.context.ConfigurableApplicationContext;

/** The service over a Unix domain socket, beside its port. */
@Timeout(120)
class UnixSocketTest {
    private static final int MIB = 1 << 20;

    @TempDir
    private Path temporary;

    private Path socket() {
        return temporary.resolve("cowslip.sock");
    }

    private ConfigurableApplicationContext start(String... more) {
        String[] fixed = {
            "--server.port=0",
            "--cowslip.image-root=" + temporary.resolve("images"),
            "--cowslip.drives.demo.file=demo.qcow2",
            "--cowslip.web.unix-socket=" + socket(),
            // None of these tests passes because this is over.
            "--spring.lifecycle.timeout-per-shutdown-phase=2m"
        };
        String[] arguments = Arrays.copyOf(fixed, fixed.length + more.length);
        System.arraycopy(more, 0, arguments, fixed.length, more.length);
        return SpringApplication.run(Cowslip.class, arguments);
    }

    private static int port(ConfigurableApplicationContext service) {
        return service.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
    }

    /** Everything that comes back on a connection that the request ends. */
    private byte[] ask(String head, byte[] body) throws IOException {
        try (SocketChannel connection = connect()) {
            send(
                    connection,
                    (head + "\r\nHost: localhost\r\nConnection: close\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            send(connection, body);
            return Channels.newInputStream(connection).readAllBytes();
        }
    }

    private SocketChannel connect() throws IOException {
        SocketChannel connection = SocketChannel.open(StandardProtocolFamily.UNIX);
        connection.connect(UnixDomainSocketAddress.of(socket()));
        return connection;
    }

    private static void send(SocketChannel connection, byte[] bytes) throws IOException {
        ByteBuffer left = ByteBuffer.wrap(bytes);
        while (left.hasRemaining()) {
            connection.write(left);
        }
    }

    private static byte[] body(byte[] answer) {
        String text = new String(answer, StandardCharsets.ISO_8859_1);
        return Arrays.copyOfRange(answer, text.indexOf("\r\n\r\n") + 4, answer.length);
    }

    private static String head(byte[] answer) {
        String text = new String(answer, StandardCharsets.ISO_8859_1);
        return text.substring(0, text.indexOf("\r\n\r\n"));
    }

    @Test
    void bytesGoBothWays() throws IOException {
        try (ConfigurableApplicationContext service = start()) {
            byte[] bytes = new byte[5 * MIB + 777];
            new Random(12).nextBytes(bytes);
            byte[] written = ask("PUT /drives/demo/data?flush=n HTTP/1.1\r\nContent-Length: " + bytes.length, bytes);
            assertThat(head(written)).startsWith("HTTP/1.1 200");
            byte[] whole = ask("GET /drives/demo/data HTTP/1.1", new byte[0]);
            assertThat(head(whole)).startsWith("HTTP/1.1 200").contains("Content-Length: " + 64 * MIB);
            assertThat(body(whole)).hasSize(64 * MIB).startsWith(bytes);
            assertThat(body(ask("GET /drives/demo/data HTTP/1.1\r\nRange: bytes=1000000-4999999", new byte[0])))
                    .isEqualTo(Arrays.copyOfRange(bytes, 1_000_000, 5_000_000));
            assertThat(head(ask("GET /images/none HTTP/1.1", new byte[0]))).startsWith("HTTP/1.1 403");
            assertThat(service.isRunning()).isTrue();
        }
    }

    /** Pages of a read-only drive take the same way as they do over TCP, as far as the host can tell what has arrived. */
    @Test
    void readOnlyDrivesToo() throws IOException {
        try (ConfigurableApplicationContext service = start("--cowslip.drives.demo.read-only=true")) {
            byte[] tcp = RestAssured.given()
                    .port(port(service))
                    .get("/drives/demo/data")
                    .asByteArray();
            assertThat(body(ask("GET /drives/demo/data HTTP/1.1", new byte[0]))).isEqualTo(tcp);
        }
    }

    @Test
    void clientsOfThisHostAreTold() throws IOException {
        try (ConfigurableApplicationContext service = start("--cowslip.web.unix-socket-permissions=rw-------")) {
            RestAssured.given()
                    .port(port(service))
                    .options("/images/*")
                    .then()
                    .statusCode(200)
                    .body("unix_socket", equalTo(socket().toString()));
            assertThat(new String(body(ask("OPTIONS /images/* HTTP/1.1", new byte[0])), StandardCharsets.US_ASCII))
                    .contains("\"unix_socket\":\"" + socket() + "\"");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket())))
                    .isEqualTo("rw-------");
        }
        try (ConfigurableApplicationContext again = start()) {
            assertThat(again.isRunning()).isTrue();
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket())))
                    .isEqualTo("rw-rw----");
        }
    }

    @Test
    void aStopWaitsForRequestsHereAsWell() throws IOException {
        ConfigurableApplicationContext service = start();
        try (SocketChannel client = connect()) {
            send(client, """
                    PATCH /drives/demo/data HTTP/1.1
                    Host: localhost
                    Connection: close
                    Content-Type: application/octet-stream
                    Content-Range: bytes 4096-4111/*
                    Content-Length: 16

                    01234567""".replace("\n", "\r\n").getBytes(StandardCharsets.US_ASCII));
            await().until(() -> underWay(service) == 1);
            CompletableFuture<Void> stopping = CompletableFuture.runAsync(service::close);
            await().until(() -> !Files.exists(socket(), LinkOption.NOFOLLOW_LINKS));
            assertThat(stopping).isNotDone();
            send(client, "89abcdef".getBytes(StandardCharsets.US_ASCII));
            assertThat(new String(Channels.newInputStream(client).readAllBytes(), StandardCharsets.US_ASCII))
                    .startsWith("HTTP/1.1 200");
            stopping.join();
        }
    }

    private static int underWay(ConfigurableApplicationContext service) {
        return service.getBean(MeterRegistry.class).find("http.server.requests.active").longTaskTimers().stream()
                .mapToInt(LongTaskTimer::activeTasks)
                .sum();
    }

    @Test
    void whatADeadProcessLeftIsReplaced() throws IOException {
        ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        dead.bind(UnixDomainSocketAddress.of(socket()));
        dead.close();
        assertThat(socket()).exists();
        try (ConfigurableApplicationContext service = start()) {
            assertThat(service.isRunning()).isTrue();
            assertThat(head(ask("GET /drives HTTP/1.1", new byte[0]))).startsWith("HTTP/1.1 200");
        }
        assertThat(socket()).doesNotExist();
    }

    @Test
    void whatSomebodyUsesIsLeftAlone() throws IOException {
        try (ServerSocketChannel other = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            other.bind(UnixDomainSocketAddress.of(socket()));
            assertRefused("Another process listens there");
            assertThat(socket()).exists();
        }
        Files.delete(socket());
        Files.writeString(socket(), "mine");
        assertRefused("no socket");
        assertThat(socket()).hasContent("mine");
    }

    /** The file's mode says who may connect; who says who they are all the same is held to it. */
    @Test
    void whoMayOpenTheSocketIsAskedNothing() throws IOException {
        String[] callers = {
            // SHA-256 of "abc" (FIPS 180-4's example)
            "--cowslip.security.api-keys.abc.sha256=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "--cowslip.security.api-keys.abc.scopes=read",
            "--management.server.port=0",
            "--management.server.address=127.0.0.1"
        };
        try (ConfigurableApplicationContext service = start(callers)) {
            assertThat(head(ask("GET /drives HTTP/1.1", new byte[0]))).startsWith("HTTP/1.1 200");
            assertThat(head(ask("DELETE /drives/demo HTTP/1.1", new byte[0]))).startsWith("HTTP/1.1 204");
            assertThat(head(ask("GET /drives HTTP/1.1\r\nAuthorization: Bearer wrong", new byte[0])))
                    .startsWith("HTTP/1.1 401");
            assertThat(head(ask("GET /drives HTTP/1.1\r\nAuthorization: Bearer abc", new byte[0])))
                    .startsWith("HTTP/1.1 200");
            assertThat(head(ask("DELETE /drives/x HTTP/1.1\r\nAuthorization: Bearer abc", new byte[0])))
                    .startsWith("HTTP/1.1 403");

            RestAssured.given().port(port(service)).get("/drives").then().statusCode(401);
            int management = service.getEnvironment().getRequiredProperty("local.management.port", Integer.class);
            RestAssured.given().port(management).get("/actuator/health").then().statusCode(200);
            RestAssured.given().port(management).get("/actuator/metrics").then().statusCode(401);
            RestAssured.given()
                    .port(management)
                    .header("Authorization", "Bearer abc")
                    .get("/actuator/metrics")
                    .then()
                    .statusCode(403);
        }
    }

    @Test
    void pathsAndPermissionsThatCannotBeAreRefused() {
        assertRefused("bytes; a Unix", "--cowslip.web.unix-socket=" + temporary.resolve("x".repeat(120)));
        assertRefused("There is no folder", "--cowslip.web.unix-socket=" + temporary.resolve("none/cowslip.sock"));
        assertRefused("rw-rw----", "--cowslip.web.unix-socket-permissions=0660");
    }

    private void assertRefused(String reason, String... arguments) {
        assertThatThrownBy(() -> start(arguments).close())
                .hasStackTraceContaining(InvalidConfigurationPropertyValueException.class.getSimpleName())
                .hasStackTraceContaining(reason)
                // The exception itself, and not a failure to make it.
                .satisfies(refused ->
                        assertThat(refused).hasRootCauseInstanceOf(InvalidConfigurationPropertyValueException.class));
    }
}
