package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.nullValue;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What changed since a snapshot, over HTTP: without any bitmap, and enough for an incremental backup. */
class ChangesContractTest extends RunningService {
    private static final String EXTENTS = "/drives/disk/data/extents";
    private static final String SINCE = EXTENTS + "?context=dirty&since=";

    private static void snapshot(String name) {
        json("{\"name\": \"" + name + "\"}")
                .post("/drives/disk/snapshots")
                .then()
                .statusCode(201);
    }

    /** Two clusters changed between the snapshots, and one after the second. */
    private void openChangedDisk() {
        createAndOpen("disk", "c/disk.qcow2", "1M");
        write("disk", 0, filled(MIB, 1));
        snapshot("a b");
        write("disk", 128 * KIB, filled(64 * KIB, 2));
        json("{\"op\": \"zero\", \"offset\": \"256K\", \"size\": \"64K\"}")
                .patch("/drives/disk/data")
                .then()
                .statusCode(200);
        snapshot("later");
        write("disk", 512 * KIB, filled(1, 3));
    }

    @Test
    void changesSinceASnapshotAreListed() {
        openChangedDisk();
        given().get(SINCE + "a b")
                .then()
                .statusCode(200)
                .contentType("application/json")
                .header("Cache-Control", "no-store")
                .body("start", contains(0, 128 * KIB, 192 * KIB, 256 * KIB, 320 * KIB, 512 * KIB, 576 * KIB))
                .body("dirty", contains(false, true, false, true, false, true, false))
                .body("zero", contains(false, false, false, true, false, false, false))
                .body("[0].hole", nullValue());
        given().get(SINCE + "2").then().body("start", contains(0, 512 * KIB, 576 * KIB));
        given().get(SINCE + "1&until=later").then().body("dirty", contains(false, true, false, true, false));
        given().get(SINCE + "later&until=later").then().body("$", hasSize(1)).body("[0].dirty", equalTo(false));
    }

    @Test
    void changesHaveWindowsPagesAndLines() {
        openChangedDisk();
        given().get(SINCE + "1&start=131172&length=64K")
                .then()
                .body("start", contains(131172, 192 * KIB))
                .body("length", contains(65436, 100));
        assertThat(given().accept("application/x-ndjson").get(SINCE + "1").asString())
                .startsWith("{\"start\":0,\"length\":131072,\"dirty\":false,\"zero\":false}\n");
        given().get(SINCE + "1&until=2&limit=2")
                .then()
                .header("Link", containsString("start=196608&limit=2&context=dirty&since=1&until=2"));
        String whole = given().get(SINCE + "a b").asString();
        List<String> paged = pagesOfExtents("disk", EXTENTS + "?context=dirty&since=a%20b&limit=2");
        assertThat(paged).hasSize(4);
        assertThat("[" + String.join(",", paged) + "]").isEqualTo(whole);
    }

    @ParameterizedTest
    @CsvSource({
        "since=1,since",
        "context=zero&since=1,since",
        "context=dirty&until=1,bitmap",
        "until=1,until",
        "context=dirty&bitmap=b&until=1,until",
        "context=dirty&bitmap=b&since=1,since"
    })
    void whatCannotBeAskedIsRefused(String query, String option) {
        openChangedDisk();
        problem(given().get(EXTENTS + "?" + query), 400, "invalid-option").body("option", equalTo(option));
    }

    @Test
    void whatIsNotThereIsSaid() {
        openChangedDisk();
        problem(given().get(SINCE + "none"), 404, "not-found").body("detail", containsString("\"none\""));
        problem(given().get(SINCE + "1&until=none"), 404, "not-found");
        problem(given().get(SINCE + "1&start=2M"), 416, "range-not-satisfiable");
        file("c/split.data");
        file("c/split.qcow2");
        json("{\"virtual-size\": \"1M\", \"data-file\": \"split.data\"}")
                .put("/volumes/c/split.qcow2")
                .then()
                .statusCode(201);
        open("split", "c/split.qcow2");
        problem(given().get("/drives/split/data/extents?context=dirty&since=1"), 422, "unsupported-feature")
                .body("detail", containsString("external data file"));
    }

    /** A full copy and then only what changed between two snapshots: each time the copy is the later one. */
    @Test
    @NeedsQemu
    void incrementsMakeTheCopyTheSnapshot() throws Exception {
        long seed = Seeds.seeds(1, 1).findFirst().orElseThrow();
        SplittableRandom random = new SplittableRandom(seed);
        int size = 4 * MIB;
        createAndOpen("disk", "c/disk.qcow2", "4M");
        change(random, size);
        snapshot("s0");
        byte[] copy = read("disk", 0, size);
        for (int round = 1; round < 5; round++) {
            change(random, size);
            snapshot("s" + round);
            copyChanges(copy, SINCE + "s" + (round - 1) + "&until=s" + round);
            given().delete("/drives/disk/snapshots/s" + (round - 1)).then().statusCode(204);
        }
        change(random, size);
        given().delete("/drives/disk").then().statusCode(204);
        Path raw = file("c/s4.raw");
        QemuTools.convert(root().resolve("c/disk.qcow2"), "qcow2", raw, "raw", "-l", "snapshot.name=s4");
        assertThat(Files.readAllBytes(raw)).as("seed %s", seed).isEqualTo(copy);
    }

    private static void change(SplittableRandom random, int size) {
        for (int i = 0; i < 6; i++) {
            int offset = random.nextInt(size);
            int length = Math.min(size - offset, random.nextInt(1, 200_000));
            if (random.nextInt(4) == 0) {
                json("{\"op\": \"zero\", \"offset\": " + offset + ", \"size\": " + length + "}")
                        .patch("/drives/disk/data")
                        .then()
                        .statusCode(200);
            } else {
                write("disk", offset, filled(length, random.nextInt(256)));
            }
        }
    }

    /** Nothing has been written since the later snapshot, so the drive reads as that. */
    private static void copyChanges(byte[] copy, String query) {
        for (JsonNode extent : JsonMapper.shared().readTree(given().get(query).asString())) {
            if (extent.get("dirty").asBoolean()) {
                int start = extent.get("start").asInt();
                int length = extent.get("length").asInt();
                byte[] bytes = extent.get("zero").asBoolean() ? new byte[length] : read("disk", start, length);
                System.arraycopy(bytes, 0, copy, start, length);
            }
        }
    }
}
