package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.not;

import org.junit.jupiter.api.Test;

/** Internal snapshots over HTTP: their life, and what is refused. */
class SnapshotContractTest extends RunningService {
    private static final String SNAPSHOTS = "/drives/disk/snapshots";

    private static void create(String name) {
        json("{\"name\": \"" + name + "\"}").post(SNAPSHOTS).then().statusCode(201);
    }

    @Test
    void aSnapshotsLife() {
        createAndOpen("disk", "s/disk.qcow2", "1M");
        given().get(SNAPSHOTS).then().statusCode(200).body("", hasSize(0));
        write("disk", 0, filled(64 * KIB, 1));
        json("{\"name\": \"a b\"}")
                .post(SNAPSHOTS)
                .then()
                .statusCode(201)
                .header("Location", endsWith("/drives/disk/snapshots/1"))
                .body("id", equalTo("1"))
                .body("name", equalTo("a b"))
                .body("disk-size", equalTo(MIB))
                .body("vm-state-size", equalTo(0))
                .body("date-sec", greaterThan(1_700_000_000));
        write("disk", 100, filled(5, 2));
        create("later");
        write("disk", 100, filled(5, 3));
        given().get(SNAPSHOTS).then().body("name", contains("a b", "later")).body("id", contains("1", "2"));
        given().get(SNAPSHOTS + "/1").then().statusCode(200).body("name", equalTo("a b"));
        given().get(SNAPSHOTS + "/later")
                .then()
                .statusCode(200)
                .body("id", equalTo("2"))
                .body("disk-size", equalTo(MIB));

        given().delete("/drives/disk").then().statusCode(204);
        json("{\"id\": \"old\", \"file\": \"s/disk.qcow2\", \"snapshot\": \"a b\"}")
                .post("/drives")
                .then()
                .statusCode(201)
                .body("read-only", equalTo(true));
        assertThat(read("old", 100, 5)).containsOnly(1);
        given().delete("/drives/old").then().statusCode(204);

        open("disk", "s/disk.qcow2");
        String before = given().head("/drives/disk/data").header("ETag");
        given().post(SNAPSHOTS + "/later/revert").then().statusCode(204);
        assertThat(read("disk", 100, 5)).containsOnly(2);
        given().head("/drives/disk/data").then().header("ETag", not(equalTo(before)));
        given().post(SNAPSHOTS + "/1/revert").then().statusCode(204);
        assertThat(read("disk", 100, 5)).containsOnly(1);
        given().delete(SNAPSHOTS + "/later").then().statusCode(204);
        given().get(SNAPSHOTS).then().body("name", contains("a b"));
    }

    @Test
    void aSnapshotIsReadWhileItsDiskIsWritten() {
        createAndOpen("disk", "s/disk.qcow2", "1M");
        write("disk", 0, filled(64 * KIB, 1));
        create("then");
        json("{\"id\": \"view\", \"file\": \"s/disk.qcow2\", \"snapshot\": \"then\"}")
                .post("/drives")
                .then()
                .statusCode(201)
                .body("read-only", equalTo(true));
        write("disk", 0, filled(64 * KIB, 2));
        assertThat(read("view", 0, 64 * KIB)).containsOnly(1);
        assertThat(read("disk", 0, 64 * KIB)).containsOnly(2);
        problem(given().delete(SNAPSHOTS + "/then"), 409, "busy");
        problem(given().delete("/drives/disk"), 409, "in-use")
                .body(
                        "detail",
                        equalTo("drive \"view\" reads a snapshot of drive \"disk\"'s image; it must end first"));
        problem(json("{\"id\": \"other\", \"file\": \"s/disk.qcow2\"}").post("/drives"), 409, "in-use");
        write("disk", 0, filled(5, 3));
        given().delete("/drives/view").then().statusCode(204);
        given().delete(SNAPSHOTS + "/then").then().statusCode(204);
        given().delete("/drives/disk").then().statusCode(204);
    }

    @Test
    void aNameMayHaveASlash() {
        createAndOpen("disk", "s/disk.qcow2", "1M");
        create("a/b");
        given().urlEncodingEnabled(false)
                .get(SNAPSHOTS + "/a%2Fb")
                .then()
                .statusCode(200)
                .body("name", equalTo("a/b"));
        given().urlEncodingEnabled(false).delete(SNAPSHOTS + "/a%2Fb").then().statusCode(204);
    }

    @Test
    void goingBackMarksAllOfTheDiskInItsBitmaps() {
        createAndOpen("disk", "s/disk.qcow2", "1M");
        create("one");
        json("{\"name\": \"b\"}").post("/drives/disk/bitmaps").then().statusCode(201);
        problem(given().post(SNAPSHOTS + "/none/revert"), 404, "not-found");
        given().get("/drives/disk/bitmaps/b").then().body("count", equalTo(0));
        given().post(SNAPSHOTS + "/one/revert").then().statusCode(204);
        given().get("/drives/disk/bitmaps/b").then().body("count", equalTo(MIB));
    }

    @Test
    void whatCannotBeIsRefused() {
        createAndOpen("disk", "s/disk.qcow2", "1M");
        create("one");
        problem(json("{\"name\": \"one\"}").post(SNAPSHOTS), 409, "already-exists");
        problem(json("{}").post(SNAPSHOTS), 400, "invalid-option").body("option", equalTo("name"));
        problem(json("{\"name\": \"\"}").post(SNAPSHOTS), 400, "invalid-option").body("option", equalTo("name"));
        problem(json("{\"name\": \"two\", \"size\": 1}").post(SNAPSHOTS), 400, "unknown-key");
        problem(given().get(SNAPSHOTS + "/none"), 404, "not-found");
        problem(given().delete(SNAPSHOTS + "/none"), 404, "not-found");
        json("{\"read-only\": true}").patch("/drives/disk").then().statusCode(200);
        problem(json("{\"name\": \"two\"}").post(SNAPSHOTS), 403, "read-only");
        problem(given().post(SNAPSHOTS + "/one/revert"), 403, "read-only");
        problem(given().delete(SNAPSHOTS + "/one"), 403, "read-only");
        given().get(SNAPSHOTS).then().body("name", contains("one"));
    }
}
