package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResizeContractTest extends RunningService {
    private static final String MERGE_PATCH = "application/merge-patch+json";

    private static Response patch(String drive, String change) {
        return given().contentType(MERGE_PATCH).body(change).patch("/drives/{id}", drive);
    }

    @NeedsQemu
    @Test
    void aDiskGrowsAndShrinksWhileItIsOpen() throws IOException {
        Path file = file("r/disk.qcow2");
        createAndOpen("disk", "r/disk.qcow2", "8M");
        String before = given().get("/drives/disk").header("ETag");
        String bytes = given().head("/drives/disk/data").header("ETag");
        patch("disk", "{\"virtual-size\": \"16G\"}")
                .then()
                .statusCode(200)
                .header("ETag", not(equalTo(before)))
                .body("virtual-size", equalTo(16L << 30))
                .body("l2-cache.size", equalTo(2 << 20))
                .body("l2-cache.covers", equalTo(16L << 30));
        given().head("/drives/disk/data")
                .then()
                .header("ETag", not(equalTo(bytes)))
                .header("Content-Length", equalTo(Long.toString(16L << 30)));
        given().header("Content-Range", "bytes 8388606-8388609/*")
                .contentType(OCTETS)
                .body(new byte[] {1, 2, 3, 4})
                .put("/drives/disk/data")
                .then()
                .statusCode(200);
        given().get("/volumes/r/disk.qcow2").then().body("[0].virtual-size", equalTo(16L << 30));
        patch("disk", "{\"virtual-size\": 8388608, \"shrink\": true}")
                .then()
                .statusCode(200)
                .body("virtual-size", equalTo(8 << 20));
        given().header("Range", "bytes=8388606-")
                .get("/drives/disk/data")
                .then()
                .statusCode(206)
                .header("Content-Range", equalTo("bytes 8388606-8388607/8388608"));
        given().header("Range", "bytes=8388608-")
                .get("/drives/disk/data")
                .then()
                .statusCode(416)
                .header("Content-Range", equalTo("bytes */8388608"));
        problem(
                given().header("Content-Range", "bytes 8388607-8388608/*")
                        .contentType(OCTETS)
                        .body(new byte[2])
                        .put("/drives/disk/data"),
                416,
                "range-not-satisfiable");
        given().delete("/drives/disk").then().statusCode(204);
        assertThat(QemuTools.check(file).clean()).isTrue();
        assertThat(QemuTools.info(file).path("virtual-size").asLong()).isEqualTo(8 << 20);
    }

    @Test
    void aDiskTakesASizeAndOptionsTogetherOrNeither() {
        createAndOpen("both", "r/both.qcow2", "8M");
        problem(patch("both", "{\"virtual-size\": 1000, \"cache-clean-interval\": 7}"), 400, "invalid-option")
                .body("option", equalTo("virtual-size"));
        given().get("/drives/both")
                .then()
                .body("virtual-size", equalTo(8 << 20))
                .body("cache-clean-interval", equalTo(600));
        patch("both", "{\"virtual-size\": \"12M\", \"cache-clean-interval\": 7, \"preallocation\": \"metadata\"}")
                .then()
                .statusCode(200)
                .body("virtual-size", equalTo(12 << 20))
                .body("cache-clean-interval", equalTo(7));
        given().get("/drives/both/data/extents?start=8388608").then().body("[0].hole", equalTo(false));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"virtual-size\":1000}                            | invalid-option  | virtual-size",
                "{\"virtual-size\":0,\"shrink\":true}               | invalid-option  | virtual-size",
                "{\"virtual-size\":-512}                            | invalid-option  | virtual-size",
                "{\"virtual-size\":null}                            | invalid-option  | virtual-size",
                "{\"virtual-size\":\"4P\"}                          | invalid-option  | virtual-size",
                "{\"virtual-size\":\"4M\"}                          | invalid-option  | shrink",
                "{\"shrink\":true}                                  | invalid-option  | virtual-size",
                "{\"virtual-size\":\"16M\",\"preallocation\":\"x\"} | invalid-option  | preallocation",
                "{\"virtual-size\":\"4M\",\"shrink\":true,\"preallocation\":\"full\"} | invalid-option | preallocation",
                "{\"virtual-size\":true}                            | unreadable-json | virtual-size",
                "{\"virtual-size\":\"16M\",\"shrink\":\"yes\"}      | unreadable-json | shrink",
                "{\"virtual-sise\":\"16M\"}                         | unknown-key     | virtual-sise"
            })
    void whatCannotBeIsRefused(String change, String type, String named) {
        createAndOpen("refused", "r/refused.qcow2", "8M");
        Response refused = patch("refused", change);
        problem(refused, 400, type);
        assertThat(refused.asString()).contains(named);
        given().get("/drives/refused").then().body("virtual-size", equalTo(8 << 20));
    }

    @Test
    void aReadOnlyDriveIsNotResized() {
        createAndOpen("writing", "r/reading.qcow2", "8M");
        given().delete("/drives/writing").then().statusCode(204);
        json("{\"id\": \"reading\", \"file\": \"r/reading.qcow2\", \"read-only\": true}")
                .post("/drives")
                .then()
                .statusCode(201);
        problem(patch("reading", "{\"virtual-size\": \"16M\"}"), 403, "read-only");
        patch("reading", "{\"virtual-size\": \"16M\", \"read-only\": false}")
                .then()
                .statusCode(200)
                .body("virtual-size", equalTo(16 << 20));
    }

    @Test
    void aStaleEtagIsRefused() {
        createAndOpen("stale", "r/stale.qcow2", "8M");
        problem(
                given().contentType(MERGE_PATCH)
                        .header("If-Match", "\"other\"")
                        .body("{\"virtual-size\": \"16M\"}")
                        .patch("/drives/stale"),
                412,
                "precondition-failed");
        given().get("/drives/stale").then().body("virtual-size", equalTo(8 << 20));
    }

    @Test
    void aRawDiskIsItsFile() throws IOException {
        Path file = Files.write(file("r/plain.raw"), new byte[MIB]);
        json("{\"id\": \"plain\", \"file\": \"r/plain.raw\", \"format\": \"raw\"}")
                .post("/drives")
                .then()
                .statusCode(201);
        patch("plain", "{\"virtual-size\": \"3M\", \"preallocation\": \"falloc\"}")
                .then()
                .statusCode(200)
                .body("virtual-size", equalTo(3 * MIB));
        assertThat(Files.size(file)).isEqualTo(3 * MIB);
    }

    @Test
    void aDiskGoesBackToTheSizeOfASnapshot() {
        createAndOpen("snap", "r/snap.qcow2", "8M");
        json("{\"name\": \"small\"}").post("/drives/snap/snapshots").then().statusCode(201);
        patch("snap", "{\"virtual-size\": \"16G\"}").then().statusCode(200);
        given().post("/drives/snap/snapshots/small/revert").then().statusCode(204);
        given().get("/drives/snap")
                .then()
                .body("virtual-size", equalTo(8 << 20))
                .body("l2-cache.size", equalTo(131072));
        given().head("/drives/snap/data").then().header("Content-Length", equalTo("8388608"));
    }
}
