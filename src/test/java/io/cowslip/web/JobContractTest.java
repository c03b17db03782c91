package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.startsWith;

import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.path.json.JsonPath;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JobContractTest extends RunningService {
    private static final int REFCOUNT_TABLE_OFFSET = 48;

    @Test
    void aVolumeIsChecked() {
        create("j/clean.qcow2");
        String location = json("{\"type\": \"check\", \"file\": \"j/clean.qcow2\"}")
                .post("/jobs")
                .then()
                .statusCode(202)
                .header("Location", startsWith("/jobs/"))
                .body("type", equalTo("check"))
                .body("file", equalTo("j/clean.qcow2"))
                .body("created", notNullValue())
                .extract()
                .header("Location");
        JsonPath job = ended(location);
        assertThat(job.getString("state")).isEqualTo("completed");
        assertThat(job.getString("result.filename")).isEqualTo("j/clean.qcow2");
        assertThat(job.getLong("result.check-errors")).isZero();
        assertThat(job.getLong("result.corruptions")).isZero();
        assertThat(job.getLong("result.total-clusters")).isEqualTo(16);
        assertThat(job.getLong("progress.done")).isPositive().isEqualTo(job.getLong("progress.total"));
        given().get("/jobs").then().statusCode(200).body("findAll { it.id == '" + job.get("id") + "' }", hasSize(1));
    }

    @Test
    @NeedsQemu
    void aDamagedVolumeIsRepaired() throws IOException {
        Path file = QemuTools.create(file("j/damaged.qcow2"), 4L * MIB, "");
        QemuTools.edit(file, "write 0 1M");
        dropRefcountBlocks(file);
        JsonPath found = ended(start("{\"type\": \"check\", \"file\": \"j/damaged.qcow2\"}"));
        assertThat(found.getLong("result.corruptions")).isGreaterThan(16);
        assertThat(found.getString("result.findings[0].kind")).isEqualTo("copied-flag");

        JsonPath repaired = ended(start("{\"type\": \"check\", \"file\": \"j/damaged.qcow2\", \"repair\": \"all\"}"));
        assertThat(repaired.getString("repair")).isEqualTo("all");
        assertThat(repaired.getLong("result.corruptions")).isZero();
        assertThat(repaired.getLong("result.corruptions-fixed")).isEqualTo(found.getLong("result.corruptions"));
        ImageAssertions.assertThat(file).passesQemuCheck();
    }

    @Test
    void anOpenDriveIsCheckedWhileItIsWritten() {
        createAndOpen("jobbed", "j/open.qcow2", "8M");
        write("jobbed", 0, filled(2 * MIB, 7));
        JsonPath job = ended(start("{\"type\": \"check\", \"drive\": \"jobbed\"}"));
        assertThat(job.getString("state")).isEqualTo("completed");
        assertThat(job.getString("drive")).isEqualTo("jobbed");
        assertThat(job.getLong("result.allocated-clusters")).isEqualTo(32);
        assertThat(job.getLong("result.corruptions")).isZero();
        assertThat(job.getLong("result.leaks")).isZero();
        write("jobbed", 2 * MIB, filled(MIB, 8));
    }

    @Test
    void aFileThatADriveHasIsNamedWithItsHolder() {
        createAndOpen("holder", "j/held.qcow2", "1M");
        problem(
                        json("{\"type\": \"check\", \"file\": \"j/held.qcow2\", \"repair\": \"leaks\"}")
                                .post("/jobs"),
                        409,
                        "in-use")
                .body("detail", equalTo("\"j/held.qcow2\" is in use by drive \"holder\"; close it for the repair"));
        problem(json("{\"type\": \"check\", \"file\": \"j/held.qcow2\"}").post("/jobs"), 409, "in-use")
                .body("detail", equalTo("\"j/held.qcow2\" is in use by drive \"holder\"; check the drive instead"));
    }

    @Test
    @NeedsQemu
    void aFileThatQemuHasFailsTheJob() {
        Path file = QemuTools.create(file("j/qemu.qcow2"), MIB, "");
        try (var held = QemuTools.hold("qcow2", file)) {
            JsonPath job = ended(start("{\"type\": \"check\", \"file\": \"j/qemu.qcow2\"}"));
            assertThat(job.getString("state")).isEqualTo("failed");
            assertThat(job.getString("problem.type")).isEqualTo("/problems/busy");
            assertThat(job.getInt("problem.status")).isEqualTo(409);
            assertThat(job.getString("problem.detail")).startsWith("j/qemu.qcow2: ");
        }
    }

    @Test
    void whatIsNoImageFailsTheJob() throws IOException {
        zeros(file("j/plain.raw"));
        JsonPath job = ended(start("{\"type\": \"check\", \"file\": \"j/plain.raw\"}"));
        assertThat(job.getString("state")).isEqualTo("failed");
        assertThat(job.getString("problem.type")).isEqualTo("/problems/invalid-image");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{}                                                            | 400 | invalid-option | type",
                "{\"type\": \"chekc\"}                                         | 400 | invalid-option | type",
                "{\"type\": \"check\"}                                         | 400 | invalid-option | file",
                "{\"type\": \"check\", \"file\": \"a\", \"drive\": \"b\"}      | 400 | invalid-option | file",
                "{\"type\": \"check\", \"file\": \"a\", \"repair\": \"some\"}  | 400 | invalid-option | repair",
                "{\"type\": \"check\", \"drive\": \"a\", \"repair\": \"all\"}  | 400 | invalid-option | repair",
                "{\"type\": \"check\", \"file\": \"a\", \"id\": \"!\"}         | 400 | invalid-option | id",
                "{\"type\": \"check\", \"file\": \"a\", \"fix\": 1}            | 400 | unknown-key    | fix",
                "{\"type\": \"check\", \"file\": {}}                           | 400 | unreadable-json | file",
                "{\"type\": \"check\", \"file\": \"j/missing\"}                | 404 | not-found      | ",
                "{\"type\": \"check\", \"file\": \"../etc/passwd\"}            | 403 | forbidden-path | ",
                "{\"type\": \"check\", \"drive\": \"missing\"}                 | 404 | no-such-drive  | "
            })
    void requestsThatCannotBe(String body, int status, String type, String option) {
        problem(json(body).post("/jobs"), status, type).body("option", option == null ? nullValue() : equalTo(option));
    }

    @Test
    void jobsThatAreNotThere() {
        problem(given().get("/jobs/missing"), 404, "no-such-job");
        problem(given().get("/jobs/missing/events"), 404, "no-such-job");
        problem(given().delete("/jobs/missing"), 404, "no-such-job");
        problem(given().get("/jobs/-"), 404, "no-such-job");
    }

    @Test
    void anEndedJobIsForgotten() {
        create("j/once.qcow2");
        String location = start("{\"type\": \"check\", \"id\": \"once\", \"file\": \"j/once.qcow2\"}");
        assertThat(location).isEqualTo("/jobs/once");
        ended(location);
        problem(
                json("{\"type\": \"check\", \"id\": \"once\", \"file\": \"j/once.qcow2\"}")
                        .post("/jobs"),
                409,
                "id-taken");
        given().delete(location).then().statusCode(204);
        problem(given().get(location), 404, "no-such-job");
    }

    /** What the service did not make, and so knows no format of. */
    private static void zeros(Path file) throws IOException {
        Files.createDirectories(file.getParent());
        Files.write(file, new byte[1 << 20]);
    }

    @Test
    void anEndedJobIsStartedAgain() throws IOException {
        Path file = file("j/again.qcow2");
        zeros(file);
        String location = start("{\"type\": \"check\", \"id\": \"again\", \"file\": \"j/again.qcow2\"}");
        assertThat(ended(location).getString("problem.type")).isEqualTo("/problems/invalid-image");
        Files.delete(file);
        problem(given().post(location + "/restart"), 404, "not-found");
        create("j/again.qcow2");
        given().post(location + "/restart")
                .then()
                .statusCode(202)
                .header("Location", equalTo(location))
                .body("id", equalTo("again"))
                .body("problem", nullValue());
        JsonPath job = ended(location);
        assertThat(job.getString("state")).isEqualTo("completed");
        assertThat(job.getLong("result.total-clusters")).isEqualTo(16);
        problem(given().post("/jobs/missing/restart"), 404, "no-such-job");
    }

    @Test
    void aRequestWithAPassphraseIsNotKept() {
        create("j/plain.qcow2");
        String location = start("""
                {"type": "compare", "file": "j/plain.qcow2", "options": {"encrypt": {"key-secret": "correct horse"}},
                 "other": {"file": "j/plain.qcow2"}}""");
        ended(location);
        problem(given().post(location + "/restart"), 409, "cannot-restart")
                .body("detail", containsString("passphrase"));
    }

    @Test
    void eventsTellTheEndAndEnd() {
        create("j/told.qcow2");
        String location = start("{\"type\": \"check\", \"file\": \"j/told.qcow2\"}");
        String events = given().get(location + "/events")
                .then()
                .statusCode(200)
                .header("Content-Type", startsWith("text/event-stream"))
                .extract()
                .asString();
        List<String> names = events.lines()
                .filter(line -> line.startsWith("event:"))
                .map(line -> line.substring("event:".length()).trim())
                .toList();
        assertThat(names.getLast()).isEqualTo("completed");
        assertThat(names.subList(0, names.size() - 1)).allMatch("progress"::equals);
        String last = events.lines()
                .filter(line -> line.startsWith("data:"))
                .reduce((first, second) -> second)
                .orElseThrow();
        assertThat(JsonPath.from(last.substring("data:".length())).getLong("result.total-clusters"))
                .isEqualTo(16);
    }

    private static void create(String volume) {
        file(volume);
        json("{\"virtual-size\": \"1M\"}").put("/volumes/" + volume).then().statusCode(201);
    }

    private static void dropRefcountBlocks(Path image) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.seek(REFCOUNT_TABLE_OFFSET);
            file.seek(file.readLong());
            file.writeLong(0);
        }
    }
}
