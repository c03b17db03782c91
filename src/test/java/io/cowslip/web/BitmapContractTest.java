package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.nullValue;

import io.cowslip.testing.Seeds;
import io.restassured.specification.RequestSpecification;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Bitmaps over HTTP: their life, what they have marked, and the incremental backup that they are for. */
class BitmapContractTest extends RunningService {
    private static final String BITMAPS = "/drives/disk/bitmaps";
    private static final String DIRTY = "/drives/disk/data/extents?context=dirty&bitmap=";

    private static void create(String body) {
        json(body).post(BITMAPS).then().statusCode(201);
    }

    @Test
    void aBitmapsLife() {
        createAndOpen("disk", "b/disk.qcow2", "16M");
        json("{\"name\": \"a b\", \"granularity\": \"4K\"}")
                .post(BITMAPS)
                .then()
                .statusCode(201)
                .header("Location", endsWith("/drives/disk/bitmaps/a%20b"))
                .body("granularity", equalTo(4096))
                .body("disabled", equalTo(false))
                .body("inconsistent", equalTo(false))
                .body("count", equalTo(0));
        create("{\"name\": \"off\", \"disabled\": true}");
        write("disk", MIB, filled(8192, 1));
        given().get(BITMAPS + "/a b").then().statusCode(200).body("count", equalTo(8192));
        given().get(BITMAPS).then().body("name", contains("a b", "off")).body("[0].count", nullValue());
        json("{\"sources\": [\"a b\"]}")
                .post(BITMAPS + "/off/merge")
                .then()
                .statusCode(200)
                .body("count", equalTo(65536));
        json("{\"disabled\": true}").patch(BITMAPS + "/a b").then().body("disabled", equalTo(true));
        write("disk", 0, filled(8192, 1));
        given().get(BITMAPS + "/a b").then().body("count", equalTo(8192));
        json("{\"disabled\": false}").patch(BITMAPS + "/a b").then().body("disabled", equalTo(false));
        given().post(BITMAPS + "/a b/clear").then().statusCode(200).body("count", equalTo(0));
        given().delete(BITMAPS + "/off").then().statusCode(204);
        given().delete("/drives/disk").then().statusCode(204);
        given().get("/volumes/b/disk.qcow2")
                .then()
                .body("[0].format-specific.data.bitmaps", hasSize(1))
                .body("[0].format-specific.data.bitmaps[0].name", equalTo("a b"))
                .body("[0].format-specific.data.bitmaps[0].granularity", equalTo(4096))
                .body("[0].format-specific.data.bitmaps[0].flags", contains("auto"));
    }

    @Test
    void aNameMayHaveASlash() {
        createAndOpen("disk", "b/disk.qcow2", "1M");
        json("{\"name\": \"jobs/a%b\"}")
                .post(BITMAPS)
                .then()
                .statusCode(201)
                .header("Location", endsWith("/drives/disk/bitmaps/jobs%2Fa%25b"));
        RequestSpecification asItIs = given().urlEncodingEnabled(false);
        write("disk", 0, filled(1, 1));
        asItIs.get(BITMAPS + "/jobs%2Fa%25b")
                .then()
                .statusCode(200)
                .body("name", equalTo("jobs/a%b"))
                .body("count", equalTo(64 * KIB));
        asItIs.post(BITMAPS + "/jobs%2Fa%25b/clear").then().statusCode(200).body("count", equalTo(0));
        given().get(DIRTY + "jobs/a%b").then().statusCode(200).body("dirty", contains(false, false));
        asItIs.delete(BITMAPS + "/jobs%2Fa%25b").then().statusCode(204);
        problem(asItIs.get("/volumes/..%2F..%2Fetc%2Fpasswd"), 403, "forbidden-path");
        problem(asItIs.get("/swagger-ui/..%2F..%2Fapplication.properties"), 404, "not-found");
    }

    @Test
    void whatCannotBeIsRefused() {
        createAndOpen("disk", "b/disk.qcow2", "16M");
        create("{\"name\": \"b\"}");
        problem(json("{\"name\": \"b\"}").post(BITMAPS), 409, "already-exists");
        problem(json("{}").post(BITMAPS), 400, "invalid-option").body("option", equalTo("name"));
        problem(json("{\"name\": \"a\\tb\"}").post(BITMAPS), 400, "invalid-option");
        problem(json("{\"name\": \"c\", \"granularity\": 1000}").post(BITMAPS), 400, "invalid-option")
                .body("option", equalTo("granularity"));
        problem(json("{\"name\": \"c\", \"size\": 1}").post(BITMAPS), 400, "unknown-key");
        problem(json("{}").patch(BITMAPS + "/b"), 400, "invalid-option");
        problem(json("{\"sources\": []}").post(BITMAPS + "/b/merge"), 400, "invalid-option");
        problem(json("{\"sources\": [\"none\"]}").post(BITMAPS + "/b/merge"), 404, "not-found");
        problem(given().get(BITMAPS + "/none"), 404, "not-found");
        problem(given().delete(BITMAPS + "/none"), 404, "not-found");
        problem(given().get(DIRTY + "none"), 404, "not-found");
        json("{\"read-only\": true}").patch("/drives/disk").then().statusCode(200);
        problem(given().delete(BITMAPS + "/b"), 403, "read-only");
        problem(json("{\"name\": \"c\"}").post(BITMAPS), 403, "read-only");
        given().get(BITMAPS + "/b").then().statusCode(200).body("count", equalTo(0));
    }

    @ParameterizedTest
    @CsvSource({"context=dirty,bitmap", "bitmap=b,bitmap", "context=zero&bitmap=b,bitmap"})
    void theContextAndTheBitmapGoTogether(String query, String option) {
        createAndOpen("disk", "b/disk.qcow2", "1M");
        problem(given().get("/drives/disk/data/extents?" + query), 400, "invalid-option")
                .body("option", equalTo(option));
    }

    @Test
    void dirtyExtentsHaveWindowsPagesAndLines() {
        createAndOpen("disk", "b/disk.qcow2", "1M");
        create("{\"name\": \"b\"}");
        write("disk", 128 * KIB, filled(64 * KIB, 1));
        given().get(DIRTY + "b")
                .then()
                .statusCode(200)
                .body("start", contains(0, 128 * KIB, 192 * KIB))
                .body("length", contains(128 * KIB, 64 * KIB, 832 * KIB))
                .body("dirty", contains(false, true, false))
                .body("zero", contains(true, false, true))
                .body("[0].hole", nullValue());
        given().get(DIRTY + "b&start=131172&length=64K")
                .then()
                .body("start", contains(131172, 192 * KIB))
                .body("dirty", contains(true, false));
        given().get(DIRTY + "b&limit=2")
                .then()
                .body("", hasSize(2))
                .header("Link", containsString("start=196608"))
                .header("Link", containsString("context=dirty&bitmap=b"));
        assertThat(given().accept("application/x-ndjson").get(DIRTY + "b").asString())
                .startsWith("{\"start\":0,\"length\":131072,\"dirty\":false,\"zero\":true}\n");
    }

    /** A full copy and then only what the bitmaps say: each time the copy is the disk. */
    @Test
    void incrementsMakeTheCopyTheDisk() {
        long seed = Seeds.seeds(1, 1).findFirst().orElseThrow();
        SplittableRandom random = new SplittableRandom(seed);
        int size = 4 * MIB;
        createAndOpen("disk", "b/disk.qcow2", "4M");
        change(random, size);
        create("{\"name\": \"0\", \"granularity\": 4096}");
        byte[] copy = read("disk", 0, size);
        for (int cycle = 0; cycle < 4; cycle++) {
            change(random, size);
            if (cycle % 2 == 1) {
                given().delete("/drives/disk").then().statusCode(204);
                open("disk", "b/disk.qcow2");
            }
            create("{\"name\": \"" + (cycle + 1) + "\", \"granularity\": " + (512 << random.nextInt(8)) + "}");
            json("{\"disabled\": true}").patch(BITMAPS + "/" + cycle).then().statusCode(200);
            for (JsonNode extent :
                    JsonMapper.shared().readTree(given().get(DIRTY + cycle).asString())) {
                if (extent.get("dirty").asBoolean()) {
                    int start = extent.get("start").asInt();
                    byte[] bytes = read("disk", start, extent.get("length").asInt());
                    System.arraycopy(bytes, 0, copy, start, bytes.length);
                }
            }
            assertThat(copy).isEqualTo(read("disk", 0, size));
        }
    }

    private static void change(SplittableRandom random, int size) {
        for (int number = 0; number < 12; number++) {
            int length = 1 + random.nextInt(100_000);
            int start = random.nextInt(size - length);
            if (random.nextInt(3) > 0) {
                byte[] bytes = new byte[length];
                random.nextBytes(bytes);
                write("disk", start, bytes);
            } else {
                json("{\"op\": \"" + (random.nextBoolean() ? "zero" : "discard") + "\", \"offset\": " + start
                                + ", \"size\": " + length + "}")
                        .patch("/drives/disk/data")
                        .then()
                        .statusCode(200);
            }
        }
    }
}
