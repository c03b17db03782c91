package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.web.openapi.SharedParameters;
import io.restassured.response.Response;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A drive whose image turns out to be corrupt while it is written: what its callers see, and the way back. */
@NeedsQemu
class CorruptDriveContractTest extends RunningService {
    private static final int CLUSTER = 64 * KIB;
    private static final int INCOMPATIBLE_FEATURES = 72;
    private static final int L1_TABLE = 40;
    private static final long CORRUPT = 2;
    private static final long COPIED = 1L << 63;
    private static final String DATA = "/drives/hurt/data";

    private Path file;

    /** The disk's first cluster is led onto the table that says so. */
    @BeforeEach
    void damage() throws IOException {
        file = QemuTools.create(file("corrupt/disk.qcow2"), MIB, "");
        QemuTools.edit(file, "write -P 7 0 512k");
        long table = number(number(L1_TABLE)) & ~COPIED;
        try (RandomAccessFile image = new RandomAccessFile(file.toFile(), "rw")) {
            image.seek(table);
            image.writeLong(COPIED | table);
        }
        open("hurt", "corrupt/disk.qcow2");
    }

    private long number(long offset) throws IOException {
        try (RandomAccessFile image = new RandomAccessFile(file.toFile(), "r")) {
            image.seek(offset);
            return image.readLong();
        }
    }

    @Test
    void theDriveTurnsReadOnlyAndSaysSo() throws IOException {
        given().get("/drives/hurt").then().body("corrupt", equalTo(false)).body("read-only", equalTo(false));
        String before = given().get("/drives/hurt").header("ETag");

        problem(put(0), 500, "corrupt-image").body("detail", containsString("would hit an L2 table"));

        assertThat(number(INCOMPATIBLE_FEATURES)).isEqualTo(CORRUPT);
        given().get("/drives/hurt")
                .then()
                .body("corrupt", equalTo(true))
                .body("read-only", equalTo(true))
                .header("ETag", not(equalTo(before)));
        problem(
                given().contentType(SharedParameters.MERGE_PATCH)
                        .header("If-Match", before)
                        .body("{\"l2-cache-size\": \"64K\"}")
                        .patch("/drives/hurt"),
                412,
                "precondition-failed");
        given().get("/actuator/health").then().body("components.drives.details.corrupt", contains("hurt"));
    }

    @Test
    void whatCanBeReadIsReadAndNothingIsWritten() throws IOException {
        problem(put(0), 500, "corrupt-image");
        byte[] marked = Files.readAllBytes(file);

        problem(put(CLUSTER), 403, "read-only").body("detail", containsString("\"repair\": \"all\""));
        problem(json("{\"op\": \"zero\", \"offset\": 0, \"size\": 512}").patch(DATA), 403, "read-only");
        assertThat(given().options(DATA).header("Allow")).doesNotContain("PUT").doesNotContain("PATCH");
        assertThat(read("hurt", CLUSTER, CLUSTER)).isEqualTo(filled(CLUSTER, 7));

        problem(given().delete("/drives/hurt"), 500, "corrupt-image");
        problem(given().get("/drives/hurt"), 404, "no-such-drive");
        assertThat(Files.readAllBytes(file)).isEqualTo(marked);
    }

    @Test
    void aRepairMakesItADriveAgain() {
        problem(put(0), 500, "corrupt-image");
        given().delete("/drives/hurt");
        problem(json("{\"file\": \"corrupt/disk.qcow2\"}").post("/drives"), 422, "unsupported-feature")
                .body("detail", containsString("\"repair\": \"all\""));
        assertThat(QemuTools.info(file).at("/format-specific/data/corrupt").asBoolean())
                .isTrue();

        String job = json("{\"type\": \"check\", \"file\": \"corrupt/disk.qcow2\", \"repair\": \"all\"}")
                .post("/jobs")
                .header("Location");
        await().until(() -> "completed".equals(given().get(job).jsonPath().getString("state")));

        open("hurt", "corrupt/disk.qcow2");
        given().get("/drives/hurt").then().body("corrupt", equalTo(false)).body("read-only", equalTo(false));
        write("hurt", 0, filled(512, 9));
        given().delete("/drives/hurt").then().statusCode(204);
        assertThat(QemuTools.check(file).clean()).isTrue();
    }

    private static Response put(long offset) {
        return octets(filled(512, 1))
                .header("Content-Range", "bytes " + offset + "-" + (offset + 511) + "/*")
                .put(DATA);
    }
}
