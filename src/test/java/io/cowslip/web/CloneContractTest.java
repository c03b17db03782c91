package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.nullValue;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.path.json.JsonPath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Linked clones: made, used, counted, and their base kept as long as they are there. */
class CloneContractTest extends RunningService {

    @Test
    @NeedsQemu
    void aCloneReadsLikeItsBaseUntilItIsWritten() throws IOException {
        Path base = QemuTools.create(file("clones/golden/base.qcow2"), 8L * MIB, "");
        QemuTools.edit(base, "write -P 1 0 4M");
        Path clone = file("clones/vm1/disk.qcow2");
        json("{\"clone-of\": \"clones/golden/base.qcow2\"}")
                .put("/volumes/clones/vm1/disk.qcow2")
                .then()
                .statusCode(201)
                .body("[0].backing-filename", equalTo("../golden/base.qcow2"))
                .body("[0].backing-filename-format", equalTo("qcow2"))
                .body("[0].virtual-size", equalTo(8 * MIB));
        assertThat(QemuTools.img("compare", base.toString(), clone.toString()).exitCode())
                .isZero();
        open("clone", "clones/vm1/disk.qcow2");
        write("clone", 0, filled(65536, 2));
        assertThat(read("clone", 0, 65536 + 512)).startsWith(filled(65536, 2)).endsWith(filled(512, 1));
        given().delete("/drives/clone").then().statusCode(204);
        assertThat(QemuTools.check(clone).clean()).isTrue();
        assertThat(QemuTools.io("qcow2", base, "read -P 1 0 4M").succeeded().out())
                .doesNotContain("Pattern verification failed");
    }

    @Test
    void whatNeedsAVolumeIsNamed() {
        for (String name : new String[] {"base", "one", "two", "three"}) {
            file("clones/" + name + ".qcow2");
        }
        json("{\"virtual-size\": \"1M\"}")
                .put("/volumes/clones/base.qcow2")
                .then()
                .statusCode(201);
        clone("clones/one.qcow2", "clones/base.qcow2");
        clone("clones/two.qcow2", "clones/base.qcow2");
        clone("clones/three.qcow2", "clones/two.qcow2");
        given().get("/volumes/clones/base.qcow2?dependents=y")
                .then()
                .statusCode(200)
                .body("[0].dependents", contains("clones/one.qcow2", "clones/three.qcow2", "clones/two.qcow2"));
        given().get("/volumes/clones/three.qcow2?dependents=y").then().body("[0].dependents", empty());
        given().get("/volumes/clones/base.qcow2").then().body("[0].dependents", nullValue());
        problem(given().delete("/volumes/clones/base.qcow2"), 409, "in-use")
                .body(
                        "detail",
                        containsString(
                                "\"clones/one.qcow2\" backs on \"clones/base.qcow2\"; \"clones/three.qcow2\" backs on"));
        for (String name : new String[] {"three", "two", "one", "base"}) {
            given().delete("/volumes/clones/" + name + ".qcow2").then().statusCode(204);
        }
    }

    @Test
    void aBaseIsNotWrittenWhileItHasClones() {
        file("clones/kept.qcow2");
        file("clones/of-kept.qcow2");
        createAndOpen("base", "clones/kept.qcow2", "1M");
        problem(json("{\"clone-of\": \"clones/kept.qcow2\"}").put("/volumes/clones/of-kept.qcow2"), 409, "in-use")
                .body("detail", containsString("drive \"base\""));
        given().delete("/drives/base").then().statusCode(204);
        clone("clones/of-kept.qcow2", "clones/kept.qcow2");
        String writable = "{\"id\": \"base\", \"file\": \"clones/kept.qcow2\"}";
        problem(json(writable).post("/drives"), 409, "in-use")
                .body("detail", containsString("\"clones/of-kept.qcow2\" backs on \"clones/kept.qcow2\""));
        json("{\"id\": \"base\", \"file\": \"clones/kept.qcow2\", \"read-only\": true}")
                .post("/drives")
                .then()
                .statusCode(201);
        problem(
                given().contentType("application/merge-patch+json")
                        .body("{\"read-only\": false}")
                        .patch("/drives/base"),
                409,
                "in-use");
        given().delete("/drives/base").then().statusCode(204);
        open("of", "clones/of-kept.qcow2");
        write("of", 0, filled(512, 1));
        given().delete("/drives/of").then().statusCode(204);
        given().delete("/volumes/clones/of-kept.qcow2").then().statusCode(204);
        json(writable).post("/drives").then().statusCode(201);
    }

    private static void clone(String name, String base) {
        json("{\"clone-of\": \"" + base + "\"}").put("/volumes/" + name).then().statusCode(201);
    }

    @Test
    void whatEachLayerTakesIsTold() {
        file("clones/usage-base.qcow2");
        file("clones/usage.qcow2");
        createAndOpen("u", "clones/usage-base.qcow2", "8M");
        write("u", 0, filled(2 * MIB, 3));
        given().delete("/drives/u").then().statusCode(204);
        clone("clones/usage.qcow2", "clones/usage-base.qcow2");
        JsonPath facts = given().get("/volumes/clones/usage.qcow2").jsonPath();
        long own = facts.getLong("[0].actual-size");
        long below = facts.getLong("[1].actual-size");
        assertThat(below).isGreaterThanOrEqualTo(2 * MIB);
        assertThat(facts.getLong("[0].disk-usage.virtual-size")).isEqualTo(8 * MIB);
        assertThat(facts.getLong("[0].disk-usage.allocated-size")).isEqualTo(own + below);
        assertThat(facts.getLong("[0].disk-usage.exclusive-size")).isEqualTo(own);
        assertThat(facts.getLong("[1].disk-usage.allocated-size")).isEqualTo(below);
    }

    @Test
    void aDataFileCounts() {
        file("clones/split.qcow2");
        file("clones/split.data");
        json("{\"virtual-size\": \"4M\", \"data-file\": \"split.data\", \"preallocation\": \"full\"}")
                .put("/volumes/clones/split.qcow2")
                .then()
                .statusCode(201);
        JsonPath facts = given().get("/volumes/clones/split.qcow2").jsonPath();
        assertThat(facts.getLong("[0].disk-usage.exclusive-size"))
                .isGreaterThanOrEqualTo(facts.getLong("[0].actual-size") + 4 * MIB);
    }

    @Test
    void theFormatOfABaseIsNotGuessed() throws IOException {
        Files.write(file("clones/plain.raw"), new byte[MIB]);
        file("clones/over.qcow2");
        problem(json("{\"clone-of\": \"clones/plain.raw\"}").put("/volumes/clones/over.qcow2"), 400, "invalid-option")
                .body("option", equalTo("backing-format"));
        json("{\"clone-of\": \"clones/plain.raw\", \"backing-format\": \"raw\"}")
                .put("/volumes/clones/over.qcow2")
                .then()
                .statusCode(201)
                .body("[0].virtual-size", equalTo(MIB));
        file("clones/pinned.raw");
        file("clones/over-pinned.qcow2");
        octets(new byte[MIB]).put("/files/clones/pinned.raw?format=raw").then().statusCode(201);
        clone("clones/over-pinned.qcow2", "clones/pinned.raw");
        problem(
                        json("{\"clone-of\": \"clones/plain.raw\", \"backing-file\": \"plain.raw\"}")
                                .put("/volumes/clones/x.qcow2"),
                        400,
                        "invalid-option")
                .body("option", equalTo("clone-of"));
        problem(json("{\"clone-of\": \"clones/missing\"}").put("/volumes/clones/x.qcow2"), 404, "not-found");
    }
}
