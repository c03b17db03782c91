package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.not;

import io.cowslip.testing.HostPageCache;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Programs;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of uploaded files by what they are, by the real curl as well: images, raw disks, disks of other hypervisors. */
class UploadedImageContractTest extends UploadingService {
    @TempDir
    private Path folder;

    @Test
    @NeedsQemu
    void curlUploadsAnImageInOneGo() throws IOException {
        Path local = QemuTools.create(folder.resolve("local.qcow2"), 64L * MIB, "");
        QemuTools.edit(local, "write -P 3 1M 5M");
        Path volume = file("uploaded/one-go.qcow2");
        assertThat(Programs.curl("-o", "/dev/null", "-T", local.toString(), url("uploaded/one-go.qcow2")))
                .startsWith("201 ");
        assertThat(volume).hasSameBinaryContentAs(local);
        assertThat(QemuTools.check(volume).clean()).isTrue();
        assertNothingIsHidden("uploaded");
        given().get("/volumes/uploaded/one-go.qcow2").then().statusCode(200).body("[0].format", equalTo("qcow2"));
    }

    @Test
    @NeedsQemu
    void curlGoesOnWhereAnUploadBrokeOff() throws IOException {
        Path local = QemuTools.create(folder.resolve("local.qcow2"), 64L * MIB, "");
        QemuTools.edit(local, "write -P 3 1M 9M");
        byte[] bytes = Files.readAllBytes(local);
        Path volume = file("uploaded/resumed.qcow2");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/uploaded/resumed.qcow2 HTTP/1.1", "Content-Length: " + bytes.length);
            connection.send(Arrays.copyOf(bytes, 3 * MIB + 777));
        }
        await().untilAsserted(() -> given().get("/uploads")
                .then()
                .body("find { it.name == 'uploaded/resumed.qcow2' }.arriving", equalTo(false)));
        Response head = given().head("/files/uploaded/resumed.qcow2");
        assertThat(head.statusCode()).isEqualTo(204);
        assertThat(head.header("Upload-Complete")).isEqualTo("?0");
        assertThat(head.header("Upload-Length")).isEqualTo(String.valueOf(bytes.length));
        assertThat(head.header("Upload-Offset")).isEqualTo(String.valueOf(3 * MIB + 777));
        problem(given().get("/files/uploaded/resumed.qcow2"), 404, "not-found");
        assertThat(Programs.curl(
                        "-o",
                        "/dev/null",
                        "-T",
                        local.toString(),
                        "-C",
                        head.header("Upload-Offset"),
                        url("uploaded/resumed.qcow2")))
                .startsWith("201 ");
        assertThat(volume).hasSameBinaryContentAs(local);
        given().head("/files/uploaded/resumed.qcow2").then().statusCode(200).header("Upload-Complete", "?1");
    }

    @Test
    void zerosOfARawFileTakeNoSpace() throws IOException {
        byte[] bytes = new byte[16 * MIB];
        bytes[9 * MIB] = 1;
        Path volume = file("uploaded/sparse.raw");
        octets(bytes).put("/files/uploaded/sparse.raw?format=raw").then().statusCode(201);
        assertThat(volume).hasBinaryContent(bytes);
        HostPageCache.writeOut(root().resolve("uploaded"));
        given().get("/volumes/uploaded/sparse.raw")
                .then()
                .body("[0].virtual-size", equalTo(16 * MIB))
                .body("[0].actual-size", equalTo(4096));
    }

    @Test
    void whatTheFileIsMustBeSaidOfRaw() throws IOException {
        file("uploaded/guessed.raw");
        problem(octets(new byte[MIB]).put("/files/uploaded/guessed.raw"), 422, "invalid-image")
                .body("detail", containsString("format=raw"));
        problem(octets(new byte[MIB]).put("/files/uploaded/guessed.raw?format=vmdk-thin"), 400, "invalid-option");
        problem(octets(new byte[MIB]).put("/files/uploaded/guessed.raw?formt=raw"), 400, "invalid-option");
        given().get("/uploads").then().body("name", not(hasItem("uploaded/guessed.raw")));
        assertNothingIsHidden("uploaded");
    }

    @Test
    @NeedsQemu
    void aFileIsNotRefusedOnlyAfterItsLastByte() throws IOException {
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/uploaded/early.qcow2 HTTP/1.1", "Content-Length: " + (1L << 30));
            connection.send(filled(300 * KIB, 7));
            assertThat(connection.receiveHead().status()).isEqualTo(422);
        }
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PUT /files/uploaded/early.qcow2 HTTP/1.1", "Content-Length: " + (1L << 50));
            connection.send(filled(KIB, 7));
            assertThat(connection.receiveHead().status()).isEqualTo(507);
        }
        byte[] image = Files.readAllBytes(QemuTools.create(folder.resolve("a.qcow2"), MIB, ""));
        image[20 + 3] = 40;
        problem(octets(image).put("/files/uploaded/early.qcow2"), 422, "invalid-image")
                .body("detail", containsString("cluster_bits"));
        byte[] cut = Arrays.copyOf(Files.readAllBytes(folder.resolve("a.qcow2")), 70_000);
        problem(octets(cut).put("/files/uploaded/early.qcow2"), 422, "invalid-image");
        assertNothingIsHidden("uploaded");
    }

    @Test
    @NeedsQemu
    void filesThatAnImageNamesAreRefusedUnlessAllowed() throws IOException {
        QemuTools.create(file("uploaded/below.qcow2"), MIB, "");
        Path local = folder.resolve("over.qcow2");
        QemuTools.create(folder.resolve("below.qcow2"), MIB, "");
        QemuTools.createOver(local, "below.qcow2", "qcow2", -1, "");
        byte[] image = Files.readAllBytes(local);
        file("uploaded/over.qcow2");
        problem(octets(image).put("/files/uploaded/over.qcow2"), 422, "invalid-image")
                .body("detail", containsString("backing-file="));
        octets(image)
                .put("/files/uploaded/over.qcow2?backing-file=uploaded/below.qcow2")
                .then()
                .statusCode(201)
                .body("[0].full-backing-filename", equalTo("uploaded/below.qcow2"));
        QemuTools.createOver(local, "below.qcow2", "qcow2", -1, "");
        QemuTools.img("rebase", "-u", "-F", "raw", "-b", "/etc/passwd", local.toString())
                .succeeded();
        file("uploaded/leaky.qcow2");
        problem(
                octets(Files.readAllBytes(local)).put("/files/uploaded/leaky.qcow2?backing-file=uploaded/below.qcow2"),
                403,
                "forbidden-path");
        Path withData = folder.resolve("data.qcow2");
        QemuTools.create(withData, MIB, "data_file=" + folder.resolve("data.raw"));
        file("uploaded/data.qcow2");
        problem(octets(Files.readAllBytes(withData)).put("/files/uploaded/data.qcow2"), 422, "invalid-image")
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
        file("uploaded/kept.vmdk");
        octets(bytes)
                .put("/files/uploaded/kept.vmdk")
                .then()
                .statusCode(201)
                .body("[0].format", equalTo("vmdk"))
                .body("[0].virtual-size", equalTo(8 * MIB));
        Path volume = file("uploaded/from-vmdk.qcow2");
        Response answer = octets(bytes).put("/files/uploaded/from-vmdk.qcow2?format=vmdk&target.format=qcow2");
        JsonPath job = ended(answer.header("Location"));
        assertThat(job.getString("state")).as(job.prettify()).isEqualTo("completed");
        assertThat(QemuTools.img("compare", source.toString(), volume.toString())
                        .exitCode())
                .isZero();
        problem(octets(bytes).put("/files/uploaded/cut.vhdx?format=vhdx"), 422, "invalid-image");
        String descriptor = "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
                + "createType=\"monolithicFlat\"\nRW 128 FLAT \"kept.vmdk\" 0\n";
        problem(
                        octets(descriptor.getBytes(StandardCharsets.US_ASCII))
                                .put("/files/uploaded/flat.vmdk?format=vmdk"),
                        422,
                        "invalid-image")
                .body("detail", containsString("data-file="));
        assertNothingIsHidden("uploaded");
    }

    @Test
    @NeedsQemu
    void anUploadIsConvertedByAJob() throws IOException {
        byte[] bytes = RandomData.disk(new SplittableRandom(7), 5 * MIB);
        Path local = Files.write(folder.resolve("local.raw"), bytes);
        Path volume = file("uploaded/converted.qcow2");
        String query = "?format=raw&target.compress=true&target.compression-type=zstd&target.cluster-size=128K";
        Response answer = octets(bytes).put("/files/uploaded/converted.qcow2" + query);
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(202);
        JsonPath job = ended(answer.header("Location"));
        assertThat(job.getString("state")).as(job.prettify()).isEqualTo("completed");
        assertThat(job.getInt("result.cluster-size")).isEqualTo(128 * KIB);
        assertThat(QemuTools.check(volume).clean()).isTrue();
        assertThat(QemuTools.img("compare", "-f", "raw", "-F", "qcow2", local.toString(), volume.toString())
                        .exitCode())
                .isZero();
        assertNothingIsHidden("uploaded");
        problem(given().post(answer.header("Location") + "/restart"), 409, "already-exists");
        problem(octets(bytes).put("/files/uploaded/x.qcow2?format=raw&target.encrypt=x"), 400, "invalid-option");
        problem(octets(bytes).put("/files/uploaded/x.qcow2?format=raw&target.nonsense=x"), 400, "unknown-key");
    }

    @Test
    @NeedsQemu
    void aWholeUploadIsImportedByARequestForAJob() throws IOException {
        file("uploaded/later.raw");
        Path volume = file("uploaded/imported.qcow2");
        octets(filled(MIB, 5))
                .header("Upload-Complete", "?0")
                .header("Upload-Length", MIB)
                .put("/files/uploaded/later.raw?format=raw");
        String body = """
                {"type": "import", "upload": "uploaded/later.raw", "format": "raw", "target": {"file": "uploaded/imported.qcow2"}}""";
        JsonPath job = ended(start(body));
        assertThat(job.getString("state")).as(job.prettify()).isEqualTo("completed");
        assertThat(QemuTools.check(volume).clean()).isTrue();
        given().head("/files/uploaded/later.raw").then().statusCode(404);
        problem(json(body).post("/jobs"), 409, "already-exists");
        Files.delete(volume);
        problem(json(body).post("/jobs"), 404, "not-found");
        octets(new byte[9]).header("Upload-Complete", "?0").put("/files/uploaded/later.raw?format=raw");
        problem(json(body).post("/jobs"), 409, "in-use").body("detail", containsString("not whole"));
    }

    private String url(String volume) {
        return "http://127.0.0.1:" + port() + "/files/" + volume;
    }
}
