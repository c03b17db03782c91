package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasKey;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;

import io.cowslip.testing.HeldImage;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DriveContractTest extends RunningService {
    private static final String MERGE_PATCH = "application/merge-patch+json";

    @Test
    void aDriveIsShownWithItsEffectiveValues() {
        newVolume("d/root.qcow2", "8G");
        Response opened = json("""
                {"id": "root", "file": "d/root.qcow2", "l2-cache-size": "1M", "l2-cache-entry-size": 4096}""").post("/drives");
        opened.then()
                .statusCode(201)
                .header("Location", endsWith("/drives/root"))
                .header("ETag", startsWith("\""))
                .body("id", equalTo("root"))
                .body("file", equalTo("d/root.qcow2"))
                .body("format", equalTo("qcow2"))
                .body("read-only", equalTo(false))
                .body("virtual-size", equalTo(8L << 30))
                .body("cluster-size", equalTo(65536))
                .body("l2-cache.size", equalTo(1048576))
                .body("l2-cache.entry-size", equalTo(4096))
                .body("l2-cache.entries", equalTo(256))
                .body("l2-cache.covers", equalTo(8L << 30))
                .body("l2-cache.coverage", equalTo(1.0f))
                .body("refcount-cache.size", equalTo(262144))
                .body("refcount-cache.entry-size", equalTo(65536))
                .body("refcount-cache.entries", equalTo(4))
                .body("cache-clean-interval", equalTo(600))
                .body("'cache.direct'", equalTo(false))
                .body("discard", equalTo("unmap"))
                .body("compress", equalTo(false))
                .body("$", not(hasKey("backing")))
                .body("options.l2-cache-size", equalTo(1048576));
        given().get("/drives/root").then().statusCode(200).body("l2-cache.entries", equalTo(256));
        given().get("/drives").then().statusCode(200).body("$", hasSize(1)).body("[0].id", equalTo("root"));
    }

    @Test
    void anIdIsMadeUpWhereNoneIsGiven() {
        newVolume("d/noid.qcow2", "1M");
        String location = json("{\"file\": \"d/noid.qcow2\"}").post("/drives").header("Location");
        given().get(location).then().statusCode(200).body("file", equalTo("d/noid.qcow2"));
    }

    @Test
    void theBackingChainIsShownLayerByLayer() {
        newVolume("d/base.qcow2", "64M");
        file("d/top.qcow2");
        json("{\"backing-file\": \"base.qcow2\", \"backing-format\": \"qcow2\"}")
                .put("/volumes/d/top.qcow2")
                .then()
                .statusCode(201);
        json("{\"file\": \"d/top.qcow2\", \"backing\": {\"l2-cache-size\": \"128K\", \"l2-cache-entry-size\": \"4K\"}}")
                .post("/drives")
                .then()
                .statusCode(201)
                .body("virtual-size", equalTo(64 << 20))
                .body("backing.file", equalTo("d/base.qcow2"))
                .body("backing.format", equalTo("qcow2"))
                .body("backing.cluster-size", equalTo(65536))
                .body("backing.l2-cache.entry-size", equalTo(4096))
                .body("backing.refcount-cache.size", equalTo(262144));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"file\":\"d/x.qcow2\",\"l2-cache-sise\":1}          | unknown-key        | l2-cache-sise",
                "{\"file\":\"d/x.qcow2\",\"backing\":{\"cach-size\":1}} | unknown-key        | backing.cach-size",
                "{\"file\":\"d/x.qcow2\",\"l2CacheSize\":1}            | unknown-key        | l2CacheSize",
                "{\"file\":\"d/x.qcow2\",\"l2-cache-size\":\"2 M\"}    | invalid-option     | l2-cache-size",
                "{\"file\":\"d/x.qcow2\",\"l2-cache-size\":-1}         | invalid-option     | l2-cache-size",
                "{\"file\":\"d/x.qcow2\",\"l2-cache-size\":1.5}        | unreadable-json    | l2-cache-size",
                "{\"file\":\"d/x.qcow2\",\"l2-cache-size\":true}       | unreadable-json    | l2-cache-size",
                "{\"file\":\"d/x.qcow2\",\"backing\":{\"cache-size\":\"x\"}} | invalid-option | backing.cache-size",
                "{\"file\":\"d/x.qcow2\",\"l2-cache-entry-size\":3000} | invalid-option     | l2-cache-entry-size",
                "{\"file\":\"d/x.qcow2\",\"read-only\":\"yes\"}        | unreadable-json    | read-only",
                "{\"file\":\"d/x.qcow2\",\"cache-clean-interval\":-1}  | invalid-option     | cache-clean-interval",
                "{\"file\":\"d/x.qcow2\",\"cache-clean-interval\":4294967296} | invalid-option | cache-clean-interval",
                "{\"file\":\"d/x.qcow2\",\"discard\":\"maybe\"}        | invalid-option     | discard",
                "{\"file\":\"d/x.qcow2\",\"format\":\"qed\"}           | invalid-option     | format",
                "{\"file\":\"d/x.qcow2\",\"id\":\"1st\"}               | invalid-option     | id",
                "{\"id\":\"x\"}                                        | invalid-option     | file",
                "{\"file\":\"d/x.qcow2\",\"lazy-refcounts\":\"on\"}     | unreadable-json | lazy-refcounts",
                "{\"file\":\"d/x.qcow2\",\"compress\":\"zstd\"}           | unreadable-json | compress",
                "{\"file\":\"d/x.qcow2\",\"pass-discard-other\":\"on\"}  | unreadable-json | pass-discard-other",
                "{\"file\":\"d/x.qcow2\",\"discard-no-unref\":\"on\"}  | unreadable-json | discard-no-unref",
                "{\"file\":\"d/x.qcow2\",\"detect-zeroes\":\"most\"}  | invalid-option | detect-zeroes",
                "{\"file\":\"d/x.qcow2\",\"detect-zeroes\":\"unmap\",\"discard\":\"ignore\"}  | invalid-option | detect-zeroes",
                "{\"file\":\"d/x.qcow2\",\"overlap-check\":\"most\"}  | invalid-option | overlap-check",
                "{\"file\":\"d/x.qcow2\",\"overlap-check.template\":\"\"} | invalid-option | overlap-check.template",
                "{\"file\":\"d/x.qcow2\",\"overlap-check.mainheader\":true} | unknown-key | overlap-check.mainheader",
                "{\"file\":\"d/x.qcow2\",\"overlap-check.main-header\":1} | unreadable-json | overlap-check.main-header",
                "{\"file\":\"d/x.qcow2\",\"overlap-check\":\"all\",\"overlap-check.template\":\"none\"} | invalid-option"
                        + " | overlap-check",
                "{\"file\":\"d/x.qcow2\",\"backing\":{\"overlap-check\":\"x\"}} | invalid-option"
                        + " | backing.overlap-check",
                "{\"file\":\"d/x.qcow2\",\"cache.direct\":\"on\"}     | unreadable-json    | cache.direct",
                "{\"file\":\"d/x.qcow2\",\"cache-direct\":true}       | unknown-key        | cache-direct",
                "{\"file\":\"d/x.qcow2\",\"cache\":{\"direct\":true}} | unsupported-option | cache",
                "{\"file\":\"d/x.qcow2\",\"backing\":{\"pass-discard-request\":1}} | unreadable-json"
                        + " | backing.pass-discard-request"
            })
    void whatCannotBeIsRefusedByName(String body, String type, String option) {
        newVolume("d/x.qcow2", "1M");
        problem(json(body).post("/drives"), 400, type).body("option", equalTo(option));
        given().get("/drives").then().body("$", hasSize(0));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "[]", "null", "\"x\"", "{\"file\":\"a\",\"file\":\"b\"}", "{\"file\":\"a\"} x"})
    void aBodyThatIsNoObjectIsRefused(String body) {
        problem(json(body).post("/drives"), 400, "unreadable-json");
    }

    /** In the words of the API, and not in those of what reads JSON for it. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{                          | the body is no JSON: it ends too early",
                "{\"file\":\"d/x.qcow2        | the body is no JSON: it ends too early",
                "{\"file\":\"d/x.qcow2\",    | the body is no JSON: look at line 1, column 21",
                "{\"read-only\": tru      | the body is no JSON: look at line 1, column 15",
                "{file: 1}                  | the body is no JSON: look at line 1, column 2",
                "{\"file\":\"a\"} x         | the body is no JSON: look at line 1, column 14"
            })
    void whatIsWrongWithTheJsonIsSaid(String body, String detail) {
        problem(json(body).post("/drives"), 400, "unreadable-json").body("detail", equalTo(detail));
    }

    @Test
    void anotherMediaTypeIsRefused() {
        problem(given().contentType("text/plain").body("{}").post("/drives"), 415, "unsupported-media-type");
    }

    @ParameterizedTest
    @ValueSource(strings = {"../x.qcow2", "d/../../x", "/etc/passwd", "d//x.qcow2", ".hidden", "json:{}", "nbd://h/x"})
    void namesThatLeaveTheRootAreForbidden(String name) {
        problem(json("{\"file\": \"" + name + "\"}").post("/drives"), 403, "forbidden-path");
    }

    @Test
    void symbolicLinksOutOfTheRootAreForbidden() throws IOException {
        Path outside = Files.createTempFile("cowslip-outside", ".qcow2");
        Path link = file("d/link.qcow2");
        Files.createSymbolicLink(link, outside);
        problem(json("{\"file\": \"d/link.qcow2\"}").post("/drives"), 403, "forbidden-path")
                .body("detail", not(containsString(String.valueOf(outside.getFileName()))));
        Files.delete(link);
        Files.delete(outside);
    }

    @Test
    void aFileThatIsMissingOrNoImageIsRefused() throws IOException {
        problem(json("{\"file\": \"d/none.qcow2\"}").post("/drives"), 404, "not-found");
        Files.writeString(file("d/text.qcow2"), "this is no image, whatever its name says\n".repeat(100));
        problem(json("{\"file\": \"d/text.qcow2\"}").post("/drives"), 422, "invalid-image")
                .body("detail", not(containsString(root().toString())));
        json("{\"file\": \"d/text.qcow2\", \"format\": \"raw\", \"read-only\": true}")
                .post("/drives")
                .then()
                .statusCode(201)
                .body("format", equalTo("raw"))
                .body("$", not(hasKey("l2-cache")))
                .body("$", not(hasKey("cluster-size")));
    }

    @Test
    void anIdOrAFileThatIsTakenIsAConflict() {
        createAndOpen("taken", "d/taken.qcow2", "1M");
        newVolume("d/other.qcow2", "1M");
        problem(json("{\"id\": \"taken\", \"file\": \"d/other.qcow2\"}").post("/drives"), 409, "id-taken");
        problem(json("{\"file\": \"d/taken.qcow2\"}").post("/drives"), 409, "in-use");
    }

    @Test
    @NeedsQemu
    void anImageThatAnotherProcessHoldsIsBusy() throws Exception {
        Path image = QemuTools.create(file("d/held.qcow2"), MIB, "");
        try (HeldImage held = QemuTools.hold("qcow2", image)) {
            problem(json("{\"file\": \"d/held.qcow2\"}").post("/drives"), 409, "busy");
            assertThat(held.run("read 0 512")).contains("512/512");
        }
        open("held", "d/held.qcow2");
    }

    @Test
    void optionsChangeWhileTheDriveIsOpen() {
        createAndOpen("p", "d/patched.qcow2", "8G");
        String before = given().get("/drives/p").header("ETag");
        patch("p", "{\"l2-cache-size\": \"512K\", \"cache-clean-interval\": 30}")
                .then()
                .statusCode(200)
                .body("l2-cache.size", equalTo(524288))
                .body("l2-cache.entry-size", equalTo(4096))
                .body("cache-clean-interval", equalTo(30))
                .header("ETag", not(equalTo(before)));
        patch("p", "{\"l2-cache-size\": null, \"cache-clean-interval\": null}")
                .then()
                .statusCode(200)
                .body("l2-cache.size", equalTo(1048576))
                .body("cache-clean-interval", equalTo(600));
    }

    @Test
    void aPatchThatIsRefusedChangesNothing() {
        createAndOpen("q", "d/kept.qcow2", "8G");
        String before = given().get("/drives/q").asString();
        problem(patch("q", "{\"l2-cache-size\": \"1M\", \"l2-cache-entry-size\": 3000}"), 400, "invalid-option")
                .body("option", equalTo("l2-cache-entry-size"));
        problem(patch("q", "{\"l2-cache-sise\": 1}"), 400, "unknown-key");
        problem(patch("q", "{\"file\": \"other\"}"), 400, "unknown-key").body("option", equalTo("file"));
        problem(patch("q", "[]"), 400, "unreadable-json");
        problem(patch("nobody", "{}"), 404, "no-such-drive");
        assertThat(given().get("/drives/q").asString()).isEqualTo(before);
    }

    @Test
    void layersGoPastThePageCacheAsTheLayerAboveUnlessTold() {
        newVolume("d/bottom.qcow2", "1M");
        newVolume("d/middle.qcow2", "1M", "bottom.qcow2");
        newVolume("d/upper.qcow2", "1M", "middle.qcow2");
        json("{\"id\": \"all\", \"file\": \"d/upper.qcow2\", \"cache.direct\": true}")
                .post("/drives")
                .then()
                .statusCode(201)
                .body("'cache.direct'", equalTo(true))
                .body("options.'cache.direct'", equalTo(true))
                .body("backing.'cache.direct'", equalTo(true))
                .body("backing.backing.'cache.direct'", equalTo(true));
        octets(new byte[512]).put("/drives/all/data").then().statusCode(200);
        given().delete("/drives/all").then().statusCode(204);
        json("{\"file\": \"d/upper.qcow2\", \"cache.direct\": true, \"backing\": {\"cache.direct\": false}}")
                .post("/drives")
                .then()
                .statusCode(201)
                .body("'cache.direct'", equalTo(true))
                .body("backing.'cache.direct'", equalTo(false))
                .body("backing.backing.'cache.direct'", equalTo(false));
    }

    @Test
    void packingIsPutOnAndOffWhileTheDriveIsOpen() {
        createAndOpen("packing", "d/packing.qcow2", "8G");
        octets(new byte[512]).put("/drives/packing/data").then().statusCode(200);
        for (boolean packed : new boolean[] {false, true}) {
            patch("packing", "{\"l2-cache-packed\": " + packed + "}")
                    .then()
                    .statusCode(200)
                    .body("options.l2-cache-packed", equalTo(packed));
            given().header("Range", "bytes=0-511")
                    .get("/drives/packing/data")
                    .then()
                    .statusCode(206);
            given().get("/actuator/drivecaches/packing")
                    .then()
                    .body("layers[0].l2-cache.logical-bytes", equalTo(65536))
                    .body("layers[0].l2-cache.resident-bytes", equalTo(packed ? 65536 / 4 : 65536));
        }
    }

    @Test
    void thePageCacheCannotBeChangedWhileTheDriveIsOpen() {
        createAndOpen("p", "d/patched.qcow2", "8G");
        problem(patch("p", "{\"cache.direct\": true}"), 400, "invalid-option")
                .body("option", equalTo("cache.direct"))
                .body("detail", containsString("close it"));
        patch("p", "{\"cache.direct\": false}").then().statusCode(200).body("'cache.direct'", equalTo(false));
    }

    @Test
    void readOnlyCanBeTurnedOnAndOff() {
        createAndOpen("r", "d/turned.qcow2", "1M");
        json("{\"read-only\": true}").patch("/drives/r").then().statusCode(200).body("read-only", equalTo(true));
        problem(octets(new byte[512]).put("/drives/r/data"), 403, "read-only");
        patch("r", "{\"read-only\": false}").then().statusCode(200);
        octets(new byte[512]).put("/drives/r/data").then().statusCode(200);
    }

    @Test
    void conditionsOnTheDriveHold() {
        createAndOpen("c", "d/conditions.qcow2", "1M");
        String tag = given().get("/drives/c").header("ETag");
        given().header("If-None-Match", tag).get("/drives/c").then().statusCode(304);
        json("{\"read-only\": true}")
                .header("If-Match", "\"another\"")
                .patch("/drives/c")
                .then()
                .statusCode(412);
        json("{\"read-only\": true}")
                .header("If-Match", tag)
                .patch("/drives/c")
                .then()
                .statusCode(200);
        problem(given().header("If-Match", tag).delete("/drives/c"), 412, "precondition-failed");
    }

    @Test
    void aClosedDriveIsGone() {
        createAndOpen("gone", "d/gone.qcow2", "1M");
        given().delete("/drives/gone").then().statusCode(204);
        problem(given().get("/drives/gone"), 404, "no-such-drive");
        problem(given().delete("/drives/gone"), 404, "no-such-drive");
        problem(given().get("/drives/gone/data"), 404, "no-such-drive");
        problem(given().get("/drives/1nvalid"), 404, "no-such-drive");
    }

    private static Response patch(String id, String body) {
        return given().contentType(MERGE_PATCH).body(body).patch("/drives/" + id);
    }

    private static void newVolume(String volume, String size, String backing) {
        file(volume);
        json("{\"virtual-size\": \"" + size + "\", \"backing-file\": \"" + backing
                        + "\", \"backing-format\": \"qcow2\"}")
                .put("/volumes/" + volume)
                .then()
                .statusCode(201);
    }

    private static void newVolume(String volume, String size) {
        file(volume);
        json("{\"virtual-size\": \"" + size + "\"}")
                .put("/volumes/" + volume)
                .then()
                .statusCode(201);
    }
}
