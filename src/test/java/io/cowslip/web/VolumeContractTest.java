package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasKey;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;

import io.cowslip.testing.HeldImage;
import io.cowslip.testing.HostPageCache;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class VolumeContractTest extends RunningService {

    @Test
    void aVolumeIsCreatedAndShown() {
        file("v/new.qcow2");
        json("""
                {"format": "qcow2", "virtual-size": "1.5G", "cluster-size": "128K", "refcount-bits": 8,
                 "compression-type": "zstd", "compat": "1.1", "preallocation": "metadata", "lazy-refcounts": true,
                 "extended-l2": true}""")
                .put("/volumes/v/new.qcow2")
                .then()
                .statusCode(201)
                .header("Location", endsWith("/volumes/v/new.qcow2"))
                .body("$", hasSize(1))
                .body("[0].filename", equalTo("v/new.qcow2"))
                .body("[0].format", equalTo("qcow2"))
                .body("[0].virtual-size", equalTo(1536 * MIB))
                .body("[0].cluster-size", equalTo(131_072))
                .body("[0].format-specific.type", equalTo("qcow2"))
                .body("[0].format-specific.data.compat", equalTo("1.1"))
                .body("[0].format-specific.data.compression-type", equalTo("zstd"))
                .body("[0].format-specific.data.refcount-bits", equalTo(8))
                .body("[0].format-specific.data.lazy-refcounts", equalTo(true))
                .body("[0].format-specific.data.extended-l2", equalTo(true));
    }

    @Test
    @NeedsQemu
    void factsAreThoseOfQemuImg() throws IOException {
        QemuTools.create(file("v/base.qcow2"), 8L * MIB, "compat=0.10");
        Path top = QemuTools.createOver(file("v/top.qcow2"), "base.qcow2", "qcow2", 16L * MIB, "cluster_size=4k");
        HostPageCache.writeOut(root().resolve("v"));
        JsonPath facts = given().get("/volumes/v/top.qcow2")
                .then()
                .statusCode(200)
                .extract()
                .jsonPath();
        JsonNode info = QemuTools.info(top);
        assertThat(facts.getList("$")).hasSize(2);
        assertThat(facts.getLong("[0].virtual-size"))
                .isEqualTo(info.get("virtual-size").asLong());
        assertThat(facts.getLong("[0].actual-size"))
                .isEqualTo(info.get("actual-size").asLong());
        assertThat(facts.getInt("[0].cluster-size"))
                .isEqualTo(info.get("cluster-size").asInt());
        assertThat(facts.getString("[0].backing-filename"))
                .isEqualTo(info.get("backing-filename").asString());
        assertThat(facts.getString("[0].backing-filename-format"))
                .isEqualTo(info.get("backing-filename-format").asString());
        assertThat(facts.getString("[0].full-backing-filename")).isEqualTo("v/base.qcow2");
        assertThat(facts.getBoolean("[0].dirty-flag"))
                .isEqualTo(info.get("dirty-flag").asBoolean());
        assertThat(facts.getString("[1].format-specific.data.compat")).isEqualTo("0.10");
    }

    @Test
    void rawVolumesHaveNothingSpecific() {
        file("v/plain.raw");
        json("{\"format\": \"raw\", \"virtual-size\": 1048576}")
                .put("/volumes/v/plain.raw")
                .then()
                .statusCode(201)
                .body("[0].format", equalTo("raw"))
                .body("[0]", not(hasKey("cluster-size")))
                .body("[0]", not(hasKey("format-specific")));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"virtual-size\":\"1M\",\"cluster-sise\":1}        | 400 | unknown-key        | cluster-sise",
                "{\"virtual-size\":\"1M\",\"cluster-size\":3000}     | 400 | invalid-option     | cluster-size",
                "{\"virtual-size\":\"1M\",\"cluster-size\":\"8E\"}   | 400 | invalid-option     | cluster-size",
                "{\"virtual-size\":\"1M\",\"refcount-bits\":3}       | 400 | invalid-option     | refcount-bits",
                "{\"virtual-size\":\"1M\",\"compat\":\"2.0\"}        | 400 | invalid-option     | compat",
                "{\"virtual-size\":\"1M\",\"format\":\"vdi\"}        | 400 | invalid-option     | format",
                "{\"virtual-size\":\"1M\",\"compression-type\":\"xz\"} | 400 | invalid-option   | compression-type",
                "{\"virtual-size\":\"1M\",\"extended-l2\":true,\"cluster-size\":\"8K\"} | 400 | invalid-option | extended-l2",
                "{\"virtual-size\":\"1M\",\"extended-l2\":true,\"compat\":\"0.10\"} | 400 | invalid-option | extended-l2",
                "{\"virtual-size\":\"1M\",\"preallocation\":\"most\"} | 400 | invalid-option | preallocation",
                "{\"virtual-size\":\"1M\",\"format\":\"raw\",\"preallocation\":\"metadata\"} | 400 | invalid-option |"
                        + " preallocation",
                "{\"virtual-size\":\"1M\",\"lazy-refcounts\":true,\"compat\":\"0.10\"} | 400 | invalid-option |"
                        + " lazy-refcounts",
                "{\"virtual-size\":\"1M\",\"data-file-raw\":true}    | 400 | invalid-option     | data-file-raw",
                "{\"virtual-size\":\"1M\",\"backing-file\":\"b\"}    | 400 | invalid-option     | backing-format",
                "{}                                                  | 400 | invalid-option     | virtual-size"
            })
    void optionsThatCannotBeAreRefusedAndLeaveNoFile(String body, int status, String type, String option) {
        Path file = file("v/refused.qcow2");
        problem(json(body).put("/volumes/v/refused.qcow2"), status, type).body("option", equalTo(option));
        assertThat(file).doesNotExist();
    }

    /** Where there are subclusters to show a backing file through, it goes with places for the whole disk. */
    @Test
    void placesOverABackingFile() {
        json("{\"virtual-size\": \"1M\"}").put("/volumes/v/below.qcow2").then().statusCode(201);
        String over =
                "{\"backing-file\": \"below.qcow2\", \"backing-format\": \"qcow2\", \"preallocation\": \"metadata\"";
        problem(json(over + "}").put("/volumes/v/over.qcow2"), 400, "invalid-option")
                .body("option", equalTo("preallocation"))
                .body("detail", containsString("extended-l2"));
        json(over + ", \"extended-l2\": true}")
                .put("/volumes/v/over.qcow2")
                .then()
                .statusCode(201)
                .body("[0].format-specific.data.extended-l2", equalTo(true));
    }

    @Test
    void aVolumeIsAmendedWhileNobodyHasIt() {
        json("{\"virtual-size\": \"1M\"}")
                .put("/volumes/v/amended.qcow2")
                .then()
                .statusCode(201);
        json("{\"lazy-refcounts\": true}")
                .patch("/volumes/v/amended.qcow2")
                .then()
                .statusCode(200)
                .body("[0].format-specific.data.lazy-refcounts", equalTo(true));
        json("{\"refcount-bits\": 64}")
                .patch("/volumes/v/amended.qcow2")
                .then()
                .statusCode(200)
                .body("[0].format-specific.data.refcount-bits", equalTo(64));
        problem(json("{\"compat\": \"0.10\"}").patch("/volumes/v/amended.qcow2"), 400, "invalid-option")
                .body("option", equalTo("compat"))
                .body("detail", containsString("\"refcount-bits\": 16"));
        json("{\"compat\": \"0.10\", \"refcount-bits\": 16}")
                .patch("/volumes/v/amended.qcow2")
                .then()
                .statusCode(200)
                .body("[0].format-specific.data.compat", equalTo("0.10"))
                .body("[0].format-specific.data.refcount-bits", equalTo(16));
        problem(json("{\"refcount-bits\": 8}").patch("/volumes/v/amended.qcow2"), 400, "invalid-option")
                .body("option", equalTo("refcount-bits"));
        problem(
                        json("{\"compat\": \"1.1\", \"refcount-bits\": 9}").patch("/volumes/v/amended.qcow2"),
                        400,
                        "invalid-option")
                .body("option", equalTo("refcount-bits"));
        problem(
                        json("{\"backing-file\": \"amended.qcow2\", \"backing-format\": \"qcow2\"}")
                                .patch("/volumes/v/amended.qcow2"),
                        400,
                        "invalid-option")
                .body("option", equalTo("backing-file"));
        problem(json("{\"cluster-size\": 512}").patch("/volumes/v/amended.qcow2"), 400, "unknown-key")
                .body("option", equalTo("cluster-size"));
        problem(json("{\"compat\": \"1.1\"}").patch("/volumes/v/missing.qcow2"), 404, "not-found");
    }

    @Test
    void anExistingFileIsNeverReplaced() throws IOException {
        Path file = file("v/kept.qcow2");
        Files.writeString(file, "precious");
        problem(json("{\"virtual-size\": \"1M\"}").put("/volumes/v/kept.qcow2"), 409, "already-exists");
        assertThat(file).hasContent("precious");
    }

    @Test
    void listsArePaged() {
        for (String name : new String[] {"l/a.qcow2", "l/b%20c.qcow2", "l/d%26e.qcow2"}) {
            file(URLDecoder.decode(name, StandardCharsets.UTF_8));
            json("{\"virtual-size\": \"1M\"}")
                    .urlEncodingEnabled(false)
                    .put("/volumes/" + name)
                    .then()
                    .statusCode(201)
                    .header("Location", endsWith("/volumes/" + name.replace("%26", "&")));
        }
        Response first = given().get("/volumes?prefix=l/&limit=2");
        first.then().statusCode(200).body("name", contains("l/a.qcow2", "l/b c.qcow2"));
        String link = first.header("Link");
        assertThat(link).startsWith("<").endsWith(">; rel=\"next\"");
        given().urlEncodingEnabled(false)
                .get(link.substring(1, link.indexOf('>')))
                .then()
                .statusCode(200)
                .header("Link", nullValue())
                .body("name", contains("l/d&e.qcow2"));
        problem(given().get("/volumes?limit=0"), 400, "invalid-option").body("option", equalTo("limit"));
        problem(given().get("/volumes?prefx=l"), 400, "invalid-option").body("option", equalTo("prefx"));
    }

    @Test
    @NeedsQemu
    void whatAnotherProgramHasOpenIsNotDeleted() throws IOException {
        Path image = QemuTools.create(file("v/held.qcow2"), MIB, "");
        try (HeldImage held = QemuTools.hold("qcow2", image)) {
            problem(given().delete("/volumes/v/held.qcow2"), 409, "busy");
            assertThat(image).exists();
        }
        given().delete("/volumes/v/held.qcow2").then().statusCode(204);
    }

    @Test
    void aVolumeInUseIsNotDeleted() {
        createAndOpen("user", "v/used.qcow2", "1M");
        problem(given().delete("/volumes/v/used.qcow2"), 409, "in-use");
        given().delete("/drives/user").then().statusCode(204);
        file("v/over.qcow2");
        json("{\"backing-file\": \"used.qcow2\", \"backing-format\": \"qcow2\"}")
                .put("/volumes/v/over.qcow2")
                .then()
                .statusCode(201);
        problem(given().delete("/volumes/v/used.qcow2"), 409, "in-use");
        given().delete("/volumes/v/over.qcow2").then().statusCode(204);
        given().delete("/volumes/v/used.qcow2").then().statusCode(204);
        problem(given().delete("/volumes/v/used.qcow2"), 404, "not-found");
        problem(given().get("/volumes/v/used.qcow2"), 404, "not-found");
    }

    @Test
    void backingFilesOutsideTheRootAreForbidden() {
        file("v/leaky.qcow2");
        problem(
                json("{\"backing-file\": \"../../etc/passwd\", \"backing-format\": \"raw\"}")
                        .put("/volumes/v/leaky.qcow2"),
                403,
                "forbidden-path");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"/volumes/v/../../../etc/passwd", "/volumes/%2e%2e/%2e%2e/etc/passwd", "/volumes/a%2F..%2Fb"})
    void pathsThatClimbNeverReachAFile(String path) throws IOException {
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("GET " + path + " HTTP/1.1");
            RawConnection.Head head = connection.receiveHead();
            assertThat(head.status()).isIn(400, 403, 404);
            assertThat(head.headers()).containsEntry("content-type", "application/problem+json");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"//etc/passwd", "/.hidden", "/nbd:x"})
    void namesThatAreNoVolumesAreForbidden(String name) throws IOException {
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("GET /volumes" + name + " HTTP/1.1");
            assertThat(connection.receiveHead().status()).isIn(403, 404);
        }
    }
}
