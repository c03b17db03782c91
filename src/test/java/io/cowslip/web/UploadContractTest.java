package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.startsWith;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Programs;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that become volumes, by the real curl, by RestAssured, and by requests that no well-behaved client sends. */
class UploadContractTest extends RunningService {
    private static final String PARTIAL = "application/partial-upload";

    @TempDir
    private Path folder;

    /** Whatever a test leaves under way would be in the way of the next. */
    @AfterEach
    void giveUploadsUp() {
        given().get("/uploads")
                .jsonPath()
                .getList("name", String.class)
                .forEach(name -> given().delete("/files/" + name));
    }

    private static void assertNothingIsHidden(String subfolder) throws IOException {
        Path in = root().resolve(subfolder);
        if (Files.exists(in)) {
            try (Stream<Path> files = Files.list(in)) {
                assertThat(files)
                        .noneMatch(file -> file.getFileName().toString().startsWith("."));
            }
        }
    }

    @Test
    @NeedsQemu
    void curlUploadsAnImageInOneGo() throws IOException {
        Path local = QemuTools.create(folder.resolve("local.qcow2"), 64L * MIB, "");
        QemuTools.edit(local, "write -P 3 1M 5M");
        Path volume = file("u/one-go.qcow2");
        assertThat(Programs.curl("-o", "/dev/null", "-T", local.toString(), url("u/one-go.qcow2")))
                .startsWith("201 ");
        assertThat(volume).hasSameBinaryContentAs(local);
        assertThat(QemuTools.check(volume).clean()).isTrue();
        assertNothingIsHidden("u");
        given().get("/volumes/u/one-go.qcow2").then().statusCode(200).body("[0].format", equalTo("qcow2"));
    }

    @Test
    @NeedsQemu
    void curlGoesOnWhereAnUploadBrokeOff() throws IOException {
        Path local = QemuTools.create(folder.resolve("local.qcow2"), 64L * MIB, "");
        QemuTools.edit(local, "write -P 3 1M 9M");
        byte[] bytes = Files.readAllBytes(local);
        Path volume = file("u/resumed.qcow2");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/u/resumed.qcow2 HTTP/1.1", "Content-Length: " + bytes.length);
            connection.send(Arrays.copyOf(bytes, 3 * MIB + 777));
        }
        await().untilAsserted(() ->
                given().get("/uploads").then().body("find { it.name == 'u/resumed.qcow2' }.arriving", equalTo(false)));
        Response head = given().head("/files/u/resumed.qcow2");
        assertThat(head.statusCode()).isEqualTo(204);
        assertThat(head.header("Upload-Complete")).isEqualTo("?0");
        assertThat(head.header("Upload-Length")).isEqualTo(String.valueOf(bytes.length));
        assertThat(head.header("Upload-Offset")).isEqualTo(String.valueOf(3 * MIB + 777));
        problem(given().get("/files/u/resumed.qcow2"), 404, "not-found");
        assertThat(Programs.curl(
                        "-o",
                        "/dev/null",
                        "-T",
                        local.toString(),
                        "-C",
                        head.header("Upload-Offset"),
                        url("u/resumed.qcow2")))
                .startsWith("201 ");
        assertThat(volume).hasSameBinaryContentAs(local);
        given().head("/files/u/resumed.qcow2").then().statusCode(200).header("Upload-Complete", "?1");
    }

    @Test
    void partsAreAddedAsTheDraftHasIt() throws IOException {
        byte[] bytes = RandomData.disk(new SplittableRandom(5), MIB);
        Path volume = file("u/parts.raw");
        octets(Arrays.copyOf(bytes, 1000))
                .header("Upload-Complete", "?0")
                .header("Upload-Length", MIB)
                .put("/files/u/parts.raw?format=raw")
                .then()
                .statusCode(201)
                .header("Location", endsWith("/files/u/parts.raw"))
                .header("Upload-Offset", "1000")
                .header("Upload-Complete", "?0")
                .header("Upload-Limit", startsWith("max-age="));
        problem(part(900, "?0", new byte[1]).patch("/files/u/parts.raw?format=raw"), 409, "upload-offset-mismatch")
                .body("expected-offset", equalTo(1000))
                .body("provided-offset", equalTo(900));
        part(1000, "?0", Arrays.copyOfRange(bytes, 1000, 70_001))
                .patch("/files/u/parts.raw?format=raw")
                .then()
                .statusCode(204)
                .header("Upload-Offset", "70001");
        assertThat(volume).doesNotExist();
        part(70_001, "?1", Arrays.copyOfRange(bytes, 70_001, MIB))
                .patch("/files/u/parts.raw?format=raw")
                .then()
                .statusCode(201)
                .header("Location", endsWith("/volumes/u/parts.raw"))
                .body("[0].virtual-size", equalTo(MIB));
        assertThat(volume).hasBinaryContent(bytes);
        assertNothingIsHidden("u");
    }

    private int sentInChunks(String head, int bytes) throws IOException {
        try (RawConnection connection = new RawConnection(port())) {
            String[] lines = (head + "\nTransfer-Encoding: chunked").split("\n", -1);
            connection.head(lines);
            connection.send((Integer.toHexString(bytes) + "\r\n").getBytes(StandardCharsets.US_ASCII));
            connection.send(filled(bytes, 3));
            connection.send("\r\n0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return connection.receiveHead().status();
        }
    }

    @Test
    void aBodyWithoutLengthIsHeldToTheFilesLength() throws IOException {
        Path volume = file("u/held.raw");
        String path = "/files/u/held.raw?format=raw HTTP/1.1";
        String patch = "PATCH " + path + "\nContent-Type: " + PARTIAL + "\nUpload-Offset: ";
        assertThat(sentInChunks("PUT " + path + "\nUpload-Length: 1000", 100)).isEqualTo(400);
        given().head("/files/u/held.raw")
                .then()
                .statusCode(204)
                .header("Upload-Offset", "100")
                .header("Upload-Length", "1000");
        assertThat(sentInChunks(patch + "100\nUpload-Complete: ?1", 100)).isEqualTo(400);
        assertThat(volume).doesNotExist();
        given().head("/files/u/held.raw").then().statusCode(204).header("Upload-Offset", "200");
        assertThat(sentInChunks(patch + "200\nUpload-Complete: ?0", 900)).isEqualTo(400);
        given().head("/files/u/held.raw").then().statusCode(204).header("Upload-Offset", "1000");
        assertThat(sentInChunks(patch + "1000\nUpload-Complete: ?1", 1)).isEqualTo(400);
        assertThat(volume).doesNotExist();
        part(1000, "?1", new byte[0])
                .patch("/files/u/held.raw?format=raw")
                .then()
                .statusCode(201);
        assertThat(volume).hasBinaryContent(filled(1000, 3));
        file("u/short.raw");
        octets(new byte[50]).header("Upload-Complete", "?0").put("/files/u/short.raw?format=raw");
        String shorter = "PATCH /files/u/short.raw?format=raw HTTP/1.1\nContent-Type: " + PARTIAL
                + "\nUpload-Offset: 50\nUpload-Complete: ?0\nUpload-Length: 49";
        assertThat(sentInChunks(shorter, 1)).isEqualTo(400);
        given().head("/files/u/short.raw").then().statusCode(204).header("Upload-Offset", "50");
    }

    @Test
    void namesThatNoHostHasAreRefusedBeforeTheFirstByte() throws IOException {
        problem(octets(new byte[9]).put("/files/v/" + "n".repeat(300) + "?format=raw"), 400, "invalid-option")
                .body("detail", containsString("300 bytes"));
        String deep = ("d".repeat(200) + "/").repeat(25);
        problem(octets(new byte[9]).put("/files/v/" + deep + "x?format=raw"), 400, "invalid-option");
        assertThat(root().resolve("v")).doesNotExist();
        String cut = "n".repeat(49) + "\uD83D\uDE00.raw";
        Path volume = file("u/" + cut);
        octets(new byte[9])
                .put("/files/{folder}/{name}?format=raw", "u", cut)
                .then()
                .statusCode(201);
        assertThat(volume).hasSize(9);
    }

    @Test
    void aVolumeComesBeforeAnUploadOfItsName() throws IOException {
        Path volume = file("u/both.raw");
        octets(new byte[9]).header("Upload-Complete", "?0").put("/files/u/both.raw?format=raw");
        Files.write(volume, new byte[512]);
        given().head("/files/u/both.raw")
                .then()
                .statusCode(200)
                .header("Upload-Complete", "?1")
                .header("Content-Length", "512");
    }

    private static RequestSpecification part(long offset, String complete, byte[] bytes) {
        return given().contentType(PARTIAL)
                .header("Upload-Offset", offset)
                .header("Upload-Complete", complete)
                .body(bytes);
    }

    @Test
    void aBodyWithoutLengthIsTaken() throws IOException {
        Path volume = file("u/chunked.raw");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/u/chunked.raw?format=raw HTTP/1.1", "Transfer-Encoding: chunked");
            connection.send("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(connection.receiveHead().status()).isEqualTo(201);
        }
        assertThat(volume).hasContent("hello world");
    }

    @Test
    void aBrokenBodyWithoutLengthIsNotTheWhole() throws IOException {
        Path volume = file("u/torn.raw");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/u/torn.raw?format=raw HTTP/1.1", "Transfer-Encoding: chunked");
            connection.send("5\r\nhello\r\n".getBytes(StandardCharsets.US_ASCII));
            connection.finishSending();
            assertThat(connection.receiveHead().status()).isEqualTo(400);
        }
        assertThat(volume).doesNotExist();
        given().head("/files/u/torn.raw").then().statusCode(204).header("Upload-Offset", "5");
        part(5, "?1", new byte[0]).patch("/files/u/torn.raw?format=raw").then().statusCode(201);
        assertThat(volume).hasContent("hello");
    }

    @Test
    void zerosOfARawFileTakeNoSpace() throws IOException {
        byte[] bytes = new byte[16 * MIB];
        bytes[9 * MIB] = 1;
        Path volume = file("u/sparse.raw");
        octets(bytes).put("/files/u/sparse.raw?format=raw").then().statusCode(201);
        assertThat(volume).hasBinaryContent(bytes);
        given().get("/volumes/u/sparse.raw")
                .then()
                .body("[0].virtual-size", equalTo(16 * MIB))
                .body("[0].actual-size", equalTo(4096));
    }

    @Test
    void whatTheFileIsMustBeSaidOfRaw() throws IOException {
        file("u/guessed.raw");
        problem(octets(new byte[MIB]).put("/files/u/guessed.raw"), 422, "invalid-image")
                .body("detail", containsString("format=raw"));
        problem(octets(new byte[MIB]).put("/files/u/guessed.raw?format=vmdk-thin"), 400, "invalid-option");
        problem(octets(new byte[MIB]).put("/files/u/guessed.raw?formt=raw"), 400, "invalid-option");
        given().get("/uploads").then().body("name", not(hasItem("u/guessed.raw")));
        assertNothingIsHidden("u");
    }

    @Test
    @NeedsQemu
    void aFileIsNotRefusedOnlyAfterItsLastByte() throws IOException {
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/u/early.qcow2 HTTP/1.1", "Content-Length: " + (1L << 30));
            connection.send(filled(300 * KIB, 7));
            assertThat(connection.receiveHead().status()).isEqualTo(422);
        }
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/u/early.qcow2 HTTP/1.1", "Content-Length: " + (1L << 50));
            connection.send(filled(KIB, 7));
            assertThat(connection.receiveHead().status()).isEqualTo(507);
        }
        byte[] image = Files.readAllBytes(QemuTools.create(folder.resolve("a.qcow2"), MIB, ""));
        image[20 + 3] = 40;
        problem(octets(image).put("/files/u/early.qcow2"), 422, "invalid-image")
                .body("detail", containsString("cluster_bits"));
        byte[] cut = Arrays.copyOf(Files.readAllBytes(folder.resolve("a.qcow2")), 70_000);
        problem(octets(cut).put("/files/u/early.qcow2"), 422, "invalid-image");
        assertNothingIsHidden("u");
    }

    @Test
    @NeedsQemu
    void filesThatAnImageNamesAreRefusedUnlessAllowed() throws IOException {
        QemuTools.create(file("u/below.qcow2"), MIB, "");
        Path local = folder.resolve("over.qcow2");
        QemuTools.create(folder.resolve("below.qcow2"), MIB, "");
        QemuTools.createOver(local, "below.qcow2", "qcow2", -1, "");
        byte[] image = Files.readAllBytes(local);
        file("u/over.qcow2");
        problem(octets(image).put("/files/u/over.qcow2"), 422, "invalid-image")
                .body("detail", containsString("backing-file="));
        octets(image)
                .put("/files/u/over.qcow2?backing-file=u/below.qcow2")
                .then()
                .statusCode(201)
                .body("[0].full-backing-filename", equalTo("u/below.qcow2"));
        QemuTools.createOver(local, "below.qcow2", "qcow2", -1, "");
        QemuTools.img("rebase", "-u", "-F", "raw", "-b", "/etc/passwd", local.toString())
                .succeeded();
        file("u/leaky.qcow2");
        problem(
                octets(Files.readAllBytes(local)).put("/files/u/leaky.qcow2?backing-file=u/below.qcow2"),
                403,
                "forbidden-path");
        Path withData = folder.resolve("data.qcow2");
        QemuTools.create(withData, MIB, "data_file=" + folder.resolve("data.raw"));
        file("u/data.qcow2");
        problem(octets(Files.readAllBytes(withData)).put("/files/u/data.qcow2"), 422, "invalid-image")
                .body("detail", containsString("data-file="));
    }

    @Test
    @NeedsQemu
    void disksOfOtherHypervisorsAreUploadedAndConverted() throws IOException {
        Path source = QemuTools.create(folder.resolve("source.qcow2"), 8L * MIB, "");
        QemuTools.edit(source, "write -P 6 1M 3M");
        Path local = folder.resolve("local.vmdk");
        QemuTools.img("convert", "-O", "vmdk", "-o", "subformat=streamOptimized", source.toString(), local.toString())
                .succeeded();
        byte[] bytes = Files.readAllBytes(local);
        file("u/kept.vmdk");
        octets(bytes)
                .put("/files/u/kept.vmdk")
                .then()
                .statusCode(201)
                .body("[0].format", equalTo("vmdk"))
                .body("[0].virtual-size", equalTo(8 * MIB));
        Path volume = file("u/from-vmdk.qcow2");
        Response answer = octets(bytes).put("/files/u/from-vmdk.qcow2?format=vmdk&target.format=qcow2");
        JsonPath job = ended(answer.header("Location"));
        assertThat(job.getString("state")).as(job.prettify()).isEqualTo("completed");
        assertThat(QemuTools.img("compare", source.toString(), volume.toString())
                        .exitCode())
                .isZero();
        problem(octets(bytes).put("/files/u/cut.vhdx?format=vhdx"), 422, "invalid-image");
        String descriptor = "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
                + "createType=\"monolithicFlat\"\nRW 128 FLAT \"kept.vmdk\" 0\n";
        problem(
                        octets(descriptor.getBytes(StandardCharsets.US_ASCII)).put("/files/u/flat.vmdk?format=vmdk"),
                        422,
                        "invalid-image")
                .body("detail", containsString("data-file="));
        assertNothingIsHidden("u");
    }

    @Test
    void digestsAreCheckedAndTold() throws IOException {
        byte[] bytes = RandomData.disk(new SplittableRandom(6), 600_000);
        String right = sha256(bytes);
        file("u/digest.raw");
        octets(bytes)
                .header("Repr-Digest", right)
                .header("Want-Repr-Digest", "sha-256=10")
                .put("/files/u/digest.raw?format=raw")
                .then()
                .statusCode(201)
                .header("Repr-Digest", right);
        file("u/digest.raw");
        problem(
                octets(bytes).header("Repr-Digest", sha256(new byte[1])).put("/files/u/digest.raw?format=raw"),
                400,
                "digest-mismatch");
        given().head("/files/u/digest.raw").then().statusCode(404);
    }

    @Test
    void aPartWithAWrongDigestDoesNotCount() throws IOException {
        Path volume = file("u/part.raw");
        byte[] bytes = filled(500_000, 9);
        octets(Arrays.copyOf(bytes, 100_000))
                .header("Upload-Complete", "?0")
                .header("Want-Repr-Digest", "sha-256=1")
                .put("/files/u/part.raw?format=raw")
                .then()
                .statusCode(201);
        problem(
                part(100_000, "?1", filled(400_000, 8))
                        .header("Content-Digest", sha256(new byte[2]))
                        .patch("/files/u/part.raw?format=raw"),
                400,
                "digest-mismatch");
        given().head("/files/u/part.raw").then().header("Upload-Offset", "100000");
        byte[] rest = Arrays.copyOfRange(bytes, 100_000, 500_000);
        part(100_000, "?1", rest)
                .header("Content-Digest", sha256(rest))
                .header("Want-Repr-Digest", "sha-256=1")
                .patch("/files/u/part.raw?format=raw")
                .then()
                .statusCode(201)
                .header("Repr-Digest", sha256(bytes));
        assertThat(volume).hasBinaryContent(bytes);
    }

    @Test
    void aDigestThatNobodyBeganIsCheckedByAJob() throws IOException {
        byte[] bytes = filled(300_000, 4);
        Path volume = file("u/late.raw");
        octets(Arrays.copyOf(bytes, 1000)).header("Upload-Complete", "?0").put("/files/u/late.raw?format=raw");
        Response last = part(1000, "?1", Arrays.copyOfRange(bytes, 1000, 300_000))
                .header("Repr-Digest", sha256(bytes))
                .patch("/files/u/late.raw?format=raw");
        assertThat(last.statusCode()).isEqualTo(202);
        JsonPath job = ended(last.header("Location"));
        assertThat(job.getString("state")).as(job.prettify()).isEqualTo("completed");
        assertThat(job.getString("type")).isEqualTo("import");
        assertThat(volume).hasBinaryContent(bytes);
        file("u/late.raw");
        octets(Arrays.copyOf(bytes, 1000)).header("Upload-Complete", "?0").put("/files/u/late.raw?format=raw");
        String location = part(1000, "?1", new byte[5])
                .header("Repr-Digest", sha256(bytes))
                .patch("/files/u/late.raw?format=raw")
                .header("Location");
        assertThat(ended(location).getString("problem.type")).isEqualTo("/problems/digest-mismatch");
        assertThat(volume).doesNotExist();
        given().head("/files/u/late.raw").then().statusCode(404);
        problem(given().post(location + "/restart"), 404, "not-found");
    }

    @Test
    @NeedsQemu
    void anUploadIsConvertedByAJob() throws IOException {
        byte[] bytes = RandomData.disk(new SplittableRandom(7), 5 * MIB);
        Path local = Files.write(folder.resolve("local.raw"), bytes);
        Path volume = file("u/converted.qcow2");
        String query = "?format=raw&target.compress=true&target.compression-type=zstd&target.cluster-size=128K";
        Response answer = octets(bytes).put("/files/u/converted.qcow2" + query);
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(202);
        JsonPath job = ended(answer.header("Location"));
        assertThat(job.getString("state")).as(job.prettify()).isEqualTo("completed");
        assertThat(job.getInt("result.cluster-size")).isEqualTo(128 * KIB);
        assertThat(QemuTools.check(volume).clean()).isTrue();
        assertThat(QemuTools.img("compare", "-f", "raw", "-F", "qcow2", local.toString(), volume.toString())
                        .exitCode())
                .isZero();
        assertNothingIsHidden("u");
        problem(given().post(answer.header("Location") + "/restart"), 409, "already-exists");
        problem(octets(bytes).put("/files/u/x.qcow2?format=raw&target.encrypt=x"), 400, "invalid-option");
        problem(octets(bytes).put("/files/u/x.qcow2?format=raw&target.nonsense=x"), 400, "unknown-key");
    }

    @Test
    @NeedsQemu
    void aWholeUploadIsImportedByARequestForAJob() throws IOException {
        file("u/later.raw");
        Path volume = file("u/imported.qcow2");
        octets(filled(MIB, 5))
                .header("Upload-Complete", "?0")
                .header("Upload-Length", MIB)
                .put("/files/u/later.raw?format=raw");
        String body = """
                {"type": "import", "upload": "u/later.raw", "format": "raw", "target": {"file": "u/imported.qcow2"}}""";
        JsonPath job = ended(start(body));
        assertThat(job.getString("state")).as(job.prettify()).isEqualTo("completed");
        assertThat(QemuTools.check(volume).clean()).isTrue();
        given().head("/files/u/later.raw").then().statusCode(404);
        problem(json(body).post("/jobs"), 409, "already-exists");
        Files.delete(volume);
        problem(json(body).post("/jobs"), 404, "not-found");
        octets(new byte[9]).header("Upload-Complete", "?0").put("/files/u/later.raw?format=raw");
        problem(json(body).post("/jobs"), 409, "in-use").body("detail", containsString("not whole"));
    }

    @Test
    void oneRequestAtATimeAdds() throws IOException {
        file("u/twice.raw");
        try (RawConnection first = new RawConnection(port())) {
            first.head("PUT /files/u/twice.raw?format=raw HTTP/1.1", "Content-Length: " + MIB);
            first.send(filled(MIB / 2, 1));
            await().untilAsserted(() -> given().get("/uploads").then().body("arriving", hasItem(true)));
            problem(octets(filled(MIB, 2)).put("/files/u/twice.raw?format=raw"), 409, "in-use");
            first.send(filled(MIB / 2, 1));
            assertThat(first.receiveHead().status()).isEqualTo(201);
        }
        assertThat(root().resolve("u/twice.raw")).hasBinaryContent(filled(MIB, 1));
        problem(octets(filled(MIB, 2)).put("/files/u/twice.raw?format=raw"), 409, "already-exists");
    }

    /** Glance CVE-2014-9623, CVE-2015-5286: what is deleted while it is uploaded takes no space any more. */
    @Test
    void anUploadIsGivenUpUnderItsRequest() throws IOException {
        Path volume = file("u/given-up.raw");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/u/given-up.raw?format=raw HTTP/1.1", "Content-Length: " + 2 * MIB);
            connection.send(filled(MIB, 1));
            await().untilAsserted(() -> given().get("/uploads").then().body("name", hasItem("u/given-up.raw")));
            given().delete("/files/u/given-up.raw").then().statusCode(204);
            connection.send(filled(MIB, 1));
            assertThat(connection.receiveHead().status()).isEqualTo(404);
        }
        assertThat(volume).doesNotExist();
        await().untilAsserted(() -> assertNothingIsHidden("u"));
        problem(given().delete("/files/u/given-up.raw"), 404, "not-found");
    }

    @Test
    void aNewUploadTakesThePlaceOfAnUnfinishedOne() throws IOException {
        Path volume = file("u/again.raw");
        octets(filled(900, 1)).header("Upload-Complete", "?0").put("/files/u/again.raw?format=raw");
        octets(filled(700, 2)).put("/files/u/again.raw?format=raw").then().statusCode(201);
        assertThat(volume).hasBinaryContent(filled(700, 2));
    }

    @Test
    void lengthsThatContradictEachOtherAreRefused() {
        file("u/lengths.raw");
        String path = "/files/u/lengths.raw?format=raw";
        problem(octets(new byte[10]).header("Upload-Length", 11).put(path), 400, "invalid-request");
        octets(new byte[10])
                .header("Upload-Complete", "?0")
                .header("Upload-Length", 20)
                .put(path)
                .then()
                .statusCode(201)
                .header("Upload-Length", "20");
        problem(part(10, "?1", new byte[9]).patch(path), 400, "invalid-request");
        problem(part(10, "?0", new byte[11]).patch(path), 400, "invalid-request");
        problem(part(10, "?0", new byte[1]).header("Upload-Length", 21).patch(path), 400, "invalid-request");
        problem(octets(new byte[10]).header("Content-Range", "bytes 10-29/30").put(path), 400, "invalid-range");
        problem(octets(new byte[10]).header("Content-Range", "bytes 10-19/30").put(path), 400, "invalid-request");
        problem(
                octets(new byte[10]).header("Content-Range", "bytes 12-21/30").put(path),
                409,
                "upload-offset-mismatch");
        octets(new byte[10])
                .header("Content-Range", "bytes 10-19/20")
                .put(path)
                .then()
                .statusCode(201)
                .body("[0].virtual-size", notNullValue());
    }

    @ParameterizedTest
    @ValueSource(strings = {"Upload-Offset", "Upload-Complete"})
    void whatPatchNeedsIsNamed(String missing) {
        RequestSpecification request = given().contentType(PARTIAL).body(new byte[1]);
        if (missing.equals("Upload-Offset")) {
            request.header("Upload-Complete", "?1");
        } else {
            request.header("Upload-Offset", 0);
        }
        problem(request.patch("/files/u/headers.raw"), 400, "invalid-request").body("detail", containsString(missing));
    }

    @Test
    void otherBodiesAreRefused() {
        problem(octets(new byte[1]).patch("/files/u/type.raw"), 415, "unsupported-media-type");
        problem(json("{\"virtual-size\": 512}").put("/files/u/type.raw"), 415, "unsupported-media-type");
        problem(
                octets(new byte[1]).header("Content-Encoding", "gzip").put("/files/u/type.raw"),
                415,
                "unsupported-media-type");
        problem(octets(new byte[1]).put("/files/u/.hidden"), 403, "forbidden-path");
        problem(part(0, "?1", new byte[1]).patch("/files/u/nothing.raw"), 404, "not-found");
        given().options("/files/u/any.raw")
                .then()
                .statusCode(204)
                .header("Accept-Patch", PARTIAL)
                .header("Upload-Limit", startsWith("max-age="))
                .header("Allow", containsString("PATCH"));
    }

    private String url(String volume) {
        return "http://127.0.0.1:" + port() + "/files/" + volume;
    }

    private static String sha256(byte[] bytes) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes);
            return "sha-256=:" + Base64.getEncoder().encodeToString(digest) + ":";
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
