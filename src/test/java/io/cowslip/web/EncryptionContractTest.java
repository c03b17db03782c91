package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasKey;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.not;

import io.cowslip.testing.EncryptedImages;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

/** Encrypted volumes over HTTP; and that no answer and no line of the log ever has a passphrase. */
@NeedsQemu
@ExtendWith(OutputCaptureExtension.class)
class EncryptionContractTest extends RunningService {
    @Test
    void anEncryptedVolumeIsOpenedReadAndWritten() throws IOException {
        Path image = luks("en/disk.qcow2");
        EncryptedImages.edit(image, "write -P 7 64k 64k");
        open("en", "en/disk.qcow2", EncryptedImages.PASSPHRASE)
                .then()
                .statusCode(201)
                .body("options.encrypt", not(hasKey("key-secret")));
        assertThat(read("en", 100_000, 3)).containsOnly(7);
        write("en", 100_001, filled(5, 9));
        given().delete("/drives/en").then().statusCode(204);
        byte[] disk = new byte[MIB];
        Arrays.fill(disk, 64 * KIB, 128 * KIB, (byte) 7);
        Arrays.fill(disk, 100_001, 100_006, (byte) 9);
        EncryptedImages.requireHolds(image, disk);
    }

    @Test
    void longReadsOfAReadOnlyDriveAreDecrypted() throws IOException {
        Path image = luks("en/long.qcow2");
        EncryptedImages.edit(image, "write -P 7 0 1M");
        json("{\"id\": \"long\", \"file\": \"en/long.qcow2\", \"read-only\": true, \"encrypt\": {\"key-secret\": \""
                        + EncryptedImages.PASSPHRASE + "\"}}")
                .post("/drives")
                .then()
                .statusCode(201);
        assertThat(given().get("/drives/long/data").asByteArray()).isEqualTo(filled(MIB, 7));
    }

    @Test
    void aReadOnlyDriveBecomesWritableWithoutItsPassphrase() throws IOException {
        luks("en/patched.qcow2");
        json("{\"id\": \"p\", \"file\": \"en/patched.qcow2\", \"read-only\": true, \"encrypt\": {\"format\": \"luks\","
                        + " \"key-secret\": \"" + EncryptedImages.PASSPHRASE + "\"}}")
                .post("/drives")
                .then()
                .statusCode(201)
                .body("options.encrypt.format", equalTo("luks"));
        json("{\"read-only\": false, \"l2-cache-size\": \"64K\"}")
                .patch("/drives/p")
                .then()
                .statusCode(200)
                .body("read-only", equalTo(false));
        write("p", 3, filled(5, 9));
        assertThat(read("p", 2, 7)).containsExactly(0, 9, 9, 9, 9, 9, 0);
        problem(json("{\"encrypt\": {\"key-secret\": \"another\"}}").patch("/drives/p"), 400, "invalid-option")
                .body("option", equalTo("encrypt.key-secret"));
    }

    @Test
    void aPassphraseMayBeInAFile() throws IOException {
        luks("en/filed.qcow2");
        Files.writeString(SECRETS.resolve("good"), EncryptedImages.PASSPHRASE);
        json("{\"id\": \"f\", \"file\": \"en/filed.qcow2\", \"encrypt\": {\"key-secret-file\": \"good\"}}")
                .post("/drives")
                .then()
                .statusCode(201)
                .body("options.encrypt", not(hasKey("key-secret-file")));
        write("f", 0, filled(5, 9));
    }

    @ParameterizedTest
    @ValueSource(strings = {"missing", "../outside", "", "/etc/passwd", "folder/x", ".."})
    void filesOutsideTheFolderAreNotReadAndNotTold(String name) throws IOException {
        luks("en/outside.qcow2");
        Files.writeString(SECRETS.resolveSibling("outside"), EncryptedImages.PASSPHRASE);
        problem(
                        json("{\"file\": \"en/outside.qcow2\", \"encrypt\": {\"key-secret-file\": \"" + name + "\"}}")
                                .post("/drives"),
                        403,
                        "forbidden-path")
                .body("detail", equalTo("key-secret-file names no file of 1 to 4096 bytes in the secrets folder"));
        given().delete("/volumes/en/outside.qcow2").then().statusCode(204);
    }

    @Test
    void refusalsTellWhatIsWrongAndNothingMore() throws IOException {
        luks("en/refused.qcow2");
        problem(open("r", "en/refused.qcow2", "wrong"), 403, "key-refused")
                .body("detail", equalTo("en/refused.qcow2: encrypt.key-secret is not a passphrase of the image"));
        problem(json("{\"file\": \"en/refused.qcow2\"}").post("/drives"), 400, "invalid-option")
                .body("option", equalTo("encrypt.key-secret"));
        problem(
                        json("{\"file\": \"en/refused.qcow2\", \"encrypt\": {\"key-secret\": 17}}")
                                .post("/drives"),
                        400,
                        "unreadable-json")
                .body("detail", containsString("encrypt.key-secret"));
        problem(
                        json("{\"file\": \"en/refused.qcow2\", \"encrypt\": {\"key-secrt\": \"x\"}}")
                                .post("/drives"),
                        400,
                        "unknown-key")
                .body("option", equalTo("encrypt.key-secrt"));
        QemuTools.create(file("en/plain.qcow2"), MIB, "");
        problem(open("r", "en/plain.qcow2", "needless"), 400, "invalid-option").body("option", equalTo("encrypt"));
    }

    @Test
    void noAnswerAndNoLogHasAPassphrase(CapturedOutput output) throws IOException {
        luks("en/hidden.qcow2");
        LoggingSystem logging = LoggingSystem.get(getClass().getClassLoader());
        logging.setLogLevel("io.cowslip", LogLevel.DEBUG);
        List<Response> answers = new ArrayList<>();
        answers.add(open("h", "en/hidden.qcow2", "a-wrong-PASSPHRASE-1"));
        answers.add(open("h", "en/hidden.qcow2", EncryptedImages.PASSPHRASE));
        answers.add(given().get("/drives/h"));
        answers.add(given().get("/drives"));
        answers.add(json("{\"encrypt\": {\"key-secret\": \"a-patched-PASSPHRASE-2\"}}")
                .patch("/drives/h"));
        answers.add(json("{\"encrypt\": {\"format\": \"aes\"}}").patch("/drives/h"));
        answers.add(json("{\"read-only\": true}").patch("/drives/h"));
        answers.add(given().get("/volumes/en/hidden.qcow2"));
        answers.add(given().get("/actuator/drivecaches"));
        logging.setLogLevel("io.cowslip", null);
        assertThat(answers.get(1).statusCode()).isEqualTo(201);
        for (Response answer : answers) {
            assertThat(answer.asString() + answer.headers())
                    .doesNotContain(EncryptedImages.PASSPHRASE)
                    .doesNotContain("PASSPHRASE-");
        }
        assertThat(output.getAll()).contains("was refused");
        assertThat(output.getAll()).doesNotContain(EncryptedImages.PASSPHRASE).doesNotContain("PASSPHRASE-");
    }

    @Test
    void anEncryptedVolumeIsMadeAndItsPassphrasesChange() throws IOException {
        Path image = file("en/made.qcow2");
        Files.writeString(SECRETS.resolve("second"), "the second one");
        json("{\"virtual-size\": \"1M\", \"encrypt\": {\"format\": \"luks\", \"cipher-alg\": \"aes-128\","
                        + " \"iter-time\": 10, \"key-secret\": \"" + EncryptedImages.PASSPHRASE + "\"}}")
                .put("/volumes/en/made.qcow2")
                .then()
                .statusCode(201)
                .body("[0].encrypted", equalTo(true))
                .body("[0].format-specific.data.encrypt.format", equalTo("luks"));
        EncryptedImages.edit(image, "write -P 7 0 64k");
        open("m", "en/made.qcow2", EncryptedImages.PASSPHRASE).then().statusCode(201);
        json("{\"key-secret\": \"" + EncryptedImages.PASSPHRASE
                        + "\", \"new-secret-file\": \"second\", \"keyslot\": 5, \"iter-time\": 10}")
                .post("/drives/m/key-slots")
                .then()
                .statusCode(201)
                .header("Location", endsWith("/drives/m/key-slots/5"))
                .body("keyslot", equalTo(5))
                .body("active", equalTo(true));
        problem(
                json("{\"key-secret\": \"wrong\", \"new-secret\": \"x\"}").post("/drives/m/key-slots"),
                403,
                "key-refused");
        problem(json("{\"key-secret\": \"wrong\"}").post("/drives/m/key-slots"), 400, "invalid-option")
                .body("option", equalTo("new-secret"));
        given().delete("/drives/m/key-slots/0").then().statusCode(204);
        given().get("/drives/m/key-slots")
                .then()
                .body("findAll { it.active }.keyslot", contains(5))
                .body("$", hasSize(8));
        problem(given().delete("/drives/m/key-slots/5"), 409, "busy");
        problem(given().delete("/drives/m/key-slots/1"), 404, "not-found");
        given().delete("/drives/m");
        problem(open("m", "en/made.qcow2", EncryptedImages.PASSPHRASE), 403, "key-refused");
        open("m", "en/made.qcow2", "the second one").then().statusCode(201);
        assertThat(read("m", 0, 2)).containsExactly(7, 7);
    }

    @Test
    void onlyEncryptedDrivesHaveKeySlots() {
        createAndOpen("plain", "en/without.qcow2", "1M");
        problem(given().get("/drives/plain/key-slots"), 422, "unsupported-feature");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{}                                                | encrypt.key-secret",
                "{\"key-secret\": \"x\", \"format\": \"aes\"}        | encrypt.format",
                "{\"key-secret\": \"x\", \"cipher-alg\": \"twofish-256\"} | encrypt.cipher-alg",
                "{\"key-secret\": \"x\", \"iter-time\": 60000}     | encrypt.iter-time",
                "{\"key-secret\": \"x\", \"key-secret-file\": \"y\"} | encrypt.key-secret-file"
            })
    void whatCannotBeMadeIsRefusedByName(String encrypt, String option) {
        Path image = file("en/none.qcow2");
        problem(
                        json("{\"virtual-size\": \"1M\", \"encrypt\": " + encrypt + "}")
                                .put("/volumes/en/none.qcow2"),
                        400,
                        "invalid-option")
                .body("option", equalTo(option));
        assertThat(image).doesNotExist();
    }

    private static Path luks(String volume) throws IOException {
        return EncryptedImages.make(file(volume), MIB);
    }

    private static Response open(String id, String volume, String passphrase) {
        return json("{\"id\": \"" + id + "\", \"file\": \"" + volume + "\", \"encrypt\": {\"key-secret\": \""
                        + passphrase + "\"}}")
                .post("/drives");
    }
}
