package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.path.json.JsonPath;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.test.context.TestPropertySource;

/**
 * "Huge virtual size, small file" (CVE-2013-2096, -4463, -4469), "Quota" and "Work budgets": what is too large is refused
 * before anything is done for it, by a problem that names the limit.
 */
@TestPropertySource(
        properties = {
            "cowslip.limits.virtual-size=1G",
            "cowslip.limits.free-space=4E",
            "cowslip.limits.cache-memory=8M",
            "cowslip.limits.json-body=64K"
        })
class SizeLimitsTest extends RunningService {
    private static final int KIB_512 = 512 * KIB;

    @Test
    void newDisksMayOnlyBeSoLarge() {
        file("limits/huge.qcow2");
        Problems.problem(json("{\"virtual-size\": \"2G\"}").put("/volumes/limits/huge.qcow2"), 400, "invalid-option")
                .body("option", equalTo("virtual-size"))
                .body("detail", containsString("cowslip.limits.virtual-size allows 1073741824"));
        assertThat(root().resolve("limits").toFile().list()).noneMatch(name -> name.contains("huge"));
        createAndOpen("grows", "limits/grows.qcow2", "1G");
        Problems.problem(
                        given().contentType("application/merge-patch+json")
                                .body("{\"virtual-size\": \"2G\"}")
                                .patch("/drives/grows"),
                        400,
                        "invalid-option")
                .body("option", equalTo("virtual-size"));
        given().get("/drives/grows").then().body("virtual-size", equalTo(1 << 30));
        given().delete("/drives/grows");
        JsonPath resized =
                ended(start("{\"type\": \"resize\", \"file\": \"limits/grows.qcow2\", \"virtual-size\": \"2G\"}"));
        assertThat(resized.getString("state")).isEqualTo("failed");
        assertThat(resized.getString("problem.type")).isEqualTo("/problems/invalid-option");
    }

    /** 200 KiB that would become a disk of 8 TiB. */
    @Test
    @NeedsQemu
    void smallFilesOfHugeDisksAreNoVolumes() throws IOException {
        Path outside = Files.createTempFile("huge", ".qcow2");
        QemuTools.create(outside, 8L << 40, "");
        byte[] image = Files.readAllBytes(outside);
        Files.delete(outside);
        file("limits/sent.qcow2");
        // Its length is not told, so that space is no matter.
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/limits/sent.qcow2 HTTP/1.1", "Transfer-Encoding: chunked");
            connection.send((Integer.toHexString(image.length) + "\r\n").getBytes(StandardCharsets.US_ASCII));
            connection.send(image);
            connection.send("\r\n0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(connection.receiveHead().status()).isEqualTo(400);
        }
        given().get("/volumes/limits/sent.qcow2").then().statusCode(404);
        given().delete("/files/limits/sent.qcow2");
    }

    @Test
    @NeedsQemu
    void spaceIsAskedForBeforeWorkBegins() throws IOException {
        Path source = QemuTools.create(file("limits/source.qcow2"), 64L * MIB, "");
        QemuTools.edit(source, "write -P 1 0 8M");
        JsonPath converted = ended(start("{\"type\": \"convert\", \"file\": \"limits/source.qcow2\","
                + " \"target\": {\"file\": \"limits/target.qcow2\"}}"));
        assertThat(converted.getString("problem.type")).isEqualTo("/problems/insufficient-storage");
        assertThat(converted.getString("problem.detail")).contains("cowslip.limits.free-space");
        Problems.problem(
                json("{\"virtual-size\": \"1M\", \"preallocation\": \"falloc\"}")
                        .put("/volumes/limits/full.qcow2"),
                507,
                "insufficient-storage");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/limits/copy.qcow2 HTTP/1.1", "Content-Length: " + Files.size(source));
            assertThat(connection.receiveHead().status()).isEqualTo(507);
        }
        assertThat(given().get("/uploads").asString()).doesNotContain("limits/copy");
    }

    /** Each of these images maps at most 1 GiB with 128 KiB, and takes 256 KiB for refcounts. */
    @Test
    void cachesOfAllImagesAreLimitedTogether() {
        String refused = null;
        int opened = 0;
        for (int count = 0; count < 40 && refused == null; count++) {
            String name = "limits/cache" + count + ".qcow2";
            file(name);
            json("{\"virtual-size\": \"1G\"}").put("/volumes/" + name).then().statusCode(201);
            int status = json("{\"id\": \"c" + count + "\", \"file\": \"" + name + "\"}")
                    .post("/drives")
                    .statusCode();
            refused = status == 503 ? name : null;
            opened += status == 201 ? 1 : 0;
        }
        assertThat(opened).isEqualTo(8 * MIB / (128 * KIB + 256 * KIB));
        assertThat(refused).isNotNull();
        String again = "{\"id\": \"again\", \"file\": \"" + refused + "\"}";
        Problems.problem(json(again).post("/drives"), 503, "limit-reached")
                .body("detail", containsString("cowslip.limits.cache-memory allows " + 8 * MIB));
        // Nothing of what was refused is held, nor of what is closed.
        given().delete("/drives/c0").then().statusCode(204);
        json(again).post("/drives").then().statusCode(201);
        Problems.problem(
                given().contentType("application/merge-patch+json")
                        .body("{\"refcount-cache-size\": \"4M\"}")
                        .patch("/drives/again"),
                503,
                "limit-reached");
        write("again", 0, filled(KIB_512, 3));
        assertThat(read("again", 0, KIB_512)).isEqualTo(filled(KIB_512, 3));
    }

    @Test
    void bodiesThatAreReadWholeMayOnlyBeSoLong() throws IOException {
        String padded = "{\"virtual-size\": \"1M\"" + " ".repeat(64 * KIB) + "}";
        Problems.problem(json(padded).put("/volumes/limits/padded.qcow2"), 413, "body-too-large")
                .body("limit", equalTo("cowslip.limits.json-body"));
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("POST /drives HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked");
            connection.send("20000\r\n".getBytes(StandardCharsets.US_ASCII));
            connection.send(" ".repeat(0x20000).getBytes(StandardCharsets.US_ASCII));
            assertThat(connection.receiveHead().status()).isEqualTo(413);
        }
        // A backing chain that nobody has.
        String nested = "{\"backing\":".repeat(5000) + "{}" + "}".repeat(5000);
        Problems.problem(json(nested).post("/drives"), 400, "unreadable-json");
        createAndOpen("disk", "limits/long.qcow2", "1M");
        write("disk", 0, filled(KIB_512, 1));
    }

    @Test
    void headsMayOnlyBeSoLong() {
        Problems.problem(given().header("X-Long", "x".repeat(20_000)).get("/drives"), 431, "head-too-large")
                .body("detail", containsString("server.max-http-request-header-size"));
        Problems.problem(given().get("/drives?" + "x".repeat(20_000)), 431, "head-too-large");
    }

    /** Only what is too large is called so, to the byte, at once or in pieces; what else is wrong with a head is 400. */
    @ParameterizedTest
    @CsvSource({
        "8192, Host: localhost, 200",
        "8193, Host: localhost, 431",
        "8195, Host: localhost, 431",
        "9000, Host: localhost, 431",
        "100000, Host: localhost, 431",
        "8192, X-Host: localhost, 400",
        "8193, X-Host: localhost, 431",
        "8192, Bad Name: x, 400",
        "100, X-Host: localhost, 400"
    })
    void aHeadIsTooLargeFromTheFirstByteOn(int lengthBytes, String field, int status) throws IOException {
        String begin = "GET /drives HTTP/1.1\r\n" + field + "\r\nX-Filling: ";
        String head = begin + "x".repeat(lengthBytes - begin.length() - 4) + "\r\n\r\n";
        byte[] bytes = head.getBytes(StandardCharsets.US_ASCII);
        try (RawConnection whole = new RawConnection(port());
                RawConnection pieces = new RawConnection(port())) {
            whole.send(bytes);
            assertThat(whole.receiveHead().status()).isEqualTo(status);
            int cut = Math.min(bytes.length, 8192) / 2;
            pieces.send(Arrays.copyOf(bytes, cut));
            pieces.send(Arrays.copyOfRange(bytes, cut, bytes.length));
            assertThat(pieces.receiveHead().status()).isEqualTo(status);
        }
    }

    /** CVE-2018-15756: of ranges that overlap each byte is sent once, and only so many may be asked for. */
    @Test
    void rangesAreFewSortedAndDisjoint() {
        createAndOpen("disk", "limits/ranges.qcow2", "1M");
        String overlapping = "bytes=0-1048575" + ",0-1048575".repeat(15);
        assertThat(given().header("Range", overlapping)
                        .get("/drives/disk/data")
                        .then()
                        .statusCode(206)
                        .header("Content-Range", "bytes 0-1048575/1048576")
                        .extract()
                        .asByteArray())
                .hasSize(MIB);
        Problems.problem(
                given().header("Range", overlapping + ",0-1").get("/drives/disk/data"), 416, "range-not-satisfiable");
    }

    @Test
    void answersAreNothingForBrowsers() {
        createAndOpen("disk", "limits/headers.qcow2", "1M");
        given().header("Origin", "https://elsewhere.example")
                .get("/drives/disk/data")
                .then()
                .statusCode(200)
                .header("X-Content-Type-Options", "nosniff")
                .header("Content-Disposition", "attachment; filename=\"disk.raw\"")
                .header("Cache-Control", "no-store, no-transform")
                .header("Content-Security-Policy", containsString("default-src 'none'"))
                .header("Cross-Origin-Resource-Policy", "same-origin")
                .header("Access-Control-Allow-Origin", equalTo(null));
        given().get("/problems/not-found")
                .then()
                .header("Content-Security-Policy", containsString("default-src 'none'"));
        given().get("/swagger-ui/index.html")
                .then()
                .statusCode(200)
                .header("Content-Security-Policy", containsString("default-src 'self'"));
        given().get("/drives/none").then().statusCode(404).header("X-Content-Type-Options", "nosniff");
    }
}
