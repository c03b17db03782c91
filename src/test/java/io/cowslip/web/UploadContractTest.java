package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.startsWith;

import io.cowslip.testing.RandomData;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How the bytes of files come in, whole and in parts, also by requests that no well-behaved client sends. */
class UploadContractTest extends UploadingService {
    @Test
    void partsAreAddedAsTheDraftHasIt() throws IOException {
        byte[] bytes = RandomData.disk(new SplittableRandom(5), MIB);
        Path volume = file("u/parts.raw");
        octets(Arrays.copyOf(bytes, 1000))
                .header("Upload-Complete", "?0")
                .header("Upload-Length", MIB)
                .put("/files/u/parts.raw?format=raw")
                .then()
                .statusCode(201)
                .header("Location", endsWith("/files/u/parts.raw"))
                .header("Upload-Offset", "1000")
                .header("Upload-Complete", "?0")
                .header("Upload-Limit", startsWith("max-age="));
        problem(part(900, "?0", new byte[1]).patch("/files/u/parts.raw?format=raw"), 409, "upload-offset-mismatch")
                .body("expected-offset", equalTo(1000))
                .body("provided-offset", equalTo(900));
        part(1000, "?0", Arrays.copyOfRange(bytes, 1000, 70_001))
                .patch("/files/u/parts.raw?format=raw")
                .then()
                .statusCode(204)
                .header("Upload-Offset", "70001");
        assertThat(volume).doesNotExist();
        part(70_001, "?1", Arrays.copyOfRange(bytes, 70_001, MIB))
                .patch("/files/u/parts.raw?format=raw")
                .then()
                .statusCode(201)
                .header("Location", endsWith("/volumes/u/parts.raw"))
                .body("[0].virtual-size", equalTo(MIB));
        assertThat(volume).hasBinaryContent(bytes);
        assertNothingIsHidden("u");
    }

    private int sentInChunks(String head, int bytes) throws IOException {
        try (RawConnection connection = new RawConnection(port())) {
            String[] lines = (head + "\nTransfer-Encoding: chunked").split("\n", -1);
            connection.head(lines);
            connection.send((Integer.toHexString(bytes) + "\r\n").getBytes(StandardCharsets.US_ASCII));
            connection.send(filled(bytes, 3));
            connection.send("\r\n0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return connection.receiveHead().status();
        }
    }

    @Test
    void aBodyWithoutLengthIsHeldToTheFilesLength() throws IOException {
        Path volume = file("u/held.raw");
        String path = "/files/u/held.raw?format=raw HTTP/1.1";
        String patch = "PATCH " + path + "\nContent-Type: " + PARTIAL + "\nUpload-Offset: ";
        assertThat(sentInChunks("PUT " + path + "\nUpload-Length: 1000", 100)).isEqualTo(400);
        given().head("/files/u/held.raw")
                .then()
                .statusCode(204)
                .header("Upload-Offset", "100")
                .header("Upload-Length", "1000");
        assertThat(sentInChunks(patch + "100\nUpload-Complete: ?1", 100)).isEqualTo(400);
        assertThat(volume).doesNotExist();
        given().head("/files/u/held.raw").then().statusCode(204).header("Upload-Offset", "200");
        assertThat(sentInChunks(patch + "200\nUpload-Complete: ?0", 900)).isEqualTo(400);
        given().head("/files/u/held.raw").then().statusCode(204).header("Upload-Offset", "1000");
        assertThat(sentInChunks(patch + "1000\nUpload-Complete: ?1", 1)).isEqualTo(400);
        assertThat(volume).doesNotExist();
        part(1000, "?1", new byte[0])
                .patch("/files/u/held.raw?format=raw")
                .then()
                .statusCode(201);
        assertThat(volume).hasBinaryContent(filled(1000, 3));
        file("u/short.raw");
        octets(new byte[50]).header("Upload-Complete", "?0").put("/files/u/short.raw?format=raw");
        String shorter = "PATCH /files/u/short.raw?format=raw HTTP/1.1\nContent-Type: " + PARTIAL
                + "\nUpload-Offset: 50\nUpload-Complete: ?0\nUpload-Length: 49";
        assertThat(sentInChunks(shorter, 1)).isEqualTo(400);
        given().head("/files/u/short.raw").then().statusCode(204).header("Upload-Offset", "50");
    }

    @Test
    void namesThatNoHostHasAreRefusedBeforeTheFirstByte() throws IOException {
        problem(octets(new byte[9]).put("/files/v/" + "n".repeat(300) + "?format=raw"), 400, "invalid-option")
                .body("detail", containsString("300 bytes"));
        String deep = ("d".repeat(200) + "/").repeat(25);
        problem(octets(new byte[9]).put("/files/v/" + deep + "x?format=raw"), 400, "invalid-option");
        assertThat(root().resolve("v")).doesNotExist();
        String cut = "n".repeat(49) + "\uD83D\uDE00.raw";
        Path volume = file("u/" + cut);
        octets(new byte[9])
                .put("/files/{folder}/{name}?format=raw", "u", cut)
                .then()
                .statusCode(201);
        assertThat(volume).hasSize(9);
    }

    @Test
    void aVolumeComesBeforeAnUploadOfItsName() throws IOException {
        Path volume = file("u/both.raw");
        octets(new byte[9]).header("Upload-Complete", "?0").put("/files/u/both.raw?format=raw");
        Files.write(volume, new byte[512]);
        given().head("/files/u/both.raw")
                .then()
                .statusCode(200)
                .header("Upload-Complete", "?1")
                .header("Content-Length", "512");
    }

    @Test
    void aBodyWithoutLengthIsTaken() throws IOException {
        Path volume = file("u/chunked.raw");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/u/chunked.raw?format=raw HTTP/1.1", "Transfer-Encoding: chunked");
            connection.send("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(connection.receiveHead().status()).isEqualTo(201);
        }
        assertThat(volume).hasContent("hello world");
    }

    @Test
    void aBrokenBodyWithoutLengthIsNotTheWhole() throws IOException {
        Path volume = file("u/torn.raw");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/u/torn.raw?format=raw HTTP/1.1", "Transfer-Encoding: chunked");
            connection.send("5\r\nhello\r\n".getBytes(StandardCharsets.US_ASCII));
            connection.finishSending();
            assertThat(connection.receiveHead().status()).isEqualTo(400);
        }
        assertThat(volume).doesNotExist();
        given().head("/files/u/torn.raw").then().statusCode(204).header("Upload-Offset", "5");
        part(5, "?1", new byte[0]).patch("/files/u/torn.raw?format=raw").then().statusCode(201);
        assertThat(volume).hasContent("hello");
    }

    @Test
    void oneRequestAtATimeAdds() throws IOException {
        file("u/twice.raw");
        try (RawConnection first = new RawConnection(port())) {
            first.head("PUT /files/u/twice.raw?format=raw HTTP/1.1", "Content-Length: " + MIB);
            first.send(filled(MIB / 2, 1));
            await().untilAsserted(() -> given().get("/uploads").then().body("arriving", hasItem(true)));
            problem(octets(filled(MIB, 2)).put("/files/u/twice.raw?format=raw"), 409, "in-use");
            first.send(filled(MIB / 2, 1));
            assertThat(first.receiveHead().status()).isEqualTo(201);
        }
        assertThat(root().resolve("u/twice.raw")).hasBinaryContent(filled(MIB, 1));
        problem(octets(filled(MIB, 2)).put("/files/u/twice.raw?format=raw"), 409, "already-exists");
    }

    /** Glance CVE-2014-9623, CVE-2015-5286: what is deleted while it is uploaded takes no space any more. */
    @Test
    void anUploadIsGivenUpUnderItsRequest() throws IOException {
        Path volume = file("u/given-up.raw");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/u/given-up.raw?format=raw HTTP/1.1", "Content-Length: " + 2 * MIB);
            connection.send(filled(MIB, 1));
            await().untilAsserted(() -> given().get("/uploads").then().body("name", hasItem("u/given-up.raw")));
            given().delete("/files/u/given-up.raw").then().statusCode(204);
            connection.send(filled(MIB, 1));
            assertThat(connection.receiveHead().status()).isEqualTo(404);
        }
        assertThat(volume).doesNotExist();
        await().untilAsserted(() -> assertNothingIsHidden("u"));
        problem(given().delete("/files/u/given-up.raw"), 404, "not-found");
    }

    @Test
    void aNewUploadTakesThePlaceOfAnUnfinishedOne() throws IOException {
        Path volume = file("u/again.raw");
        octets(filled(900, 1)).header("Upload-Complete", "?0").put("/files/u/again.raw?format=raw");
        octets(filled(700, 2)).put("/files/u/again.raw?format=raw").then().statusCode(201);
        assertThat(volume).hasBinaryContent(filled(700, 2));
    }

    @Test
    void lengthsThatContradictEachOtherAreRefused() {
        file("u/lengths.raw");
        String path = "/files/u/lengths.raw?format=raw";
        problem(octets(new byte[10]).header("Upload-Length", 11).put(path), 400, "invalid-request");
        octets(new byte[10])
                .header("Upload-Complete", "?0")
                .header("Upload-Length", 20)
                .put(path)
                .then()
                .statusCode(201)
                .header("Upload-Length", "20");
        problem(part(10, "?1", new byte[9]).patch(path), 400, "invalid-request");
        problem(part(10, "?0", new byte[11]).patch(path), 400, "invalid-request");
        problem(part(10, "?0", new byte[1]).header("Upload-Length", 21).patch(path), 400, "invalid-request");
        problem(octets(new byte[10]).header("Content-Range", "bytes 10-29/30").put(path), 400, "invalid-range");
        problem(octets(new byte[10]).header("Content-Range", "bytes 10-19/30").put(path), 400, "invalid-request");
        problem(
                octets(new byte[10]).header("Content-Range", "bytes 12-21/30").put(path),
                409,
                "upload-offset-mismatch");
        octets(new byte[10])
                .header("Content-Range", "bytes 10-19/20")
                .put(path)
                .then()
                .statusCode(201)
                .body("[0].virtual-size", notNullValue());
    }

    @ParameterizedTest
    @ValueSource(strings = {"Upload-Offset", "Upload-Complete"})
    void whatPatchNeedsIsNamed(String missing) {
        RequestSpecification request = given().contentType(PARTIAL).body(new byte[1]);
        if (missing.equals("Upload-Offset")) {
            request.header("Upload-Complete", "?1");
        } else {
            request.header("Upload-Offset", 0);
        }
        problem(request.patch("/files/u/headers.raw"), 400, "invalid-request").body("detail", containsString(missing));
    }

    @Test
    void otherBodiesAreRefused() {
        problem(octets(new byte[1]).patch("/files/u/type.raw"), 415, "unsupported-media-type");
        problem(json("{\"virtual-size\": 512}").put("/files/u/type.raw"), 415, "unsupported-media-type");
        problem(
                octets(new byte[1]).header("Content-Encoding", "gzip").put("/files/u/type.raw"),
                415,
                "unsupported-media-type");
        problem(octets(new byte[1]).put("/files/u/.hidden"), 403, "forbidden-path");
        problem(part(0, "?1", new byte[1]).patch("/files/u/nothing.raw"), 404, "not-found");
        given().options("/files/u/any.raw")
                .then()
                .statusCode(204)
                .header("Accept-Patch", PARTIAL)
                .header("Upload-Limit", startsWith("max-age="))
                .header("Allow", containsString("PATCH"));
    }
}
