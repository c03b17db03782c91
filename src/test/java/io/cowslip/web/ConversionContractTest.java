package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
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
import org.junit.jupiter.params.provider.ValueSource;

@NeedsQemu
class ConversionContractTest extends RunningService {

    @Test
    void aVolumeBecomesAnother() throws IOException {
        Path source = image("c/source.qcow2");
        Path raw = file("c/out/deep/source.raw");
        JsonPath job = ended(start("""
                {"type": "convert", "file": "c/source.qcow2",
                 "target": {"file": "c/out/deep/source.raw", "format": "raw"}}"""));
        assertThat(job.getString("state")).isEqualTo("completed");
        assertThat(job.getString("file")).isEqualTo("c/source.qcow2");
        assertThat(job.getString("target")).isEqualTo("c/out/deep/source.raw");
        assertThat(job.getString("result.filename")).isEqualTo("c/out/deep/source.raw");
        assertThat(job.getString("result.format")).isEqualTo("raw");
        assertThat(job.getLong("result.virtual-size")).isEqualTo(8 * MIB);
        assertThat(job.getLong("progress.done")).isEqualTo(8 * MIB).isEqualTo(job.getLong("progress.total"));
        requireSame(source, raw, "raw");
        // The holes of the source are holes again.
        assertThat(job.getLong("result.actual-size")).isLessThan(2 * MIB);

        Path back = file("c/back.qcow2");
        JsonPath again = ended(start("""
                {"type": "convert", "file": "c/out/deep/source.raw", "options": {"format": "raw"},
                 "target": {"file": "c/back.qcow2", "cluster-size": "4K", "virtual-size": "9M", "extended-l2": false}}"""));
        assertThat(again.getInt("result.cluster-size")).isEqualTo(4096);
        assertThat(again.getLong("result.virtual-size")).isEqualTo(9 * MIB);
        ImageAssertions.assertThat(back).passesQemuCheck();
        assertThat(QemuTools.compare(back, "qcow2", raw, "raw").exitCode()).isZero();
    }

    @Test
    void aSnapshotOfADriveThatGoesOnWritingIsASource() throws IOException {
        Path then = file("c/then.raw");
        createAndOpen("busy", "c/busy.qcow2", "1M");
        write("busy", 0, filled(64 * KIB, 1));
        json("{\"name\": \"then\"}").post("/drives/busy/snapshots").then().statusCode(201);
        write("busy", 0, filled(64 * KIB, 2));
        JsonPath job = ended(start("""
                {"type": "convert", "file": "c/busy.qcow2", "options": {"snapshot": "then"},
                 "target": {"file": "c/then.raw", "format": "raw"}}"""));
        assertThat(job.getString("state")).as(job.prettify()).isEqualTo("completed");
        byte[] copy = Files.readAllBytes(then);
        assertThat(copy).hasSize(MIB).startsWith(filled(64 * KIB, 1));
        given().delete("/drives/busy/snapshots/then").then().statusCode(204);
    }

    @Test
    void aSnapshotAndAChainAreSources() throws IOException {
        Path base = image("c/base.qcow2");
        QemuTools.img("snapshot", "-c", "before", base.toString()).succeeded();
        Path expected = file("c/expected.raw");
        QemuTools.img("convert", "-O", "raw", base.toString(), expected.toString())
                .succeeded();
        QemuTools.edit(base, "write -P 9 0 2M");
        Path copy = file("c/before.raw");
        ended(start("""
                {"type": "convert", "file": "c/base.qcow2", "options": {"snapshot": "before"},
                 "target": {"file": "c/before.raw", "format": "raw"}}"""));
        assertThat(Files.mismatch(copy, expected)).isNegative();

        Path top = file("c/top.qcow2");
        QemuTools.img("create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", top.toString())
                .succeeded();
        QemuTools.edit(top, "write -P 3 1M 64k", "write -z 128k 64k");
        Path flat = file("c/flat.qcow2");
        ended(start("""
                {"type": "convert", "file": "c/top.qcow2", "target": {"file": "c/flat.qcow2"}}"""));
        requireSame(top, flat, "qcow2");
        Path overlay = file("c/overlay.qcow2");
        JsonPath job = ended(start("""
                {"type": "convert", "file": "c/top.qcow2",
                 "target": {"file": "c/overlay.qcow2", "backing-file": "base.qcow2", "backing-format": "qcow2"}}"""));
        requireSame(top, overlay, "qcow2");
        assertThat(job.getLong("result.actual-size")).isLessThan(MIB);
    }

    @Test
    void anEncryptedVolumeIsRewrapped() throws IOException {
        Path source = image("c/plain.qcow2");
        file("c/secret.qcow2");
        JsonPath wrapped = ended(start("""
                {"type": "convert", "file": "c/plain.qcow2",
                 "target": {"file": "c/secret.qcow2", "encrypt": {"format": "luks", "key-secret": "first horse",
                            "iter-time": 10}}}"""));
        assertThat(wrapped.prettify()).doesNotContain("first horse");
        assertThat(wrapped.getString("result.format-specific.data.encrypt.format"))
                .isEqualTo("luks");
        Path plain = file("c/plain-again.qcow2");
        JsonPath unwrapped = ended(start("""
                {"type": "convert", "file": "c/secret.qcow2",
                 "options": {"encrypt": {"format": "luks", "key-secret": "first horse"}},
                 "target": {"file": "c/plain-again.qcow2"}}"""));
        assertThat(unwrapped.prettify()).doesNotContain("first horse");
        requireSame(source, plain, "qcow2");
        JsonPath refused = ended(start("""
                {"type": "convert", "file": "c/secret.qcow2",
                 "options": {"encrypt": {"format": "luks", "key-secret": "other horse"}},
                 "target": {"file": "c/never.qcow2"}}"""));
        assertThat(refused.getString("problem.type")).isEqualTo("/problems/key-refused");
        assertThat(root().resolve("c/never.qcow2")).doesNotExist();
    }

    @Test
    void aDriveIsASourceWhileItIsNotWritten() throws IOException {
        createAndOpen("quiet", "c/quiet.qcow2", "4M");
        write("quiet", MIB, filled(MIB, 5));
        file("c/of-drive.raw");
        JsonPath job = ended(start("""
                {"type": "convert", "drive": "quiet", "target": {"file": "c/of-drive.raw", "format": "raw"}}"""));
        assertThat(job.getString("state")).isEqualTo("completed");
        assertThat(job.getString("drive")).isEqualTo("quiet");
        byte[] copy = Files.readAllBytes(root().resolve("c/of-drive.raw"));
        assertThat(copy).hasSize(4 * MIB);
        assertThat(copy[MIB]).isEqualTo((byte) 5);
        assertThat(copy[2 * MIB]).isZero();
    }

    @Test
    void whatIsWrittenIsNotRead() {
        createAndOpen("writer", "c/written.qcow2", "1M");
        JsonPath job = ended(start("""
                {"type": "convert", "file": "c/written.qcow2", "target": {"file": "c/torn.raw", "format": "raw"}}"""));
        assertThat(job.getString("problem.type")).isEqualTo("/problems/in-use");
        assertThat(job.getString("problem.detail"))
                .isEqualTo("\"c/written.qcow2\" is open for writing by drive \"writer\"");
        assertThat(root().resolve("c/torn.raw")).doesNotExist();
    }

    @Test
    void aFailureLeavesNothingBehind() throws IOException {
        Path source = image("c/broken.qcow2");
        // The first entry of the first L2 table leads far behind the file's end, and is no multiple of a cluster.
        QemuTools.img("info", source.toString()).succeeded();
        breakFirstL2Table(source);
        JsonPath job = ended(start("""
                {"type": "convert", "file": "c/broken.qcow2", "target": {"file": "c/gone/half.qcow2", "data-file": "half.data"}}"""));
        assertThat(job.getString("state")).isEqualTo("failed");
        assertThat(root().resolve("c/gone")).doesNotExist();
    }

    private static void breakFirstL2Table(Path image) throws IOException {
        try (var file = new java.io.RandomAccessFile(image.toFile(), "rw")) {
            file.seek(40);
            long l1TableOffset = file.readLong();
            file.seek(l1TableOffset);
            long l2TableOffset = file.readLong() & 0x00ff_ffff_ffff_fe00L;
            file.seek(l2TableOffset);
            file.writeLong(0x8000_0000_0000_0200L);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'type': 'convert', 'file': 'c/a'}                                       | 400 | invalid-option | target",
                "{'type': 'convert', 'target': {'file': 'c/b'}}                           | 400 | invalid-option | file",
                "{'type': 'convert', 'file': 'c/a', 'target': {}}                         | 400 | invalid-option | target.file",
                "{'type': 'convert', 'drive': 'd', 'options': {}, 'target': {'file':'c/b'}} | 400 | invalid-option | options",
                "{'type': 'convert', 'file': 'c/a', 'target': {'file': 'c/b', 'size': 1}} | 400 | unknown-key    | target.size",
                "{'type': 'compare', 'file': 'c/a'}                                       | 400 | invalid-option | other",
                "{'type': 'compare', 'file': 'c/a', 'other': {}}                          | 400 | invalid-option | other.file",
                "{'type': 'convert', 'file': 'c/none', 'target': {'file': 'c/b'}}         | 404 | not-found      | ",
                "{'type': 'convert', 'drive': 'none', 'target': {'file': 'c/b'}}          | 404 | no-such-drive  | ",
                "{'type': 'convert', 'file': 'c/a', 'target': {'file': '../b'}}           | 403 | forbidden-path | ",
                "{'type': 'convert', 'file': 'c/a', 'target': {'file': '.b'}}             | 403 | forbidden-path | "
            })
    void requestsThatCannotBe(String body, int status, String type, String option) {
        problem(json(body.replace('\'', '"')).post("/jobs"), status, type)
                .body("option", option == null ? nullValue() : equalTo(option));
    }

    @Test
    void aNameThatIsTakenIsKept() throws IOException {
        Path source = image("c/taken.qcow2");
        byte[] before = Files.readAllBytes(source);
        problem(
                        json("{\"type\": \"convert\", \"file\": \"c/taken.qcow2\","
                                        + " \"target\": {\"file\": \"c/taken.qcow2\"}}")
                                .post("/jobs"),
                        409,
                        "already-exists")
                .body("detail", containsString("c/taken.qcow2"));
        assertThat(Files.readAllBytes(source)).isEqualTo(before);
    }

    @Test
    void aRepeatedRequestIsAnsweredWithTheFirstJob() {
        image("c/once.qcow2");
        file("c/once.raw");
        String body = """
                {"type": "convert", "file": "c/once.qcow2", "target": {"file": "c/once.raw", "format": "raw"}}""";
        String first = keyed("8e03978e-40d5-43dd-bc93-6894a57f9324", body);
        ended(first);
        assertThat(keyed("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", body)).isEqualTo(first);
        problem(
                        json(body.replace("once.raw", "twice.raw"))
                                .header("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324")
                                .post("/jobs"),
                        422,
                        "key-reused")
                .body("detail", containsString(first.substring("/jobs/".length())));
        problem(json(body).header("Idempotency-Key", "\"\"").post("/jobs"), 400, "invalid-request");
        problem(json(body).header("Idempotency-Key", "another").post("/jobs"), 409, "already-exists");
    }

    @ParameterizedTest
    @ValueSource(strings = {"zlib", "zstd"})
    void aTargetIsCompressed(String type) {
        Path source = image("c/large.qcow2");
        Path packed = file("c/packed-" + type + ".qcow2");
        JsonPath job = ended(start("""
                {"type": "convert", "file": "c/large.qcow2",
                 "target": {"file": "c/packed-%s.qcow2", "compress": true, "compression-type": "%s"}}""".formatted(type, type)));
        assertThat(job.getString("state")).isEqualTo("completed");
        assertThat(job.getLong("result.actual-size")).isLessThan(MIB / 2);
        requireSame(source, packed, "qcow2");
        assertThat(QemuTools.img("check", packed.toString()).succeeded().out()).contains("100.00% compressed clusters");
    }

    @Test
    void disksAreCompared() {
        image("c/one.qcow2");
        Path other = image("c/other.qcow2");
        JsonPath same = ended(start("""
                {"type": "compare", "file": "c/one.qcow2", "other": {"file": "c/other.qcow2"}}"""));
        assertThat(same.getBoolean("result.identical")).isTrue();
        assertThat(same.getBoolean("result.same-size")).isTrue();
        assertThat(same.<Object>get("result.first-difference")).isNull();
        QemuTools.edit(other, "write -P 8 3000k 1k");
        open("changed", "c/other.qcow2");
        JsonPath changed = ended(start("""
                {"type": "compare", "drive": "changed", "other": {"file": "c/one.qcow2"}}"""));
        assertThat(changed.getBoolean("result.identical")).isFalse();
        assertThat(changed.getLong("result.first-difference")).isEqualTo(3000 * KIB);
        // A volume may be on both sides.
        assertThat(ended(start("""
                {"type": "compare", "file": "c/one.qcow2", "other": {"file": "c/one.qcow2"}}""")).getBoolean("result.identical")).isTrue();
    }

    private static String keyed(String key, String body) {
        return json(body)
                .header("Idempotency-Key", key)
                .post("/jobs")
                .then()
                .statusCode(202)
                .extract()
                .header("Location");
    }

    /** 8 MiB with data in 1 MiB of it. */
    private static Path image(String volume) {
        Path file = QemuTools.create(file(volume), 8L * MIB, "");
        QemuTools.edit(file, "write -P 1 0 512k", "write -P 2 3M 512k");
        return file;
    }

    private static void requireSame(Path source, Path copy, String format) {
        if (format.equals("qcow2")) {
            ImageAssertions.assertThat(copy).passesQemuCheck();
        }
        assertThat(QemuTools.compare(source, "qcow2", copy, format).out()).contains("Images are identical");
    }
}
