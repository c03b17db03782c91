package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.nullValue;

import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.path.json.JsonPath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Jobs that change volumes, and those that tell of disks without reading them. */
@NeedsQemu
class VolumeJobsContractTest extends RunningService {

    private static JsonPath completed(String body) {
        JsonPath job = ended(start(body.replace('\'', '"')));
        assertThat(job.getString("state")).as(job.prettify()).isEqualTo("completed");
        assertThat(job.getLong("progress.done")).isEqualTo(job.getLong("progress.total"));
        return job;
    }

    /** 8 MiB with 7 in its first MiB and 9 in its third. */
    private static Path image(String volume) {
        Path file = QemuTools.create(file(volume), 8L * MIB, "");
        QemuTools.edit(file, "write -P 7 0 1M", "write -P 9 2M 1M");
        return file;
    }

    private static Path overlay(String volume, String backing) {
        return QemuTools.createOver(file(volume), backing, "qcow2", -1, "");
    }

    @Test
    void aVolumeGetsAnotherSize() {
        Path file = image("vj/size.qcow2");
        JsonPath grown = completed(
                "{'type': 'resize', 'file': 'vj/size.qcow2', 'virtual-size': '16M', 'preallocation': 'full'}");
        assertThat(grown.getString("file")).isEqualTo("vj/size.qcow2");
        assertThat(grown.getLong("result.virtual-size")).isEqualTo(16 * MIB);
        assertThat(grown.getLong("result.actual-size")).isGreaterThan(10 * MIB);
        assertThat(grown.getLong("progress.total")).isEqualTo(8 * MIB);
        JsonPath refused =
                ended(start("{\"type\": \"resize\", \"file\": \"vj/size.qcow2\", \"virtual-size\": \"1M\"}"));
        assertThat(refused.getString("problem.option")).isEqualTo("shrink");
        completed("{'type': 'resize', 'file': 'vj/size.qcow2', 'virtual-size': '1M', 'shrink': true}");
        ImageAssertions.assertThat(file).passesQemuCheck();
        QemuTools.edit(file, "read -P 7 0 1M");
        assertThat(QemuTools.info(file).path("virtual-size").asLong()).isEqualTo(MIB);
    }

    @Test
    void aRawVolumeGetsAnotherSize() throws IOException {
        Path raw = Files.write(file("vj/size.raw"), filled(MIB, 3));
        JsonPath job = completed(
                "{'type': 'resize', 'file': 'vj/size.raw', 'options': {'format': 'raw'}, 'virtual-size': '3M'}");
        assertThat(job.getLong("result.virtual-size")).isEqualTo(3 * MIB);
        assertThat(Files.size(raw)).isEqualTo(3 * MIB);
    }

    @Test
    void aVolumeIsAmended() {
        Path file = image("vj/amended.qcow2");
        JsonPath job =
                completed("{'type': 'amend', 'file': 'vj/amended.qcow2', 'refcount-bits': 64, 'lazy-refcounts': true}");
        assertThat(job.getInt("result.format-specific.data.refcount-bits")).isEqualTo(64);
        assertThat(job.getBoolean("result.format-specific.data.lazy-refcounts")).isTrue();
        assertThat(job.getLong("progress.total")).isPositive();
        ImageAssertions.assertThat(file).passesQemuCheck();
        JsonPath refused = ended(start("{\"type\": \"amend\", \"file\": \"vj/amended.qcow2\", \"compat\": \"0.10\"}"));
        assertThat(refused.getString("problem.option")).isEqualTo("compat");
    }

    @Test
    void spaceIsMeasured() {
        image("vj/measured.qcow2");
        JsonPath copy = completed("{'type': 'measure', 'file': 'vj/measured.qcow2'}");
        assertThat(copy.getString("file")).isEqualTo("vj/measured.qcow2");
        assertThat(copy.getLong("result.required")).isEqualTo(2 * MIB + 327680);
        assertThat(copy.getLong("result.fully-allocated")).isEqualTo(8 * MIB + 327680);
        assertThat(copy.getLong("result.bitmaps")).isZero();
        JsonPath empty = completed("{'type': 'measure', 'size': '1G'}");
        assertThat(empty.getLong("result.required")).isEqualTo(393216);
        assertThat(empty.getLong("result.fully-allocated")).isEqualTo(1074135040);
        assertThat(empty.<Object>get("result.bitmaps")).isNull();
        JsonPath encrypted = completed("{'type': 'measure', 'size': '1G', 'target': {'encrypt': {'format': 'luks'}}}");
        assertThat(encrypted.getLong("result.required")).isGreaterThan(393216 + MIB);
        open("measured", "vj/measured.qcow2");
        JsonPath raw = completed("{'type': 'measure', 'drive': 'measured', 'target': {'format': 'raw'}}");
        assertThat(raw.getLong("result.required")).isEqualTo(8 * MIB);
    }

    @Test
    void aDiskIsMapped() {
        image("vj/base.qcow2");
        QemuTools.edit(overlay("vj/top.qcow2", "base.qcow2"), "write -P 1 512k 64k");
        JsonPath job = completed("{'type': 'map', 'file': 'vj/top.qcow2'}");
        assertThat(job.getList("result.extents.depth")).containsExactly(1, 0, 1, 1, 1, 1);
        assertThat(job.getList("result.extents.filename", String.class))
                .containsExactly("vj/base.qcow2", "vj/top.qcow2", "vj/base.qcow2", null, "vj/base.qcow2", null);
        assertThat(job.<Object>get("result.next-start")).isNull();
        JsonPath page = completed("{'type': 'map', 'file': 'vj/top.qcow2', 'start': '512K', 'limit': 2}");
        assertThat(page.getList("result.extents.start")).containsExactly(512 * KIB, 576 * KIB);
        assertThat(page.getLong("result.next-start")).isEqualTo(MIB);
        JsonPath window = completed("{'type': 'map', 'file': 'vj/top.qcow2', 'start': '512K', 'length': '64K'}");
        assertThat(window.getList("result.extents.data")).containsExactly(true);
        JsonPath refused = ended(start("{\"type\": \"map\", \"file\": \"vj/top.qcow2\", \"start\": \"9M\"}"));
        assertThat(refused.getString("problem.option")).isEqualTo("start");
    }

    @Test
    void aVolumeIsRebasedAndFlattened() {
        image("vj/old.qcow2");
        Path other = QemuTools.create(file("vj/sub/new.qcow2"), 4L * MIB, "");
        QemuTools.edit(other, "write -P 7 0 1M", "write -P 4 1M 1M");
        Path top = overlay("vj/rebased.qcow2", "old.qcow2");
        QemuTools.edit(top, "write -P 2 3M 64k");
        JsonPath job = completed(
                "{'type': 'rebase', 'file': 'vj/rebased.qcow2', 'backing-file': 'sub/new.qcow2', 'backing-format': 'qcow2'}");
        assertThat(job.getString("result.full-backing-filename")).isEqualTo("vj/sub/new.qcow2");
        assertThat(job.getLong("progress.total")).isEqualTo(8 * MIB);
        requireDisk(top);
        JsonPath flat = completed("{'type': 'rebase', 'file': 'vj/rebased.qcow2', 'backing-file': null}");
        assertThat(flat.<Object>get("result.backing-filename")).isNull();
        requireDisk(top);
        given().delete("/volumes/vj/old.qcow2").then().statusCode(204);
        given().delete("/volumes/vj/sub/new.qcow2").then().statusCode(204);
        requireDisk(top);
    }

    private static void requireDisk(Path top) {
        ImageAssertions.assertThat(top).passesQemuCheck();
        QemuTools.edit(
                top,
                "read -P 7 0 1M",
                "read -P 0 1M 1M",
                "read -P 9 2M 1M",
                "read -P 2 3M 64k",
                "read -P 0 3136k 5056k");
    }

    @Test
    void anUnsafeRebaseChangesTheNameAlone() throws IOException {
        image("vj/gone.qcow2");
        image("vj/twin.qcow2");
        Path top = overlay("vj/unsafe.qcow2", "gone.qcow2");
        Files.delete(root().resolve("vj/gone.qcow2"));
        JsonPath safe =
                ended(start("{\"type\": \"rebase\", \"file\": \"vj/unsafe.qcow2\", \"backing-file\": \"twin.qcow2\","
                        + " \"backing-format\": \"qcow2\", \"unsafe\": true}"));
        assertThat(safe.getString("state")).isEqualTo("completed");
        QemuTools.edit(top, "read -P 7 0 1M", "read -P 9 2M 1M");
        problem(
                        json("{\"type\": \"rebase\", \"file\": \"vj/unsafe.qcow2\", \"backing-file\": \"none.qcow2\","
                                        + " \"backing-format\": \"qcow2\"}")
                                .post("/jobs"),
                        400,
                        "invalid-option")
                .body("option", equalTo("backing-file"));
    }

    @Test
    void anOverlayIsCommitted() {
        Path base = image("vj/committed-to.qcow2");
        Path top = overlay("vj/committed.qcow2", "committed-to.qcow2");
        QemuTools.img("resize", top.toString(), "12M").succeeded();
        QemuTools.edit(top, "write -P 5 512k 1M", "write -z 2M 64k", "write -P 6 11M 64k");
        JsonPath job = completed("{'type': 'commit', 'file': 'vj/committed.qcow2'}");
        assertThat(job.getString("result.filename")).isEqualTo("vj/committed.qcow2");
        assertThat(job.getLong("result.actual-size")).isLessThan(MIB);
        for (Path file : new Path[] {base, top}) {
            ImageAssertions.assertThat(file).passesQemuCheck();
            QemuTools.edit(
                    file,
                    "read -P 7 0 512k",
                    "read -P 5 512k 1M",
                    "read -P 0 2M 64k",
                    "read -P 9 2112k 960k",
                    "read -P 6 11M 64k");
        }
    }

    @Test
    void aCommitFurtherDownKeepsTheOverlay() {
        Path base = image("vj/deep.qcow2");
        QemuTools.edit(overlay("vj/deep-middle.qcow2", "deep.qcow2"), "write -P 3 4M 64k");
        Path top = overlay("vj/deep-top.qcow2", "deep-middle.qcow2");
        QemuTools.edit(top, "write -P 5 5M 64k");
        JsonPath refused =
                ended(start("{\"type\": \"commit\", \"file\": \"vj/deep-top.qcow2\", \"base\": \"vj/deep.qcow2\"}"));
        assertThat(refused.getString("state")).isEqualTo("completed");
        QemuTools.edit(base, "read -P 3 4M 64k", "read -P 5 5M 64k");
        QemuTools.edit(top, "read -P 3 4M 64k", "read -P 5 5M 64k");
        assertThat(QemuTools.map(top)).anyMatch(entry -> entry.depth() == 0 && entry.data());
        problem(
                        json("{\"type\": \"commit\", \"file\": \"vj/deep-top.qcow2\", \"base\": \"vj/deep.qcow2\", \"keep\": false}")
                                .post("/jobs"),
                        400,
                        "invalid-option")
                .body("option", equalTo("keep"));
    }

    @Test
    void othersThatStandOnTheBaseAreNamed() {
        image("vj/shared.qcow2");
        Path top = overlay("vj/one.qcow2", "shared.qcow2");
        QemuTools.edit(top, "write -P 5 0 64k");
        overlay("vj/two.qcow2", "shared.qcow2");
        problem(json("{\"type\": \"commit\", \"file\": \"vj/one.qcow2\"}").post("/jobs"), 409, "in-use")
                .body(
                        "detail",
                        equalTo("\"vj/shared.qcow2\" is below \"vj/two.qcow2\" as well, which would read differently;"
                                + " \"allow-dependents\": true commits all the same"));
        completed("{'type': 'commit', 'file': 'vj/one.qcow2', 'allow-dependents': true}");
        QemuTools.edit(root().resolve("vj/two.qcow2"), "read -P 5 0 64k");
    }

    @Test
    void aVolumeIsCompacted() throws IOException {
        Path file = image("vj/compact.qcow2");
        QemuTools.edit(file, "write -P 0 0 1M");
        long before = Files.size(file);
        JsonPath job = completed("{'type': 'compact', 'file': 'vj/compact.qcow2'}");
        assertThat(job.getLong("result.file-size-before")).isEqualTo(before);
        assertThat(job.getLong("result.file-size-after"))
                .isEqualTo(Files.size(file))
                .isLessThan(before - MIB / 2);
        assertThat(job.getLong("result.actual-size-after")).isLessThan(job.getLong("result.actual-size-before"));
        ImageAssertions.assertThat(file).passesQemuCheck();
        QemuTools.edit(file, "read -P 0 0 2M", "read -P 9 2M 1M");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'type': 'resize', 'file': 'vj/held.qcow2', 'virtual-size': '9M'}",
                "{'type': 'amend', 'file': 'vj/held.qcow2', 'lazy-refcounts': true}",
                "{'type': 'rebase', 'file': 'vj/held.qcow2', 'backing-file': null}",
                "{'type': 'rebase', 'file': 'vj/held.qcow2', 'backing-file': null, 'unsafe': true}",
                "{'type': 'commit', 'file': 'vj/held.qcow2'}",
                "{'type': 'compact', 'file': 'vj/held.qcow2'}"
            })
    void whoHasAVolumeIsNamed(String body) {
        image("vj/below-held.qcow2");
        overlay("vj/held.qcow2", "below-held.qcow2");
        json("{\"id\": \"holder\", \"file\": \"vj/held.qcow2\", \"read-only\": true}")
                .post("/drives");
        problem(json(body.replace('\'', '"')).post("/jobs"), 409, "in-use")
                .body("detail", equalTo("\"vj/held.qcow2\" is in use by drive \"holder\""));
    }

    @Test
    void whoHasTheBaseIsNamed() {
        image("vj/busy.qcow2");
        overlay("vj/idle.qcow2", "busy.qcow2");
        json("{\"id\": \"reader\", \"file\": \"vj/busy.qcow2\", \"read-only\": true}")
                .post("/drives");
        problem(json("{\"type\": \"commit\", \"file\": \"vj/idle.qcow2\"}").post("/jobs"), 409, "in-use")
                .body("detail", equalTo("\"vj/busy.qcow2\" is in use by drive \"reader\""));
    }

    @Test
    void aVolumeThatQemuHasFailsTheJob() {
        Path file = image("vj/foreign.qcow2");
        try (var held = QemuTools.hold("qcow2", file)) {
            JsonPath job = ended(start("{\"type\": \"compact\", \"file\": \"vj/foreign.qcow2\"}"));
            assertThat(job.getString("problem.type")).isEqualTo("/problems/busy");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'type': 'resize', 'file': 'vj/a.qcow2'}                                        | 400 | invalid-option | virtual-size",
                "{'type': 'resize', 'virtual-size': 512}                                        | 400 | invalid-option | file",
                "{'type': 'resize', 'file': 'vj/a.qcow2', 'virtual-size': 512, 'preallocation': 'x'} | 400 | invalid-option | preallocation",
                "{'type': 'resize', 'file': 'vj/none', 'virtual-size': 512}                      | 404 | not-found      | ",
                "{'type': 'resize', 'file': '../a', 'virtual-size': 512}                        | 403 | forbidden-path | ",
                "{'type': 'resize', 'file': 'vj/a.qcow2', 'size': 512}                           | 400 | unknown-key    | size",
                "{'type': 'amend', 'file': 'vj/none', 'compat': '1.1'}                           | 404 | not-found      | ",
                "{'type': 'amend', 'file': 'vj/a.qcow2', 'compat': '2'}                          | 400 | invalid-option | compat",
                "{'type': 'measure'}                                                            | 400 | invalid-option | file",
                "{'type': 'measure', 'file': 'vj/a.qcow2', 'size': 1}                            | 400 | invalid-option | size",
                "{'type': 'measure', 'size': 1, 'target': {'compat': '3'}}                      | 400 | invalid-option | compat",
                "{'type': 'map', 'file': 'vj/a.qcow2', 'limit': 0}                               | 400 | invalid-option | limit",
                "{'type': 'map', 'file': 'vj/a.qcow2', 'limit': 10001}                           | 400 | invalid-option | limit",
                "{'type': 'map', 'drive': 'none'}                                               | 404 | no-such-drive  | ",
                "{'type': 'rebase', 'file': 'vj/a.qcow2'}                                        | 400 | invalid-option | backing-file",
                "{'type': 'rebase', 'file': 'vj/a.qcow2', 'backing-file': 7}                     | 400 | invalid-option | backing-file",
                "{'type': 'rebase', 'file': 'vj/a.qcow2', 'backing-file': 'b'}                   | 400 | invalid-option | backing-format",
                "{'type': 'rebase', 'file': 'vj/a.qcow2', 'backing-file': null, 'backing-format': 'raw'} | 400 | invalid-option | backing-format",
                "{'type': 'rebase', 'file': 'vj/a.qcow2', 'backing-file': '../../b', 'backing-format': 'raw'} | 403 | forbidden-path | backing-file",
                "{'type': 'commit', 'file': 'vj/a.qcow2'}                                        | 400 | invalid-option | file",
                "{'type': 'commit', 'file': 'vj/none'}                                           | 404 | not-found      | ",
                "{'type': 'compact'}                                                            | 400 | invalid-option | file",
                "{'type': 'compact', 'drive': 'd'}                                              | 400 | unknown-key    | drive"
            })
    void requestsThatCannotBe(String body, int status, String type, String option) {
        image("vj/a.qcow2");
        problem(json(body.replace('\'', '"')).post("/jobs"), status, type)
                .body("option", option == null ? nullValue() : equalTo(option));
    }
}
