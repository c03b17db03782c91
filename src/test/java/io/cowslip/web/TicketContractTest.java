package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.nullValue;

import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Instant;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

/** Tickets: how they are made, what they open, and how they end. */
@Timeout(120)
class TicketContractTest extends RunningService {
    private static final String TICKETS = "/drives/disk/tickets";
    private static final int DISK = 8 * MIB;

    private final byte[] content = new byte[DISK];

    @BeforeEach
    void openDisk() {
        createAndOpen("disk", "t/disk.qcow2", "8M");
        byte[] random = new byte[300_000];
        new Random(8).nextBytes(random);
        System.arraycopy(random, 0, content, 100_000, random.length);
        write("disk", 100_000, random);
    }

    private static JsonPath issue(String body) {
        return json(body).post(TICKETS).then().statusCode(201).extract().jsonPath();
    }

    /** A ticket's transfer URL. */
    private static String url(String body) {
        return issue(body).getString("transfer-url");
    }

    private static String read() {
        return url("{\"ops\": [\"read\"]}");
    }

    private static String readWrite() {
        return url("{\"ops\": [\"read\", \"write\"]}");
    }

    @Test
    void aTicketIsToldInFullOnce() {
        Response made =
                json("{\"ops\": [\"write\", \"read\"], \"timeout\": 200, \"inactivity-timeout\": 30, \"size\": \"1M\"}")
                        .post(TICKETS);
        made.then()
                .statusCode(201)
                .header("Cache-Control", containsString("no-store"))
                .body("drive", equalTo("disk"))
                .body("ops", contains("read", "write"))
                .body("timeout", equalTo(200))
                .body("inactivity-timeout", equalTo(30))
                .body("size", equalTo(MIB))
                .body("active-requests", equalTo(0));
        String token = made.jsonPath().getString("ticket");
        assertThat(token).matches("[A-Za-z0-9_-]{43}");
        assertThat(made.jsonPath().getString("transfer-url")).isEqualTo("/images/" + token);
        assertThat(Instant.parse(made.jsonPath().getString("expires")))
                .isEqualTo(Instant.parse(made.jsonPath().getString("created")).plusSeconds(200));
        String place = made.header("Location");
        assertThat(place).isEqualTo(TICKETS + "/" + made.jsonPath().getString("id"));
        given().get(place)
                .then()
                .statusCode(200)
                .body("id", equalTo(made.jsonPath().getString("id")))
                .body("ticket", nullValue())
                .body("transfer-url", nullValue());
        assertThat(given().get(TICKETS).asString()).doesNotContain(token);
        given().get(TICKETS + "/" + token).then().statusCode(200).body("ticket", nullValue());
    }

    @Test
    void ticketsOfADriveAreListed() {
        given().get(TICKETS).then().statusCode(200).body("$", empty());
        String first = issue("{\"ops\": [\"read\"]}").getString("id");
        String second = issue("{\"ops\": [\"read\"]}").getString("id");
        createAndOpen("other", "t/other.qcow2", "1M");
        given().get(TICKETS).then().body("id", containsInAnyOrder(first, second));
        given().get("/drives/other/tickets").then().body("$", empty());
        problem(given().get("/drives/other/tickets/" + first), 404, "no-such-ticket");
        problem(given().get("/drives/nobody/tickets"), 404, "no-such-drive");
        problem(given().delete("/drives/nobody/tickets/x"), 404, "no-such-drive");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{}|400|invalid-option|ops",
                "{\"ops\": []}|400|invalid-option|ops",
                "{\"ops\": [\"read\", \"delete\"]}|400|invalid-option|ops",
                "{\"ops\": [\"read\"], \"timeout\": 0}|400|invalid-option|timeout",
                "{\"ops\": [\"read\"], \"timeout\": 2592001}|400|invalid-option|timeout",
                "{\"ops\": [\"read\"], \"inactivity-timeout\": -1}|400|invalid-option|inactivity-timeout",
                "{\"ops\": [\"read\"], \"size\": \"9M\"}|400|invalid-option|size",
                "{\"ops\": [\"read\"], \"size\": 0}|400|invalid-option|size",
                "{\"ops\": [\"read\"], \"bitmap\": \"b\", \"since\": \"s\"}|400|invalid-option|since",
                "{\"ops\": [\"read\"], \"until\": \"s\"}|400|invalid-option|until",
                "{\"ops\": [\"read\"], \"bitmap\": \"none\"}|404|not-found|",
                "{\"ops\": [\"read\"], \"since\": \"none\"}|404|not-found|",
                "{\"ops\": [\"read\"], \"timout\": 5}|400|unknown-key|timout",
                "{\"ops\": \"read\"}|400|unreadable-json|ops"
            })
    void whatCannotBeATicketIsRefused(String body, int status, String type, String option) {
        problem(json(body).post(TICKETS), status, type).body("option", equalTo(option));
        given().get(TICKETS).then().body("$", empty());
    }

    @Test
    void aReadOnlyDriveHasNoTicketsForWriting() {
        given().contentType("application/json").body("{\"read-only\": true}").patch("/drives/disk");
        problem(json("{\"ops\": [\"write\"]}").post(TICKETS), 403, "read-only");
        String url = read();
        given().options(url).then().body("features", contains("extents", "checksum"));
    }

    @Test
    void aTicketOpensTheBytes() {
        String url = readWrite();
        assertThat(given().get(url).asByteArray()).isEqualTo(content);
        given().head(url).then().statusCode(200).header("Content-Length", String.valueOf(DISK));
        Response part = given().header("Range", "bytes=100000-399999").get(url);
        part.then()
                .statusCode(206)
                .header("Content-Length", "300000")
                .header("Content-Range", "bytes 100000-399999/" + DISK)
                .header("Transfer-Encoding", nullValue());
        assertThat(part.asByteArray()).isEqualTo(Arrays.copyOfRange(content, 100_000, 400_000));
        octets(filled(1000, 7))
                .header("Content-Range", "bytes 500-1499/*")
                .put(url + "?flush=n")
                .then()
                .statusCode(200)
                .header("Content-Length", "0");
        assertThat(read("disk", 500, 1000)).isEqualTo(filled(1000, 7));
        json("{\"op\": \"zero\", \"offset\": 600, \"size\": 100, \"flush\": true}")
                .patch(url)
                .then()
                .statusCode(200);
        assertThat(read("disk", 600, 100)).isEqualTo(new byte[100]);
        assertThat(given().get(url + "/extents").asString())
                .isEqualTo(given().get("/drives/disk/data/extents").asString());
        assertThat(given().get(url + "/checksum").asString())
                .isEqualTo(given().get("/drives/disk/data/checksum").asString());
    }

    @Test
    void aTicketOpensNothingElse() {
        String read = read();
        problem(octets(new byte[10]).put(read), 403, "ticket-refused").body("detail", containsString("writing"));
        problem(json("{\"op\": \"flush\"}").patch(read), 403, "ticket-refused");
        String write = url("{\"ops\": [\"write\"]}");
        problem(given().get(write), 403, "ticket-refused").body("detail", containsString("reading"));
        problem(given().get(write + "/extents"), 403, "ticket-refused");
        problem(given().get(write + "/checksum"), 403, "ticket-refused");
        given().head(write).then().statusCode(403);
        octets(new byte[10]).put(write).then().statusCode(200);
    }

    @ParameterizedTest
    @ValueSource(strings = {"no-such-ticket", "6b5aXJvQ0T7e3wq4Zk1mYtR8uHnC2sVfLdGpEoIiWxA", "*"})
    void nobodyElseGetsIn(String ticket) {
        String url = "/images/" + ticket;
        problem(given().get(url), 403, "ticket-refused");
        given().head(url).then().statusCode(403);
        problem(octets(new byte[10]).put(url), 403, "ticket-refused");
        problem(json("{\"op\": \"flush\"}").patch(url), 403, "ticket-refused");
        problem(given().get(url + "/extents"), 403, "ticket-refused");
        problem(given().get(url + "/checksum"), 403, "ticket-refused");
        if (!ticket.equals("*")) {
            problem(given().options(url), 403, "ticket-refused");
        }
        String name = issue("{\"ops\": [\"read\"]}").getString("id");
        problem(given().get("/images/" + name), 403, "ticket-refused");
    }

    @Test
    void optionsTellWhatATicketAllows() {
        given().options("/images/*")
                .then()
                .statusCode(200)
                .contentType("application/json")
                .header("Allow", equalTo("OPTIONS,HEAD,GET,PUT,PATCH"))
                .body("features", contains("extents", "zero", "flush", "discard", "checksum"))
                .body("max_readers", equalTo(8))
                .body("max_writers", equalTo(8))
                .body("unix_socket", nullValue());
        given().options(read())
                .then()
                .statusCode(200)
                .header("Allow", equalTo("OPTIONS,HEAD,GET"))
                .body("features", contains("extents", "checksum"));
        given().options(url("{\"ops\": [\"write\"]}"))
                .then()
                .statusCode(200)
                .header("Allow", equalTo("OPTIONS,PUT,PATCH"))
                .body("features", contains("zero", "flush", "discard"));
        given().options(readWrite())
                .then()
                .body("features", contains("extents", "zero", "flush", "discard", "checksum"));
    }

    @Test
    void aSmallerSizeIsAllThatThereIs() throws IOException {
        String url = url("{\"ops\": [\"read\", \"write\"], \"size\": 153600}");
        assertThat(given().get(url).asByteArray()).isEqualTo(Arrays.copyOf(content, 153_600));
        given().head(url).then().header("Content-Length", "153600");
        given().header("Range", "bytes=153590-200000")
                .get(url)
                .then()
                .statusCode(206)
                .header("Content-Range", "bytes 153590-153599/153600");
        problem(given().header("Range", "bytes=153600-").get(url), 416, "range-not-satisfiable")
                .header("Content-Range", "bytes */153600");
        problem(
                octets(new byte[10])
                        .header("Content-Range", "bytes 153595-153604/*")
                        .put(url),
                416,
                "range-not-satisfiable");
        problem(octets(new byte[153_601]).put(url), 416, "range-not-satisfiable");
        problem(json("{\"op\": \"zero\", \"size\": 153601}").patch(url), 416, "range-not-satisfiable");
        JsonPath last = given().get(url + "/extents").jsonPath();
        assertThat(last.getLong("[-1].start") + last.getLong("[-1].length")).isEqualTo(153_600);
        Files.write(file("t/part.raw"), Arrays.copyOf(content, 153_600));
        json("{\"id\": \"part\", \"file\": \"t/part.raw\", \"format\": \"raw\"}")
                .post("/drives");
        assertThat(given().get(url + "/checksum").asString())
                .isEqualTo(given().get("/drives/part/data/checksum").asString());
    }

    /** An incremental backup's client says context=dirty, and no more. */
    @Test
    void dirtyExtentsCountFromWhatTheTicketWasMadeWith() {
        json("{\"name\": \"monday\"}").post("/drives/disk/snapshots").then().statusCode(201);
        json("{\"name\": \"nightly\"}").post("/drives/disk/bitmaps").then().statusCode(201);
        write("disk", 4 * MIB, filled(100, 5));
        for (String point : new String[] {"\"since\": \"monday\"", "\"bitmap\": \"nightly\""}) {
            String url = url("{\"ops\": [\"read\"], " + point + "}");
            given().get(url + "/extents?context=dirty")
                    .then()
                    .statusCode(200)
                    .body("findAll { it.dirty }.start", contains(4 * MIB))
                    .body("findAll { it.dirty }.length", contains(64 * KIB));
        }
        String cut = url("{\"ops\": [\"read\"], \"since\": \"monday\", \"size\": \"4100K\"}");
        JsonPath cutOff = given().get(cut + "/extents?context=dirty").jsonPath();
        assertThat(cutOff.getLong("[-1].start") + cutOff.getLong("[-1].length")).isEqualTo(4100 * KIB);
        problem(given().get(read() + "/extents?context=dirty"), 404, "not-found");
        problem(given().get("/drives/disk/data/extents?context=dirty"), 400, "invalid-option");
    }

    @Test
    void aTicketThatIsNotUsedExpires() {
        JsonPath ticket = issue("{\"ops\": [\"read\"], \"timeout\": 1}");
        String url = ticket.getString("transfer-url");
        int status = given().head(url).statusCode();
        // A slow test may come too late, which is nobody's fault.
        if (Instant.now().isBefore(Instant.parse(ticket.getString("expires")))) {
            assertThat(status).isEqualTo(200);
        }
        await().until(() -> given().get(TICKETS).jsonPath().getList("$").isEmpty());
        problem(given().get(url), 403, "ticket-refused");
        problem(given().options(url), 403, "ticket-refused");
        problem(given().get(TICKETS + "/" + ticket.getString("id")), 404, "no-such-ticket");
        problem(json("{\"timeout\": 5}").patch(TICKETS + "/" + ticket.getString("id")), 404, "no-such-ticket");
        problem(given().delete(TICKETS + "/" + ticket.getString("id")), 404, "no-such-ticket");
    }

    @Test
    void anExtensionCountsFromNow() {
        String place =
                TICKETS + "/" + issue("{\"ops\": [\"read\"], \"timeout\": 60}").getString("id");
        Instant asked = Instant.now();
        JsonPath extended = json("{\"timeout\": 900}")
                .patch(place)
                .then()
                .statusCode(200)
                .body("timeout", equalTo(900))
                .extract()
                .jsonPath();
        assertThat(Instant.parse(extended.getString("expires")))
                .isBetween(asked.plusSeconds(899), asked.plusSeconds(930));
        problem(json("{}").patch(place), 400, "invalid-option").body("option", equalTo("timeout"));
        problem(json("{\"timeout\": 0}").patch(place), 400, "invalid-option");
        problem(json("{\"ops\": [\"write\"]}").patch(place), 400, "unknown-key");
    }

    @Test
    void aCancelledTicketIsGone() {
        JsonPath ticket = issue("{\"ops\": [\"read\"]}");
        String place = TICKETS + "/" + ticket.getString("id");
        given().delete(place).then().statusCode(204);
        problem(given().get(ticket.getString("transfer-url")), 403, "ticket-refused");
        problem(given().get(place), 404, "no-such-ticket");
        problem(given().delete(place), 404, "no-such-ticket");
        given().delete(TICKETS + "/" + issue("{\"ops\": [\"read\"]}").getString("ticket"))
                .then()
                .statusCode(204);
        problem(given().delete(TICKETS + "/x?timeout=601"), 400, "invalid-option");
    }

    @Test
    void aCancellationWaitsForRequestsInFlight() throws Exception {
        JsonPath ticket = issue("{\"ops\": [\"write\"]}");
        String url = ticket.getString("transfer-url");
        String place = TICKETS + "/" + ticket.getString("id");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT " + url + " HTTP/1.1", "Content-Length: 1000000");
            connection.send(filled(500_000, 1));
            await().until(() -> activeRequests(ticket) == 1);
            CompletableFuture<Integer> cancelled =
                    CompletableFuture.supplyAsync(() -> given().delete(place).statusCode());
            await().until(() -> given().options(url).statusCode() == 403);
            assertThat(cancelled).isNotDone();
            connection.send(filled(500_000, 2));
            assertThat(connection.receiveHead().status()).isEqualTo(200);
            assertThat(cancelled.get()).isEqualTo(204);
        }
        assertThat(read("disk", 999_999, 1)).isEqualTo(filled(1, 2));
    }

    private static int activeRequests(JsonPath ticket) {
        return given().get(TICKETS + "/" + ticket.getString("id")).jsonPath().getInt("active-requests");
    }

    @Test
    void whatGoesOnForTooLongIsBrokenOff() throws Exception {
        JsonPath ticket = issue("{\"ops\": [\"write\"]}");
        String place = TICKETS + "/" + ticket.getString("id");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT " + ticket.getString("transfer-url") + " HTTP/1.1", "Content-Length: 1000000");
            connection.send(filled(400_000, 3));
            await().until(() -> activeRequests(ticket) == 1);
            problem(given().delete(place + "?timeout=0"), 409, "ticket-in-use");
            problem(given().get(place), 404, "no-such-ticket");
            connection.send(filled(600_000, 4));
            assertThat(connection.receiveHead().status()).isEqualTo(403);
        }
        given().delete(place).then().statusCode(204);
        assertThat(read("disk", 999_999, 1)).isEqualTo(new byte[1]);
    }

    @Test
    void anAnswerThatIsBrokenOffDoesNotLookWhole() throws Exception {
        createAndOpen("large", "t/large.qcow2", "1G");
        JsonPath ticket =
                json("{\"ops\": [\"read\"]}").post("/drives/large/tickets").jsonPath();
        String place = "/drives/large/tickets/" + ticket.getString("id");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("GET " + ticket.getString("transfer-url") + " HTTP/1.1");
            assertThat(connection.receiveHead().status()).isEqualTo(200);
            connection.receive(MIB);
            problem(given().delete(place + "?timeout=0"), 409, "ticket-in-use");
            assertThat(connection.receiveAll()).isLessThan(1023 * MIB);
        }
        await().until(() -> given().delete(place).statusCode() != 409);
    }

    @Test
    void ticketsEndWithTheirDrive() {
        String url = readWrite();
        given().delete("/drives/disk").then().statusCode(204);
        problem(given().get(url), 403, "ticket-refused");
        open("disk", "t/disk.qcow2");
        problem(given().get(url), 403, "ticket-refused");
        given().get(TICKETS).then().body("$", empty());
    }

    @Test
    void metersCountTicketsAndNameNone() {
        String url = read();
        given().header("Range", "bytes=0-99").get(url).then().statusCode(206);
        given().get(url + "/extents").then().statusCode(200);
        given().get(url + "/nonsense").then().statusCode(404);
        octets(new byte[1]).put(url).then().statusCode(403);
        String token = url.substring("/images/".length());
        given().get(TICKETS + "/" + token).then().statusCode(200);
        given().get("/actuator/metrics/cowslip.tickets")
                .then()
                .statusCode(200)
                .body("measurements", hasSize(1))
                .body("measurements[0].value", equalTo(1.0f));
        String requests = given().get("/actuator/metrics/http.server.requests").asString();
        assertThat(requests)
                .contains("/images/{ticket}", "/images/{ticket}/extents")
                .doesNotContain(token);
    }

    @Test
    @ExtendWith(OutputCaptureExtension.class)
    void noLogLineHasATicket(CapturedOutput output) {
        String url = url("{\"ops\": [\"read\"], \"timeout\": 60}");
        String token = url.substring("/images/".length());
        given().header("Range", "bytes=0-99").get(url).then().statusCode(206);
        given().get(url + "/nonsense").then().statusCode(404);
        given().get("/drives/disk/tickets/" + token + "/nonsense").then().statusCode(404);
        given().post(url).then().statusCode(405);
        octets(new byte[1]).put(url).then().statusCode(403);
        given().delete("/drives/disk").then().statusCode(204);
        given().get(url).then().statusCode(403);
        assertThat(output.getAll()).doesNotContain(token);
    }
}
