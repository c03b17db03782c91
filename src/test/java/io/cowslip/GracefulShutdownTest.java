package io.cowslip;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RepeatedTable;
import io.micrometer.core.instrument.MeterRegistry;
import io.restassured.RestAssured;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;

/** A write that is under way when the service is told to stop is answered, and what it wrote is in the file then. */
@Timeout(300)
class GracefulShutdownTest {
    private static final String BODY = "0123456789abcdef";
    private static final String HEAD = """
            PATCH /drives/demo/data HTTP/1.1
            Host: localhost
            Connection: close
            Content-Type: application/octet-stream
            Content-Range: bytes 4096-4111/*
            Content-Length: 16

            """.replace("\n", "\r\n");

    @TempDir
    private Path temporary;

    @Test
    void requestsInFlightAreAnsweredBeforeDrivesClose() throws IOException {
        ConfigurableApplicationContext service = start();
        int port = port(service);
        try (Socket client = new Socket(InetAddress.getLoopbackAddress(), port)) {
            send(client, HEAD + BODY.substring(0, 8));
            await().until(() -> underWay(service) == 1);
            CompletableFuture<Void> stopping = CompletableFuture.runAsync(service::close);
            await().until(() -> refusesConnections(port));
            assertThat(stopping).isNotDone();

            send(client, BODY.substring(8));

            assertThat(firstLine(client)).startsWith("HTTP/1.1 200");
            stopping.join();
        }
        try (ConfigurableApplicationContext again = start()) {
            assertThat(RestAssured.given()
                            .port(port(again))
                            .header("Range", "bytes=4096-4111")
                            .get("/drives/demo/data")
                            .asString())
                    .isEqualTo(BODY);
        }
    }

    @Test
    @NeedsQemu
    void noneWaitsForADownloadThatHasNotBegun() throws IOException {
        Path images = Files.createDirectories(temporary.resolve("images"));
        RepeatedTable.make(images.resolve("long.qcow2"), 1L << 41);
        QemuTools.create(images.resolve("demo.qcow2"), 1 << 20, "");
        ConfigurableApplicationContext service = start();
        try (Socket client = new Socket(InetAddress.getLoopbackAddress(), port(service))) {
            send(client, """
                    GET /files/long.qcow2?format=qcow2&compress=zlib HTTP/1.1
                    Host: localhost

                    """.replace("\n", "\r\n"));
            await().until(() -> underWay(service) == 1);
            Instant stopped = Instant.now();
            service.close();
            assertThat(Duration.between(stopped, Instant.now())).isLessThan(Duration.ofSeconds(60));
            assertThat(firstLine(client)).startsWith("HTTP/1.1 503");
        }
    }

    /** Requests are waited for for longer than a test takes, so that none passes because the wait is over. */
    private ConfigurableApplicationContext start() {
        return SpringApplication.run(
                Cowslip.class,
                "--server.port=0",
                "--cowslip.image-root=" + temporary.resolve("images"),
                "--cowslip.drives.demo.file=demo.qcow2",
                "--spring.lifecycle.timeout-per-shutdown-phase=2m");
    }

    private static int port(ConfigurableApplicationContext service) {
        return service.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
    }

    private static int underWay(ConfigurableApplicationContext service) {
        return service.getBean(MeterRegistry.class).find("http.server.requests.active").longTaskTimers().stream()
                .mapToInt(timer -> timer.activeTasks())
                .sum();
    }

    private static boolean refusesConnections(int port) throws IOException {
        try (Socket other = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return !other.isConnected();
        } catch (ConnectException e) {
            return true;
        }
    }

    private static void send(Socket client, String text) throws IOException {
        OutputStream out = client.getOutputStream();
        out.write(text.getBytes(StandardCharsets.US_ASCII));
        out.flush();
    }

    private static String firstLine(Socket client) throws IOException {
        return new BufferedReader(new InputStreamReader(client.getInputStream(), StandardCharsets.US_ASCII)).readLine();
    }
}
