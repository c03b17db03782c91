package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.cowslip.testing.TestImages;
import io.restassured.RestAssured;
import io.restassured.builder.RequestSpecBuilder;
import io.restassured.config.DecoderConfig;
import io.restassured.config.EncoderConfig;
import io.restassured.config.RestAssuredConfig;
import io.restassured.http.ContentType;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;

/** The whole service on a port of its own, with an image root that tests put files in. Drives end with each test. */
@SpringBootTest(
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {"cowslip.demo-image=false", "cowslip.web.verify-limit=1MB"})
public abstract class RunningService {
    protected static final int KIB = 1024;
    protected static final int MIB = 1024 * KIB;
    protected static final String OCTETS = "application/octet-stream";

    private static final Path ROOT = newRoot();

    /** Where files with passphrases are. */
    protected static final Path SECRETS = newRoot();

    @LocalServerPort
    private int port;

    private static Path newRoot() {
        try {
            return Files.createTempDirectory("cowslip-web").toRealPath();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @DynamicPropertySource
    protected static void imageRoot(DynamicPropertyRegistry registry) {
        registry.add("cowslip.image-root", ROOT::toString);
        registry.add("cowslip.secrets-folder", SECRETS::toString);
    }

    @BeforeEach
    protected void pointToService() {
        RestAssured.requestSpecification = new RequestSpecBuilder()
                .setBaseUri("http://127.0.0.1")
                .setPort(port)
                .setConfig(RestAssuredConfig.config()
                        .decoderConfig(DecoderConfig.decoderConfig().noContentDecoders())
                        .encoderConfig(EncoderConfig.encoderConfig()
                                .appendDefaultContentCharsetToContentTypeIfUndefined(false)))
                .setUrlEncodingEnabled(true)
                .build();
    }

    @AfterEach
    protected void closeDrives() {
        List<String> ids = given().get("/drives").jsonPath().getList("id", String.class);
        ids.forEach(id -> given().delete("/drives/" + id));
    }

    /** What RestAssured is told here would send other tests' requests to this service. */
    @AfterAll
    protected static void forgetService() {
        RestAssured.reset();
    }

    protected int port() {
        return port;
    }

    /** Where a volume is on the host. */
    protected static Path file(String volume) {
        Path file = ROOT.resolve(volume);
        try {
            Files.createDirectories(file.getParent());
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return file;
    }

    protected static Path root() {
        return ROOT;
    }

    protected static RequestSpecification json(String body) {
        return given().contentType(ContentType.JSON).body(body);
    }

    protected static RequestSpecification octets(byte[] body) {
        return given().contentType(OCTETS).body(body);
    }

    /** Creates a qcow2 volume through the API and opens it as a drive. */
    protected static void createAndOpen(String id, String volume, String size) {
        file(volume);
        json("{\"virtual-size\": \"" + size + "\"}")
                .put("/volumes/" + volume)
                .then()
                .statusCode(201);
        open(id, volume);
    }

    protected static void open(String id, String volume) {
        json("{\"id\": \"" + id + "\", \"file\": \"" + volume + "\"}")
                .post("/drives")
                .then()
                .statusCode(201);
    }

    protected static void write(String id, long offset, byte[] bytes) {
        octets(bytes)
                .header("Content-Range", "bytes " + offset + "-" + (offset + bytes.length - 1) + "/*")
                .put("/drives/" + id + "/data?flush=n")
                .then()
                .statusCode(200);
    }

    /** Starts a job; returns its path. */
    protected static String start(String body) {
        Response answer = json(body).post("/jobs");
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(202);
        return answer.header("Location");
    }

    /** A job once it has ended. */
    protected static JsonPath ended(String location) {
        await().until(() -> !List.of("queued", "running")
                .contains(given().get(location).jsonPath().getString("state")));
        return given().get(location).jsonPath();
    }

    /** The pages of a drive's extents from {@code first} on, following their links, each without its brackets. */
    protected static List<String> pagesOfExtents(String drive, String first) {
        List<String> pages = new ArrayList<>();
        String next = first;
        while (next != null) {
            Response page = given().urlEncodingEnabled(false).get(next);
            String body = page.asString();
            pages.add(body.substring(1, body.length() - 1));
            String link = page.header("Link");
            next = link == null ? null : "/drives/" + drive + "/data/" + link.substring(1, link.indexOf('>'));
        }
        return pages;
    }

    protected static byte[] filled(int length, int value) {
        return TestImages.filled(length, value);
    }

    protected static byte[] read(String id, long offset, int length) {
        return given().header("Range", "bytes=" + offset + "-" + (offset + length - 1))
                .get("/drives/" + id + "/data")
                .then()
                .statusCode(206)
                .extract()
                .asByteArray();
    }
}
