package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.nullValue;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.web.data.ChecksumAlgorithm;
import io.restassured.response.Response;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Extents and checksums: what is known of the bytes without moving them. */
class MapContractTest extends RunningService {
    private static final String EXTENTS = "/drives/disk/data/extents";
    private static final String CHECKSUM = "/drives/disk/data/checksum";

    /** Data, a zero run that is allocated, data, holes. */
    private void openDisk() {
        createAndOpen("disk", "m/disk.qcow2", "16M");
        write("disk", 0, filled(2 * MIB, 1));
        write("disk", 8 * MIB, filled(64 * KIB, 2));
        json("{\"op\": \"zero\", \"offset\": \"1M\", \"size\": \"512K\"}")
                .patch("/drives/disk/data")
                .then()
                .statusCode(200);
    }

    @Test
    void extentsCoverTheDiskInOrder() {
        openDisk();
        List<JsonNode> extents = extents(given().get(EXTENTS), 0, 16 * MIB);
        assertThat(extents.stream().map(MapContractTest::brief))
                .containsExactly(
                        "0+1048576 data",
                        "1048576+524288 zero",
                        "1572864+524288 data",
                        "2097152+6291456 hole",
                        "8388608+65536 data",
                        "8454144+8323072 hole");
    }

    @Test
    void aWindowIsClippedToItsBounds() {
        openDisk();
        List<JsonNode> extents = extents(given().get(EXTENTS + "?start=1000&length=2M"), 1000, 2 * MIB);
        assertThat(brief(extents.getFirst())).isEqualTo("1000+1047576 data");
        assertThat(brief(extents.getLast())).isEqualTo("2097152+1000 hole");
        extents(given().get(EXTENTS + "?start=15M&length=1T"), 15 * MIB, MIB);
        given().get(EXTENTS + "?start=16M").then().statusCode(200).body("$", hasSize(0));
        problem(given().get(EXTENTS + "?start=16777217"), 416, "range-not-satisfiable");
    }

    @Test
    void pagesJoinToTheWhole() {
        openDisk();
        String whole = given().get(EXTENTS).asString();
        List<String> paged = pagesOfExtents("disk", EXTENTS + "?limit=2");
        assertThat(paged).hasSize(3);
        assertThat("[" + String.join(",", paged) + "]").isEqualTo(whole);
    }

    @Test
    void extentsComeAsLinesOnRequest() {
        openDisk();
        Response lines = given().accept("application/x-ndjson").get(EXTENTS);
        lines.then().statusCode(200).header("Content-Type", "application/x-ndjson");
        assertThat(lines.asString().lines())
                .hasSize(6)
                .first()
                .asString()
                .startsWith("{\"start\":0,\"length\":1048576,");
        given().accept("application/json, application/x-ndjson;q=0.5")
                .get(EXTENTS)
                .then()
                .contentType("application/json");
        problem(given().accept("text/html").get(EXTENTS), 406, "not-acceptable");
    }

    @ParameterizedTest
    @CsvSource({
        "context=all,invalid-option,context",
        "limit=0,invalid-option,limit",
        "limit=10001,invalid-option,limit",
        "start=-1,invalid-option,start",
        "lenght=5,invalid-option,lenght"
    })
    void whatCannotBeListedIsRefused(String query, String type, String option) {
        openDisk();
        problem(given().get(EXTENTS + "?" + query), 400, type).body("option", equalTo(option));
    }

    @Test
    void theChecksumIsThatOfTheBlocksDigests() throws Exception {
        openDisk();
        given().get(CHECKSUM)
                .then()
                .statusCode(200)
                .body("algorithm", equalTo("blake2b"))
                .body("block_size", equalTo(4 * MIB))
                .body("checksum", equalTo(expected("blake2b", 4 * MIB)));
        given().get(CHECKSUM + "?algorithm=sha256&block_size=65536")
                .then()
                .body("algorithm", equalTo("sha256"))
                .body("block_size", equalTo(65536))
                .body("checksum", equalTo(expected("sha256", 65536)));
        given().get(CHECKSUM + "?algorithm=sha1&block_size=3000000")
                .then()
                .body("checksum", equalTo(expected("sha1", 3_000_000)));
    }

    @Test
    void aPartHasAChecksumOfItsOwn() {
        openDisk();
        int size = given().get("/drives/disk/data").asByteArray().length;
        given().get(CHECKSUM + "?block_size=65536&start=100000&length=200000")
                .then()
                .body("checksum", equalTo(expected("blake2b", 65536, 100_000, 300_000)));
        given().get(CHECKSUM + "?algorithm=sha256&block_size=65536&start=1M")
                .then()
                .body("checksum", equalTo(expected("sha256", 65536, MIB, size)));
        given().get(CHECKSUM + "?length=99T").then().body("checksum", equalTo(expected("blake2b", 4 * MIB)));
        problem(given().get(CHECKSUM + "?start=" + (size + 1)), 416, "range-not-satisfiable");
    }

    private static String expected(String algorithm, int blockSize) {
        return expected(
                algorithm, blockSize, 0, given().get("/drives/disk/data").asByteArray().length);
    }

    private static String expected(String algorithm, int blockSize, int from, int end) {
        byte[] disk = given().get("/drives/disk/data").asByteArray();
        MessageDigest outer = ChecksumAlgorithm.parse(algorithm).start();
        for (int start = from; start < end; start += blockSize) {
            MessageDigest inner = ChecksumAlgorithm.parse(algorithm).start();
            inner.update(disk, start, Math.min(blockSize, end - start));
            outer.update(inner.digest());
        }
        return HexFormat.of().formatHex(outer.digest());
    }

    @Test
    @NeedsQemu
    void theChecksumDoesNotDependOnTheFormat() {
        Path image = QemuTools.create(file("m/one.qcow2"), 10L * MIB, "cluster_size=4k");
        QemuTools.edit(image, "write -P 5 1M 300000", "write -z 5M 1M", "write -P 0 7M 64k");
        QemuTools.convert(image, "qcow2", file("m/packed.qcow2"), "qcow2", "-c");
        QemuTools.convert(image, "qcow2", file("m/plain.raw"), "raw");
        open("disk", "m/one.qcow2");
        open("packed", "m/packed.qcow2");
        json("{\"id\": \"raw\", \"file\": \"m/plain.raw\", \"format\": \"raw\"}")
                .post("/drives");
        String one = given().get(CHECKSUM).jsonPath().getString("checksum");
        assertThat(given().get("/drives/packed/data/checksum").jsonPath().getString("checksum"))
                .isEqualTo(one);
        assertThat(given().get("/drives/raw/data/checksum").jsonPath().getString("checksum"))
                .isEqualTo(one);
    }

    @ParameterizedTest
    @CsvSource({
        "algorithm=crc32,algorithm",
        "block_size=4096,block_size",
        "block_size=x,block_size",
        "blocksize=1,blocksize"
    })
    void aChecksumThatCannotBeIsRefused(String query, String option) {
        openDisk();
        problem(given().get(CHECKSUM + "?" + query), 400, "invalid-option").body("option", equalTo(option));
    }

    private static List<JsonNode> extents(Response response, long start, long length) {
        response.then().statusCode(200).contentType("application/json").header("ETag", nullValue());
        List<JsonNode> extents = new ArrayList<>();
        long position = start;
        for (JsonNode extent : JsonMapper.shared().readTree(response.asString())) {
            assertThat(extent.get("start").asLong()).isEqualTo(position);
            position += extent.get("length").asLong();
            extents.add(extent);
        }
        assertThat(position).isEqualTo(start + length);
        return extents;
    }

    private static String brief(JsonNode extent) {
        String kind =
                extent.get("hole").asBoolean() ? "hole" : extent.get("zero").asBoolean() ? "zero" : "data";
        return extent.get("start").asLong() + "+" + extent.get("length").asLong() + " " + kind;
    }
}
