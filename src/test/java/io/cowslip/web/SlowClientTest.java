package io.cowslip.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.cowslip.Cowslip;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RepeatedTable;
import io.cowslip.testing.Seeds;
import io.micrometer.core.instrument.MeterRegistry;
import io.restassured.RestAssured;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;

/**
 * "HTTP side": clients that are slow on purpose (slowloris), over each kind of connection, against a service with few
 * threads and short patience. None keeps a thread, a claim on an image, or other clients' connections.
 */
@NeedsQemu
@Timeout(180)
@Tag("long")
class SlowClientTest {
    private static final int THREADS = 8;
    private static final int CONNECTIONS = 40;
    private static final int MIB = 1 << 20;

    @TempDir
    static Path temporary;

    private static ConfigurableApplicationContext plain;
    private static @Nullable ConfigurableApplicationContext secure;
    private static SSLContext trust;

    private final List<RawConnection> connections = new CopyOnWriteArrayList<>();
    private final AtomicBoolean over = new AtomicBoolean();

    private enum Way {
        TCP,
        TLS,
        UNIX
    }

    /** TLS takes a service of its own, and so the long run. */
    private static final List<Way> WAYS = Seeds.longRun() ? List.of(Way.values()) : List.of(Way.TCP, Way.UNIX);

    @BeforeAll
    static void start() throws Exception {
        Path keys = temporary.resolve("keys.p12");
        TlsTest.makeKeys(keys);
        trust = TlsTest.trusting(keys);
        plain = start("plain", "--cowslip.web.unix-socket=" + temporary.resolve("cowslip.sock"));
        if (WAYS.contains(Way.TLS)) {
            secure = start(
                    "secure", "--server.ssl.key-store=" + keys, "--server.ssl.key-store-password=" + TlsTest.PASSWORD);
        }
    }

    private static ConfigurableApplicationContext start(String name, String... more) throws IOException {
        Path images = Files.createDirectories(temporary.resolve(name));
        Path disk = QemuTools.create(images.resolve("full.qcow2"), 64L * MIB, "");
        QemuTools.edit(disk, "write -P 1 0 64M");
        QemuTools.create(images.resolve("disk.qcow2"), 64L * MIB, "");
        QemuTools.create(images.resolve("disk2.qcow2"), MIB, "");
        List<String> arguments = new ArrayList<>(List.of(more));
        arguments.addAll(List.of(
                "--server.port=0",
                "--cowslip.data=" + temporary.resolve(name + "-data"),
                "--cowslip.image-root=" + images,
                "--cowslip.drives.disk.file=disk.qcow2",
                "--cowslip.drives.full.file=full.qcow2",
                "--cowslip.drives.full.read-only=true",
                "--cowslip.jobs.running=1",
                "--server.tomcat.threads.max=" + THREADS,
                "--server.tomcat.threads.min-spare=" + THREADS,
                "--server.tomcat.max-connections=" + CONNECTIONS,
                "--cowslip.limits.head-timeout=1500ms",
                "--cowslip.limits.min-rate=16K",
                "--cowslip.limits.slow-grace=1500ms",
                "--cowslip.limits.crowded-grace=500ms"));
        return SpringApplication.run(Cowslip.class, arguments.toArray(String[]::new));
    }

    @AfterEach
    void hangUp() throws IOException {
        over.set(true);
        for (RawConnection connection : connections) {
            connection.close();
        }
    }

    @AfterAll
    static void stop() {
        plain.close();
        if (secure != null) {
            secure.close();
        }
    }

    private static ConfigurableApplicationContext service(Way way) {
        return way == Way.TLS ? Objects.requireNonNull(secure) : plain;
    }

    private static int port(ConfigurableApplicationContext service) {
        return service.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
    }

    private RawConnection connect(Way way) throws IOException {
        RawConnection connection = switch (way) {
            case TCP -> new RawConnection(port(plain));
            case TLS -> RawConnection.secure(port(service(way)), trust);
            case UNIX -> RawConnection.unix(temporary.resolve("cowslip.sock"));
        };
        connections.add(connection);
        return connection;
    }

    /** How many connections this limit has ended. */
    private static long ended(String limit) {
        return WAYS.stream()
                .map(SlowClientTest::service)
                .distinct()
                .map(service -> service.getBean(MeterRegistry.class)
                        .find("cowslip.limits.refused")
                        .tag("limit", limit)
                        .counter())
                .filter(Objects::nonNull)
                .mapToLong(counter -> (long) counter.count())
                .sum();
    }

    /** What one client does. */
    @FunctionalInterface
    private interface Client {
        void run(Way way) throws Exception;
    }

    /** Has a client of each kind do the same at once, all of which takes waiting and hardly any work. */
    private static void overEveryWay(Client client) {
        List<CompletableFuture<Void>> running = new ArrayList<>();
        for (Way way : WAYS) {
            running.add(CompletableFuture.runAsync(
                    () -> {
                        try {
                            client.run(way);
                        } catch (Exception failure) {
                            throw new AssertionError("over " + way, failure);
                        }
                    },
                    task -> Thread.ofPlatform().start(task)));
        }
        running.forEach(CompletableFuture::join);
    }

    /** The same, of which this limit ends so many connections of each kind, and nothing is left held. */
    private static void endsEveryWay(String limit, int connectionsOfEach, Client client) {
        long all = ended(limit) + (long) connectionsOfEach * WAYS.size();
        overEveryWay(client);
        await().until(() -> ended(limit) == all);
        assertNothingHeld();
    }

    /** No request is under way, and so no lease on a drive. */
    private static void assertNothingHeld() {
        await().until(() ->
                WAYS.stream().mapToInt(way -> underWay(service(way))).sum() == 0);
    }

    private static int underWay(ConfigurableApplicationContext service) {
        return service.getBean(MeterRegistry.class).find("http.server.requests.active").longTaskTimers().stream()
                .mapToInt(timer -> timer.activeTasks())
                .sum();
    }

    /** Sends a byte now and then, for as long as somebody takes it. */
    private void trickle(RawConnection connection) {
        Thread.ofVirtual().start(() -> {
            try {
                while (!over.get()) {
                    connection.send(new byte[] {'x'});
                    // Often enough never to be still, and still too slow.
                    Thread.sleep(50);
                }
            } catch (IOException ended) {
                // As it is to be.
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
            }
        });
    }

    @Test
    void aHeadThatTricklesIsCutOff() {
        endsEveryWay("head-timeout", 1, way -> {
            RawConnection slow = connect(way);
            slow.send("GET /drives/disk/data HTTP/1.1\r\nX-Slow: ".getBytes(StandardCharsets.US_ASCII));
            trickle(slow);
            slow.receiveAll();
        });
    }

    /** Of a body without a length, the head of a chunk is no better place to be slow in. */
    @Test
    void aBodyThatTricklesIsCutOff() {
        endsEveryWay("min-rate", 2, way -> {
            RawConnection slow = connect(way);
            slow.head("PUT /drives/disk/data?flush=n HTTP/1.1", "Content-Length: 1048576");
            trickle(slow);
            RawConnection chunked = connect(way);
            chunked.head("PUT /drives/disk/data?flush=n HTTP/1.1", "Transfer-Encoding: chunked");
            chunked.send("1;name=".getBytes(StandardCharsets.US_ASCII));
            trickle(chunked);
            slow.receiveAll();
            chunked.receiveAll();
        });
    }

    /** What is left of a body that is refused is read for a while, so that its client can read the answer. */
    @Test
    void aRefusedBodyThatTricklesIsCutOff() {
        endsEveryWay("min-rate", 1, way -> {
            RawConnection slow = connect(way);
            slow.head("PUT /drives/none/data HTTP/1.1", "Content-Length: 1048576");
            assertThat(slow.receiveHead().status()).isEqualTo(404);
            trickle(slow);
            slow.receiveAll();
        });
    }

    /** Also of a drive whose bytes go out without a copy. Others get them as before. */
    @Test
    void aReaderThatTakesNothingIsCutOff() throws IOException {
        endsEveryWay("min-rate", 2, way -> {
            for (String drive : List.of("disk", "full")) {
                RawConnection slow = connect(way);
                slow.head("GET /drives/" + drive + "/data HTTP/1.1");
                assertThat(slow.receiveHead().status()).isEqualTo(200);
            }
        });
        assertFullIsRead();
    }

    /** Slower than the rate, but never still. */
    @Test
    void aDownloadThatTricklesIsCutOff() throws IOException {
        long all = ended("min-rate") + WAYS.size();
        overEveryWay(way -> {
            RawConnection slow = connect(way);
            slow.head("GET /drives/full/data HTTP/1.1");
            while (ended("min-rate") < all) {
                try {
                    slow.receive(100);
                } catch (IOException reset) {
                    // This one is ended, others may not be yet.
                }
                // Slow is what this client is to be.
                Thread.sleep(20);
            }
        });
        assertNothingHeld();
        assertFullIsRead();
    }

    private void assertFullIsRead() throws IOException {
        RawConnection other = connect(Way.TCP);
        other.head("GET /drives/full/data HTTP/1.1", "Range: bytes=1048576-5242879");
        assertThat(other.receiveHead().status()).isEqualTo(206);
        assertThat(other.receive(4 * MIB)).isEqualTo(RunningService.filled(4 * MIB, 1));
    }

    @Test
    void pausesWithinTheGraceAreBorne() {
        overEveryWay(way -> {
            for (int attempt = 0; !isBorne(way); attempt++) {
                assertThat(attempt).as("attempts over %s", way).isLessThan(2);
            }
        });
    }

    /** False where the client was cut off: one that is itself kept from running may pause for longer than it means to. */
    private boolean isBorne(Way way) throws IOException, InterruptedException {
        RawConnection paused = connect(way);
        try {
            paused.head("PUT /drives/disk/data?flush=n HTTP/1.1", "Content-Length: 400000");
            for (int part = 0; part < 8; part++) {
                paused.send(new byte[50_000]);
                // A pause is what is to be borne.
                Thread.sleep(250);
            }
            assertThat(paused.receiveHead().status()).isEqualTo(200);
            // Between requests a connection may be idle for longer than a client may be slow.
            Thread.sleep(2000);
            paused.head("GET /drives/disk/data HTTP/1.1", "Range: bytes=0-4");
            assertThat(paused.receiveHead().status()).isEqualTo(206);
            return true;
        } catch (SocketTimeoutException unserved) {
            throw unserved;
        } catch (IOException cut) {
            return false;
        }
    }

    /** Three times as many slow uploads as there are threads. */
    @Test
    void slowUploadsLeaveThreadsToOthers() {
        overEveryWay(way -> {
            for (int count = 0; count < 3 * THREADS; count++) {
                RawConnection slow = connect(way);
                slow.head("PUT /drives/disk/data?flush=n HTTP/1.1", "Content-Length: 1048576");
                trickle(slow);
            }
            for (int count = 0; count < 3; count++) {
                assertServed(way);
            }
        });
    }

    /** As many idle connections as there may be: the oldest make room for who wants to be served. */
    @Test
    void idleConnectionsLeaveRoomForOthers() {
        overEveryWay(way -> {
            for (int count = 0; count < CONNECTIONS + 5; count++) {
                assertServed(way);
            }
        });
    }

    /** A test that is itself kept from running may be too slow where there is little room: once more, then. */
    private void assertServed(Way way) throws IOException {
        for (int attempt = 0; attempt < 3; attempt++) {
            try {
                RawConnection connection = connect(way);
                connection.head("GET /drives/disk/data HTTP/1.1", "Range: bytes=0-4");
                assertThat(connection.receiveHead().status()).isEqualTo(206);
                return;
            } catch (SocketTimeoutException unserved) {
                throw unserved;
            } catch (IOException cut) {
                assertThat(attempt).as("attempts over %s, last: %s", way, cut).isLessThan(2);
            }
        }
    }

    /** Nobody waits for the client of an answer that is not there yet. */
    @Test
    void whoWaitsForTheServiceIsNotSlow() throws Exception {
        RepeatedTable.make(temporary.resolve("plain/long.qcow2"), 1L << 40);
        RequestSpecification api = RestAssured.given().port(port(plain)).contentType("application/json");
        api.body("{\"id\": \"long\", \"type\": \"convert\", \"file\": \"long.qcow2\","
                        + " \"target\": {\"file\": \"copy.qcow2\", \"compress\": true}}")
                .post("/jobs")
                .then()
                .statusCode(202);
        api.body("{\"id\": \"waits\", \"type\": \"check\", \"file\": \"disk2.qcow2\"}")
                .post("/jobs")
                .then()
                .statusCode(202);
        RawConnection events = connect(Way.TCP);
        events.head("GET /jobs/waits/events HTTP/1.1");
        assertThat(events.receiveHead().status()).isEqualTo(200);
        RawConnection download = connect(Way.TCP);
        download.head("GET /files/long.qcow2?format=qcow2&compress=zstd HTTP/1.1");
        long before = ended("min-rate");
        // Longer than a slow client is given: what waits for the service is not slow.
        Thread.sleep(4000);
        assertThat(ended("min-rate")).isEqualTo(before);
        assertThat(underWay(plain)).isPositive();
        api.delete("/jobs/waits");
        api.delete("/jobs/long");
        assertThat(events.receive(1)).hasSize(1);
    }
}
