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
        Path base = QemuTools.create(file("c/golden/base.qcow2"), 8L * MIB, "");
        QemuTools.edit(base, "write -P 1 0 4M");
        Path clone = file("c/vm1/disk.qcow2");
        json("{\"clone-of\": \"c/golden/base.qcow2\"}")
                .put("/volumes/c/vm1/disk.qcow2")
                .then()
                .statusCode(201)
                .body("[0].backing-filename", equalTo("../golden/base.qcow2"))
                .body("[0].backing-filename-format", equalTo("qcow2"))
                .body("[0].virtual-size", equalTo(8 * MIB));
        assertThat(QemuTools.img("compare", base.toString(), clone.toString()).exitCode())
                .isZero();
        open("clone", "c/vm1/disk.qcow2");
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
            file("c/" + name + ".qcow2");
        }
        json("{\"virtual-size\": \"1M\"}").put("/volumes/c/base.qcow2").then().statusCode(201);
        clone("c/one.qcow2", "c/base.qcow2");
        clone("c/two.qcow2", "c/base.qcow2");
        clone("c/three.qcow2", "c/two.qcow2");
        given().get("/volumes/c/base.qcow2?dependents=y")
                .then()
                .statusCode(200)
                .body("[0].dependents", contains("c/one.qcow2", "c/three.qcow2", "c/two.qcow2"));
        given().get("/volumes/c/three.qcow2?dependents=y").then().body("[0].dependents", empty());
        given().get("/volumes/c/base.qcow2").then().body("[0].dependents", nullValue());
        problem(given().delete("/volumes/c/base.qcow2"), 409, "in-use")
                .body(
                        "detail",
                        containsString("\"c/one.qcow2\" backs on \"c/base.qcow2\"; \"c/three.qcow2\" backs on"));
        for (String name : new String[] {"three", "two", "one", "base"}) {
            given().delete("/volumes/c/" + name + ".qcow2").then().statusCode(204);
        }
    }

    private static void clone(String name, String base) {
        json("{\"clone-of\": \"" + base + "\"}").put("/volumes/" + name).then().statusCode(201);
    }

    @Test
    void whatEachLayerTakesIsTold() {
        file("c/usage-base.qcow2");
        file("c/usage.qcow2");
        createAndOpen("u", "c/usage-base.qcow2", "8M");
        write("u", 0, filled(2 * MIB, 3));
        given().delete("/drives/u").then().statusCode(204);
        clone("c/usage.qcow2", "c/usage-base.qcow2");
        JsonPath facts = given().get("/volumes/c/usage.qcow2").jsonPath();
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
        file("c/split.qcow2");
        file("c/split.data");
        json("{\"virtual-size\": \"4M\", \"data-file\": \"split.data\", \"preallocation\": \"full\"}")
                .put("/volumes/c/split.qcow2")
                .then()
                .statusCode(201);
        JsonPath facts = given().get("/volumes/c/split.qcow2").jsonPath();
        assertThat(facts.getLong("[0].disk-usage.exclusive-size"))
                .isGreaterThanOrEqualTo(facts.getLong("[0].actual-size") + 4 * MIB);
    }

    @Test
    void theFormatOfABaseIsNotGuessed() throws IOException {
        Files.write(file("c/plain.raw"), new byte[MIB]);
        file("c/over.qcow2");
        problem(json("{\"clone-of\": \"c/plain.raw\"}").put("/volumes/c/over.qcow2"), 400, "invalid-option")
                .body("option", equalTo("backing-format"));
        json("{\"clone-of\": \"c/plain.raw\", \"backing-format\": \"raw\"}")
                .put("/volumes/c/over.qcow2")
                .then()
                .statusCode(201)
                .body("[0].virtual-size", equalTo(MIB));
        file("c/pinned.raw");
        file("c/over-pinned.qcow2");
        octets(new byte[MIB]).put("/files/c/pinned.raw?format=raw").then().statusCode(201);
        clone("c/over-pinned.qcow2", "c/pinned.raw");
        problem(
                        json("{\"clone-of\": \"c/plain.raw\", \"backing-file\": \"plain.raw\"}")
                                .put("/volumes/c/x.qcow2"),
                        400,
                        "invalid-option")
                .body("option", equalTo("clone-of"));
        problem(json("{\"clone-of\": \"c/missing\"}").put("/volumes/c/x.qcow2"), 404, "not-found");
    }
}
