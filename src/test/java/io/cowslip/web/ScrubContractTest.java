package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.startsWith;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.path.json.JsonPath;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Scrubs: every cluster is read, and what cannot be is told. */
@NeedsQemu
class ScrubContractTest extends RunningService {
    private static final int CLUSTER = 64 * KIB;

    /** So slow that it goes on until it is told otherwise. */
    private static final String SLOWLY = ", \"bytes-per-second\": 1024}";

    private static JsonPath completed(String body) {
        JsonPath job = ended(start(body));
        assertThat(job.getString("state")).as(job.getString("problem")).isEqualTo("completed");
        return job;
    }

    @Test
    void aSoundVolumeIsReadWhole() throws IOException {
        byte[] text = "wool over cowslips ".repeat(4 * MIB / 19 + 1).getBytes(StandardCharsets.US_ASCII);
        Path raw = Files.write(file("scrub/content.raw"), Arrays.copyOf(text, 4 * MIB));
        QemuTools.convert(raw, "raw", file("scrub/sound.qcow2"), "qcow2", "-c", "-o", "compression_type=zstd");
        JsonPath job = completed("{\"type\": \"scrub\", \"file\": \"scrub/sound.qcow2\"}");
        assertThat(job.getString("file")).isEqualTo("scrub/sound.qcow2");
        assertThat(job.getLong("result.clusters")).isEqualTo(64);
        assertThat(job.getLong("result.compressed-clusters")).isEqualTo(64);
        assertThat(job.getLong("result.bytes")).isPositive().isLessThan(4 * MIB);
        assertThat(job.getLong("result.unreadable")).isZero();
        assertThat(job.getList("result.findings")).isEmpty();
        assertThat(job.getLong("progress.done")).isEqualTo(4 * MIB);
        assertThat(job.getLong("progress.total")).isEqualTo(4 * MIB);
    }

    @Test
    void whatCannotBeReadIsTold() throws IOException {
        Path base = QemuTools.create(file("scrub/base.qcow2"), 2L * MIB, "");
        QemuTools.edit(base, "write -P 1 0 2M");
        Path top = QemuTools.createOver(file("scrub/top.qcow2"), "base.qcow2", "qcow2", -1, "");
        QemuTools.edit(top, "write -P 2 0 64k");
        QemuTools.img("snapshot", "-c", "monday", top.toString()).succeeded();
        QemuTools.edit(top, "write -P 3 64k 64k");
        // The last cluster that was written in each.
        cut(base);
        cut(top);
        JsonPath job =
                completed("{\"type\": \"scrub\", \"file\": \"scrub/top.qcow2\", \"snapshots\": true, \"chain\": true}");
        assertThat(job.getLong("result.clusters")).isEqualTo(1 + 31);
        assertThat(job.getLong("result.unreadable")).isEqualTo(2);
        assertThat(job.getLong("result.unreadable-bytes")).isEqualTo(2 * CLUSTER);
        assertThat(job.getLong("result.findings-omitted")).isZero();
        assertThat(job.getString("result.findings[0].filename")).isEqualTo("scrub/top.qcow2");
        assertThat(job.getString("result.findings[0].kind")).isEqualTo("outside-file");
        assertThat(job.getInt("result.findings[0].guest-offset")).isEqualTo(CLUSTER);
        assertThat(job.getInt("result.findings[0].length")).isEqualTo(CLUSTER);
        assertThat(job.getLong("result.findings[0].host-offset")).isEqualTo(Files.size(top));
        assertThat(job.getBoolean("result.findings[0].active")).isTrue();
        assertThat(job.getList("result.findings[0].snapshots")).isEmpty();
        assertThat(job.getString("result.findings[0].detail")).startsWith("the file ends at ");
        assertThat(job.getString("result.findings[1].filename")).isEqualTo("scrub/base.qcow2");
        assertThat(job.getInt("result.findings[1].depth")).isEqualTo(1);
        assertThat(job.getInt("result.findings[1].guest-offset")).isEqualTo(31 * CLUSTER);
    }

    private static void cut(Path image) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(file.length() - CLUSTER);
        }
    }

    @Test
    void aDriveIsWrittenReadAndClosedMeanwhile() {
        createAndOpen("scrubbed", "scrub/open.qcow2", "8M");
        write("scrubbed", 0, filled(2 * MIB, 7));
        String location = start("{\"type\": \"scrub\", \"drive\": \"scrubbed\"" + SLOWLY);
        await().until(() -> given().get(location).jsonPath().getLong("progress.done") > 0);
        write("scrubbed", 0, filled(MIB, 8));
        assertThat(read("scrubbed", MIB, 10)).isEqualTo(filled(10, 7));
        json("{\"name\": \"meanwhile\"}")
                .post("/drives/scrubbed/snapshots")
                .then()
                .statusCode(201);
        json("{\"l2-cache-size\": \"8K\", \"l2-cache-entry-size\": 4096}")
                .patch("/drives/scrubbed")
                .then()
                .statusCode(200);
        assertThat(given().get(location).jsonPath().getString("state")).isEqualTo("running");
        given().delete("/drives/scrubbed").then().statusCode(204);
        JsonPath job = ended(location);
        assertThat(job.getString("state")).isEqualTo("failed");
        assertThat(job.getString("problem.type")).isEqualTo("/problems/no-such-drive");
        problem(given().post(location + "/restart"), 404, "no-such-drive");
        open("scrubbed", "scrub/open.qcow2");
        given().post(location + "/restart").then().statusCode(202);
        given().delete(location).then().statusCode(202);
        assertThat(ended(location).getString("state")).isEqualTo("cancelled");
    }

    @Test
    void anotherDriveUnderTheSameIdIsNotTheOne() {
        createAndOpen("again", "scrub/first.qcow2", "4M");
        write("again", 0, filled(2 * MIB, 7));
        String location = start("{\"type\": \"scrub\", \"drive\": \"again\"" + SLOWLY);
        await().until(() -> given().get(location).jsonPath().getLong("progress.done") > 0);
        given().delete("/drives/again").then().statusCode(204);
        createAndOpen("again", "scrub/second.qcow2", "4M");
        JsonPath job = ended(location);
        assertThat(job.getString("problem.type")).isEqualTo("/problems/no-such-drive");
    }

    @Test
    void aScrubIsCancelledAndFollowed() {
        createAndOpen("told", "scrub/told.qcow2", "8M");
        write("told", 0, filled(2 * MIB, 7));
        String location = start("{\"type\": \"scrub\", \"drive\": \"told\"" + SLOWLY);
        given().delete(location).then().statusCode(202).body("drive", equalTo("told"));
        List<String> events = given().get(location + "/events")
                .then()
                .statusCode(200)
                .header("Content-Type", startsWith("text/event-stream"))
                .extract()
                .asString()
                .lines()
                .filter(line -> line.startsWith("event:"))
                .toList();
        assertThat(events.getLast()).isEqualTo("event:cancelled");
        JsonPath job = completed("{\"type\": \"scrub\", \"drive\": \"told\", \"bytes-per-second\": \"1G\"}");
        assertThat(job.getLong("result.clusters")).isEqualTo(32);
    }

    @Test
    void aVolumeThatIsWrittenIsScrubbedByItsDrive() {
        createAndOpen("writer", "scrub/written.qcow2", "1M");
        JsonPath job = ended(start("{\"type\": \"scrub\", \"file\": \"scrub/written.qcow2\"}"));
        assertThat(job.getString("problem.type")).isEqualTo("/problems/in-use");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'type': 'scrub'}                                                       | 400 | invalid-option | file",
                "{'type': 'scrub', 'file': 'scrub/a.qcow2', 'drive': 'b'}                | 400 | invalid-option | file",
                "{'type': 'scrub', 'file': 'scrub/none'}                                 | 404 | not-found      | ",
                "{'type': 'scrub', 'file': '../a'}                                       | 403 | forbidden-path | ",
                "{'type': 'scrub', 'drive': 'none'}                                      | 404 | no-such-drive  | ",
                "{'type': 'scrub', 'file': 'scrub/a.qcow2', 'bytes-per-second': 0}       | 400 | invalid-option | bytes-per-second",
                "{'type': 'scrub', 'file': 'scrub/a.qcow2', 'bytes-per-second': 'fast'}  | 400 | invalid-option | bytes-per-second",
                "{'type': 'scrub', 'file': 'scrub/a.qcow2', 'snapshots': true, 'options': {'snapshot': 's'}} | 400 | invalid-option | snapshots",
                "{'type': 'scrub', 'file': 'scrub/a.qcow2', 'repair': 'all'}             | 400 | unknown-key    | repair"
            })
    void requestsThatCannotBe(String body, int status, String type, String option) {
        QemuTools.create(file("scrub/a.qcow2"), MIB, "");
        problem(json(body.replace('\'', '"')).post("/jobs"), status, type)
                .body("option", option == null ? nullValue() : equalTo(option));
    }
}
