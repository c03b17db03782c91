package io.cowslip;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.anyOf;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.startsWith;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.ServiceProcess;
import io.restassured.RestAssured;
import io.restassured.builder.RequestSpecBuilder;
import io.restassured.config.EncoderConfig;
import io.restassured.config.RestAssuredConfig;
import io.restassured.http.ContentType;
import io.restassured.path.json.JsonPath;
import io.restassured.response.ValidatableResponse;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The service is killed, and tells the same story when it starts anew. */
@Timeout(300)
class RestartTest {
    private static final String PASSPHRASE = "correct horse";
    private static final int SOURCE_BYTES = 128 << 20;

    @TempDir
    private Path folder;

    @AfterEach
    void forgetService() {
        RestAssured.reset();
    }

    private ServiceProcess start() {
        ServiceProcess service = ServiceProcess.start(
                folder,
                "--cowslip.data=data",
                "--cowslip.secrets-folder=secrets",
                "--cowslip.demo-image=false",
                "--cowslip.jobs.running=1");
        RestAssured.requestSpecification = new RequestSpecBuilder()
                .setBaseUri("http://127.0.0.1")
                .setPort(service.port())
                .setConfig(RestAssuredConfig.config()
                        .encoderConfig(EncoderConfig.encoderConfig()
                                .appendDefaultContentCharsetToContentTypeIfUndefined(false)))
                .build();
        return service;
    }

    @Test
    @NeedsQemu
    void drivesAreOpenAgainAfterAKill() throws IOException {
        String shown;
        try (ServiceProcess service = start()) {
            openDrives();
            json("{\"l2-cache-size\": \"64K\", \"cache-clean-interval\": 7}")
                    .patch("/drives/kept")
                    .then()
                    .statusCode(200);
            write("kept", "still here");
            shown = given().get("/drives/kept").asString();
            aSecondServiceRefusesTheDataFolder();
            service.kill();
        }
        assertThat(catalogueHolds(PASSPHRASE))
                .as("a passphrase in the catalogue")
                .isFalse();
        Files.delete(image("gone"));
        try (var held = QemuTools.hold("qcow2", image("held"));
                ServiceProcess service = start()) {
            given().get("/drives").then().body("id", contains("kept", "keyed", "then"));
            assertThat(given().get("/drives/kept").asString()).isEqualTo(shown);
            given().header("Range", "bytes=0-9").get("/drives/kept/data").then().body(equalTo("still here"));
            given().header("Range", "bytes=0-3").get("/drives/then/data").then().body(equalTo("then"));
            theRestIsTold();
            problem("POST", "/drives/held/reopen", 409, "busy");
            assertThat(service.output()).contains("Drive gone on gone.qcow2 is not open");
            held.close();
            given().post("/drives/held/reopen").then().statusCode(200).body("id", equalTo("held"));
            problem("POST", "/drives/secret/reopen", 400, "invalid-option");
            json(opening("secret", "\"encrypt\": {\"key-secret\": \"" + PASSPHRASE + "\"}"))
                    .post("/drives")
                    .then()
                    .statusCode(201);
            given().delete("/drives/gone").then().statusCode(204);
            problem("GET", "/drives/gone", 404, "no-such-drive");
            assertThat(service.stop()).isEqualTo(128 + 15);
        }
    }

    /** Links go on, those of a drive that was closed do not, and the catalogue has no secret to tell. */
    @Test
    void ticketsOpenTheSameAfterAKill() throws IOException {
        String url;
        String cancelled;
        String closed;
        try (ServiceProcess service = start()) {
            create("kept", "");
            open("kept", "\"read-only\": false");
            create("other", "");
            open("other", "\"read-only\": false");
            write("kept", "still here");
            url = ticket("kept", "{\"ops\": [\"read\"], \"timeout\": 600}");
            cancelled = ticket("kept", "{\"ops\": [\"read\"]}");
            given().delete("/drives/kept/tickets/" + cancelled.substring("/images/".length()))
                    .then()
                    .statusCode(204);
            closed = ticket("other", "{\"ops\": [\"read\"]}");
            given().delete("/drives/other").then().statusCode(204);
            open("other", "\"read-only\": false");
            service.kill();
        }
        assertThat(catalogueHolds(url.substring("/images/".length()))).isFalse();
        try (ServiceProcess service = start()) {
            given().header("Range", "bytes=0-9").get(url).then().statusCode(206).body(equalTo("still here"));
            given().get("/drives/kept/tickets").then().body("timeout", contains(600));
            given().get(cancelled).then().statusCode(403);
            given().get("/drives/other").then().statusCode(200);
            given().get(closed).then().statusCode(403);
            service.stop();
        }
    }

    private static String ticket(String drive, String body) {
        return json(body)
                .post("/drives/" + drive + "/tickets")
                .then()
                .statusCode(201)
                .extract()
                .path("transfer-url");
    }

    @Test
    @NeedsQemu
    void jobsTellWhatBecameOfThemAfterAKill() throws IOException {
        byte[] source = new byte[SOURCE_BYTES];
        new Random(1).nextBytes(source);
        String done;
        String failed;
        try (ServiceProcess service = start()) {
            Files.write(folder.resolve("images/source.raw"), source);
            create("checked", "");
            submit("{\"type\": \"check\", \"id\": \"done\", \"file\": \"checked.qcow2\"}");
            done = ended("done");
            submit("{\"type\": \"check\", \"id\": \"failed\", \"file\": \"source.raw\"}");
            failed = ended("failed");
            submit(conversion("long", ""));
            submit(conversion("waiting", ""));
            submit(conversion("secret", ", \"encrypt\": {\"key-secret\": \"" + PASSPHRASE + "\"}"));
            // What is looked for lasts only as long as the job does.
            await().pollInterval(Duration.ofMillis(10))
                    .until(() -> given().get("/jobs/long").jsonPath().getLong("progress.done") > 0);
            service.kill();
        }
        assertThat(catalogueHolds(PASSPHRASE))
                .as("a passphrase in the catalogue")
                .isFalse();
        try (ServiceProcess service = start()) {
            given().get("/jobs")
                    .then()
                    .body("id", contains("done", "failed", "long", "waiting", "secret"))
                    .body("state", contains("completed", "failed", "interrupted", "interrupted", "interrupted"));
            assertThat(given().get("/jobs/done").asString()).isEqualTo(done);
            assertThat(given().get("/jobs/failed").asString()).isEqualTo(failed);
            given().get("/jobs/long")
                    .then()
                    .body("type", equalTo("convert"))
                    .body("file", equalTo("source.raw"))
                    .body("problem.type", equalTo("/problems/interrupted"));
            assertThat(given().get("/jobs/waiting/events").asString()).contains("event:interrupted");
            try (var files = Files.list(folder.resolve("images"))) {
                assertThat(files.map(file -> file.getFileName().toString()))
                        .containsExactlyInAnyOrder("source.raw", "checked.qcow2");
            }
            assertThat(Files.readAllBytes(folder.resolve("images/source.raw"))).isEqualTo(source);
            submit(conversion("long", "")).body("state", equalTo("interrupted"));
            problem("POST", "/jobs/secret/restart", 409, "cannot-restart");
            given().post("/jobs/long/restart")
                    .then()
                    .statusCode(202)
                    .header("Location", equalTo("/jobs/long"))
                    .body("state", anyOf(equalTo("queued"), equalTo("running")));
            ended("long");
            given().get("/jobs/long").then().body("state", equalTo("completed"));
            assertThat(QemuTools.compare(folder.resolve("images/source.raw"), "raw", image("long"), "qcow2")
                            .exitCode())
                    .isZero();
        }
    }

    private static ValidatableResponse submit(String body) {
        String id = JsonPath.from(body).getString("id");
        return json(body)
                .header("Idempotency-Key", "key of " + id)
                .post("/jobs")
                .then()
                .statusCode(202)
                .header("Location", equalTo("/jobs/" + id));
    }

    private static String conversion(String id, String more) {
        return "{\"type\": \"convert\", \"id\": \"" + id
                + "\", \"file\": \"source.raw\", \"options\": {\"format\": \"raw\"}," + " \"target\": {\"file\": \""
                + id + ".qcow2\", \"compress\": " + more.isEmpty() + more + "}}";
    }

    private static String ended(String id) {
        await().atMost(Duration.ofMinutes(1))
                .until(() -> given().get("/jobs/" + id).jsonPath().get("ended") != null);
        return given().get("/jobs/" + id).asString();
    }

    @Test
    void aSnapshotIsReadAgainBesideTheDriveThatWritesItsImage() throws IOException {
        try (ServiceProcess service = start()) {
            create("written", "");
            open("written", "\"read-only\": false");
            write("written", "monday");
            json("{\"name\": \"monday\"}")
                    .post("/drives/written/snapshots")
                    .then()
                    .statusCode(201);
            json("{\"id\": \"before\", \"file\": \"written.qcow2\", \"snapshot\": \"monday\"}")
                    .post("/drives")
                    .then()
                    .statusCode(201);
            write("written", "sunday");
            service.kill();
        }
        try (ServiceProcess service = start()) {
            given().get("/drives").then().body("id", contains("before", "written"));
            given().header("Range", "bytes=0-5")
                    .get("/drives/before/data")
                    .then()
                    .body(equalTo("monday"));
            given().header("Range", "bytes=0-5")
                    .get("/drives/written/data")
                    .then()
                    .body(equalTo("sunday"));
            assertThat(service.stop()).isEqualTo(128 + 15);
        }
    }

    /** One of each kind. */
    private void openDrives() throws IOException {
        Files.createDirectories(folder.resolve("secrets"));
        Files.writeString(folder.resolve("secrets/key"), PASSPHRASE);
        create("kept", "");
        open("kept", "\"l2-cache-entry-size\": 4096");
        create("temporary", "");
        open("temporary", "\"ephemeral\": true");
        create("gone", "");
        open("gone", "\"read-only\": true");
        create("held", "");
        open("held", "\"discard\": \"ignore\"");
        create("then", "");
        open("then", "\"read-only\": false");
        write("then", "then");
        json("{\"name\": \"monday\"}").post("/drives/then/snapshots").then().statusCode(201);
        write("then", "now!");
        given().delete("/drives/then").then().statusCode(204);
        open("then", "\"snapshot\": \"monday\"");
        String encrypted = ", \"encrypt\": {\"key-secret\": \"" + PASSPHRASE + "\", \"iter-time\": 10}";
        create("secret", encrypted);
        open("secret", "\"encrypt\": {\"key-secret\": \"" + PASSPHRASE + "\"}");
        create("keyed", encrypted);
        open("keyed", "\"encrypt\": {\"key-secret-file\": \"key\"}");
    }

    private void aSecondServiceRefusesTheDataFolder() {
        try (ServiceProcess second = ServiceProcess.start(folder, "--cowslip.data=data")) {
            assertThat(second.exitCode()).isEqualTo(1);
            assertThat(second.output())
                    .contains("APPLICATION FAILED TO START")
                    .contains("The catalogue in the data folder \"data\" is open in another process")
                    .contains("cowslip.data");
        }
    }

    private boolean catalogueHolds(String secret) throws IOException {
        try (var files = Files.list(folder.resolve("data"))) {
            for (Path file : files.toList()) {
                if (new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1).contains(secret)) {
                    return true;
                }
            }
        }
        return false;
    }

    private static void theRestIsTold() {
        problem("GET", "/drives/temporary", 404, "no-such-drive");
        given().get("/drives/gone/data")
                .then()
                .statusCode(404)
                .body("detail", startsWith("drive \"gone\" could not be opened again when the service started: "));
        given().get("/actuator/health")
                .then()
                .statusCode(200)
                .body("components.drives.details.open", equalTo(3))
                .body("components.drives.details.'not-open'.keySet()", contains("gone", "held", "secret"))
                .body(
                        "components.drives.details.'not-open'.secret",
                        containsString("opened with a passphrase in the request, which is not kept"));
        given().get("/actuator/health/readiness").then().statusCode(200).body("components.db.status", equalTo("UP"));
    }

    private Path image(String name) {
        return folder.resolve("images/" + name + ".qcow2");
    }

    private static void create(String name, String options) {
        json("{\"virtual-size\": \"8M\"" + options + "}")
                .put("/volumes/" + name + ".qcow2")
                .then()
                .statusCode(201);
    }

    private static void open(String id, String options) {
        json(opening(id, options)).post("/drives").then().statusCode(201);
    }

    private static void write(String id, String text) {
        given().contentType("application/octet-stream")
                .body(text.getBytes(StandardCharsets.US_ASCII))
                .put("/drives/" + id + "/data?flush=y")
                .then()
                .statusCode(200);
    }

    private static String opening(String id, String options) {
        return "{\"id\": \"" + id + "\", \"file\": \"" + id + ".qcow2\", " + options + "}";
    }

    private static void problem(String method, String path, int status, String type) {
        given().request(method, path).then().statusCode(status).body("type", equalTo("/problems/" + type));
    }

    private static RequestSpecification json(String body) {
        return given().contentType(ContentType.JSON).body(body);
    }
}
