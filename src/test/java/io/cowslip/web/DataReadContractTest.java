package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.nullValue;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DataReadContractTest extends RunningService {
    private static final String DATA = "/drives/disk/data";

    private final byte[] content = new byte[MIB];

    @BeforeEach
    void writeSomething() {
        createAndOpen("disk", "r/disk.qcow2", "1M");
        byte[] random = new byte[300_000];
        new Random(7).nextBytes(random);
        System.arraycopy(random, 0, content, 100_000, random.length);
        write("disk", 100_000, random);
    }

    @Test
    void theWholeDisk() {
        Response response = given().get(DATA);
        response.then()
                .statusCode(200)
                .header("Content-Type", equalTo(OCTETS))
                .header("Content-Length", String.valueOf(MIB))
                .header("Accept-Ranges", "bytes")
                .header("Content-Disposition", "attachment; filename=\"disk.raw\"")
                .header("Cache-Control", "no-store, no-transform")
                .header("X-Content-Type-Options", "nosniff")
                .header("Access-Control-Allow-Origin", nullValue());
        assertThat(response.asByteArray()).isEqualTo(content);
        assertThat(response.header("ETag")).matches("\"[^\"]+\"");
    }

    @Test
    void headHasTheHeadersOfTheWhole() {
        given().header("Range", "bytes=0-9")
                .head(DATA)
                .then()
                .statusCode(200)
                .header("Content-Length", String.valueOf(MIB))
                .header("ETag", equalTo(given().get(DATA).header("ETag")));
    }

    @ParameterizedTest
    @CsvSource({
        "bytes=0-0,0,1",
        "bytes=99990-100010,99990,21",
        "bytes=65536-131071,65536,65536",
        "bytes=1048575-,1048575,1",
        "bytes=-5,1048571,5",
        "bytes=1048000-9999999,1048000,576"
    })
    void oneRange(String range, int start, int length) {
        Response response = given().header("Range", range).get(DATA);
        response.then()
                .statusCode(206)
                .header("Content-Type", equalTo(OCTETS))
                .header("Content-Length", String.valueOf(length))
                .header("Content-Range", "bytes " + start + "-" + (start + length - 1) + "/" + MIB);
        assertThat(response.asByteArray()).isEqualTo(Arrays.copyOfRange(content, start, start + length));
    }

    @Test
    void severalRanges() {
        Response response =
                given().header("Range", "bytes=399995-400004, 0-4,5-9").get(DATA);
        response.then().statusCode(206).header("Content-Range", nullValue());
        String type = response.header("Content-Type");
        assertThat(type).startsWith("multipart/byteranges; boundary=");
        String boundary = type.substring(type.indexOf('=') + 1);
        assertThat(response.asByteArray())
                .hasSize(Integer.parseInt(response.header("Content-Length")))
                .isEqualTo(multipart(boundary, new int[][] {{0, 10}, {399_995, 10}}));
    }

    private byte[] multipart(String boundary, int[][] windows) {
        String body = Arrays.stream(windows)
                .map(window ->
                        "\r\n--" + boundary + "\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes "
                                + window[0] + "-" + (window[0] + window[1] - 1) + "/" + MIB + "\r\n\r\n"
                                + new String(content, window[0], window[1], StandardCharsets.ISO_8859_1))
                .collect(Collectors.joining());
        return (body + "\r\n--" + boundary + "--\r\n").getBytes(StandardCharsets.ISO_8859_1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes=1048576-", "bytes=-0", "bytes=2000000-3000000"})
    void rangesPastTheEnd(String range) {
        problem(given().header("Range", range).get(DATA), 416, "range-not-satisfiable")
                .header("Content-Range", "bytes */" + MIB)
                .header("ETag", nullValue())
                .header("Content-Disposition", nullValue());
    }

    @Test
    void aFloodOfRanges() {
        String range = "bytes="
                + IntStream.range(0, 17).mapToObj(i -> i * 100 + "-" + i * 100).collect(Collectors.joining(","));
        problem(given().header("Range", range).get(DATA), 416, "range-not-satisfiable");
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes=5-4", "lines=1-2", "bytes=x"})
    void whatIsNoRangeIsIgnored(String range) {
        given().header("Range", range).get(DATA).then().statusCode(200);
    }

    @Test
    void conditionsFollowTheData() {
        String tag = given().head(DATA).header("ETag");
        given().header("If-None-Match", tag).get(DATA).then().statusCode(304).header("ETag", tag);
        given().header("If-Match", tag).get(DATA).then().statusCode(200);
        given().header("If-Range", tag)
                .header("Range", "bytes=0-9")
                .get(DATA)
                .then()
                .statusCode(206);
        write("disk", 0, new byte[] {1});
        given().header("If-None-Match", tag).get(DATA).then().statusCode(200);
        problem(given().header("If-Match", tag).get(DATA), 412, "precondition-failed");
        problem(
                given().header("If-Match", tag)
                        .header("Range", "bytes=9999999-")
                        .get(DATA),
                412,
                "precondition-failed");
        given().header("If-Range", tag)
                .header("Range", "bytes=0-9")
                .get(DATA)
                .then()
                .statusCode(200);
    }

    @Test
    void aDigestIsSentOnRequest() throws Exception {
        String expected = "sha-256=:"
                + Base64.getEncoder()
                        .encodeToString(MessageDigest.getInstance("SHA-256")
                                .digest(Arrays.copyOfRange(content, 100_000, 100_100)))
                + ":";
        given().header("Range", "bytes=100000-100099")
                .header("Want-Content-Digest", "sha-512=0, sha-256=3, md5=10")
                .get(DATA)
                .then()
                .statusCode(206)
                .header("Content-Digest", expected);
        given().header("Want-Content-Digest", "md5=10").get(DATA).then().header("Content-Digest", nullValue());
    }

    @Test
    void optionsTellWhatCanBeDone() {
        given().options(DATA)
                .then()
                .statusCode(200)
                .header("Allow", "OPTIONS,HEAD,GET,PUT,PATCH")
                .header("Accept-Patch", "application/octet-stream, application/json")
                .body("features", contains("extents", "zero", "flush", "discard", "checksum"))
                .body("max_readers", equalTo(8))
                .body("max_writers", equalTo(8));
        json("{\"read-only\": true}").patch("/drives/disk").then().statusCode(200);
        given().options(DATA)
                .then()
                .header("Allow", "OPTIONS,HEAD,GET")
                .body("features", contains("extents", "checksum"));
        problem(given().options("/drives/nobody/data"), 404, "no-such-drive");
    }

    @Test
    void aMisspeltParameterIsRefused() {
        problem(given().get(DATA + "?offset=5"), 400, "invalid-option").body("option", equalTo("offset"));
    }

    @Test
    @NeedsQemu
    void aDiskWithHolesIsWhatQemuReads() throws IOException {
        Path image = QemuTools.create(file("r/holes.qcow2"), 64L * MIB, "");
        QemuTools.edit(
                image,
                "write -P 0x11 0 64k",
                "write -P 0x22 1000000 200000",
                "write -z 8M 4M",
                "write -P 0x33 20M 3M",
                "discard 21M 1M",
                "write -P 0x44 67108352 512");
        Path raw = QemuTools.convert(image, "qcow2", file("r/holes.raw"), "raw");
        open("holes", "r/holes.qcow2");
        assertThat(given().get("/drives/holes/data").asByteArray()).isEqualTo(Files.readAllBytes(raw));
    }

    @Test
    @NeedsQemu
    void compressedClustersAndBackingFilesReadAsQemuReadsThem() throws IOException {
        Path plain = QemuTools.create(file("r/plain.qcow2"), 4L * MIB, "");
        QemuTools.edit(plain, "write -P 0x11 0 2M", "write -P 0x12 3M 100k");
        QemuTools.convert(plain, "qcow2", file("r/packed.qcow2"), "qcow2", "-c");
        Path top = QemuTools.createOver(file("r/top.qcow2"), "packed.qcow2", "qcow2", 6L * MIB, "");
        QemuTools.edit(top, "write -P 0x77 1M 70000", "write -z 128k 64k");
        Path raw = QemuTools.convert(top, "qcow2", file("r/top.raw"), "raw");
        open("top", "r/top.qcow2");
        assertThat(given().get("/drives/top/data").asByteArray()).isEqualTo(Files.readAllBytes(raw));
    }
}
