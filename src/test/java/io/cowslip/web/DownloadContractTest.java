package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import io.cowslip.engine.image.export.ExportedImage;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Programs;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Drives and volumes downloaded as files, by RestAssured and by the real curl, with QEMU as the judge. */
@NeedsQemu
class DownloadContractTest extends RunningService {

    @TempDir
    private Path folder;

    /** A volume of text, noise and holes over another, and its raw twin. */
    private static Path makeChain(String name) throws IOException {
        Path base = QemuTools.create(file("d/" + name + "-base.qcow2"), 24L * MIB, "");
        QemuTools.edit(base, "write -P 0x41 0 4M", "write -P 0x42 20M 64k");
        Path raw = file("d/" + name + "-noise.raw");
        Files.write(raw, RandomData.bytes(new SplittableRandom(8), 2 * MIB));
        Path top = QemuTools.createOver(file("d/" + name + ".qcow2"), base.toString(), "qcow2", -1, "");
        QemuTools.edit(top, "write -s " + raw + " 7M 2M", "write -z 1M 512k");
        QemuTools.img("rebase", "-u", "-F", "qcow2", "-b", name + "-base.qcow2", top.toString())
                .succeeded();
        return top;
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "&compress=zlib", "&compress=zstd"})
    void aDriveIsDownloadedAsQcow2(String compress) throws IOException {
        Path image = makeChain("chain");
        open("chain", "d/chain.qcow2");
        Path got = folder.resolve("got.qcow2");
        String curl = curl("-o", got.toString(), url("/drives/chain/image?format=qcow2" + compress));
        assertThat(curl).isEqualTo("200 " + Files.size(got));
        given().delete("/drives/chain").then().statusCode(204);
        assertThat(QemuTools.check(got).clean()).isTrue();
        assertThat(QemuTools.img("compare", image.toString(), got.toString()).exitCode())
                .isZero();
        assertThat(QemuTools.info(got).has("backing-filename")).isFalse();
    }

    @Test
    void aDriveIsDownloadedAsRaw() throws IOException {
        Path image = makeChain("flat");
        open("flat", "d/flat.qcow2");
        Path got = folder.resolve("got.raw");
        assertThat(curl("-o", got.toString(), url("/drives/flat/image?format=raw")))
                .isEqualTo("200 " + 24 * MIB);
        given().delete("/drives/flat").then().statusCode(204);
        assertThat(QemuTools.img("compare", "-f", "qcow2", "-F", "raw", image.toString(), got.toString())
                        .exitCode())
                .isZero();
    }

    @ParameterizedTest
    @CsvSource({"format=raw,raw", "format=qcow2,qcow2", "format=qcow2&compress=zstd,qcow2"})
    void aVolumeIsDownloadedInAnotherForm(String query, String format) throws IOException {
        Path image = makeChain("form");
        Path got = folder.resolve("got");
        assertThat(curl("-o", got.toString(), url("/files/d/form.qcow2?" + query)))
                .startsWith("200 ");
        assertThat(QemuTools.img("compare", "-f", "qcow2", "-F", format, image.toString(), got.toString())
                        .exitCode())
                .isZero();
    }

    @Test
    void aFileIsDownloadedAsItIsAndResumed() throws IOException {
        Path file = file("d/any.raw");
        byte[] bytes = RandomData.disk(new SplittableRandom(3), 3 * MIB + 123);
        Files.write(file, bytes);
        Path got = folder.resolve("got.raw");
        Files.write(got, Arrays.copyOf(bytes, 1_000_001));
        assertThat(curl("-C", "-", "-o", got.toString(), url("/files/d/any.raw")))
                .startsWith("206 ");
        assertThat(got).hasBinaryContent(bytes);
        given().head("/files/d/any.raw")
                .then()
                .statusCode(200)
                .header("Content-Length", String.valueOf(bytes.length))
                .header("Accept-Ranges", "bytes")
                .header("Upload-Complete", "?1")
                .header("Content-Disposition", "attachment; filename=\"any.raw\"")
                .header("ETag", notNullValue());
        String tag = given().head("/files/d/any.raw").header("ETag");
        given().header("If-None-Match", tag).get("/files/d/any.raw").then().statusCode(304);
        Files.write(file, new byte[] {1});
        given().header("If-None-Match", tag).get("/files/d/any.raw").then().statusCode(200);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "&compress=zstd"})
    void aReadOnlyDriveIsResumedWhereItBrokeOff(String compress) throws IOException {
        makeChain("resumed");
        json("{\"id\": \"resumed\", \"file\": \"d/resumed.qcow2\", \"read-only\": true}")
                .post("/drives");
        String path = "/drives/resumed/image?format=qcow2" + compress;
        Path got = folder.resolve("got.qcow2");
        curl("-o", got.toString(), url(path));
        byte[] whole = Files.readAllBytes(got);
        Files.write(got, Arrays.copyOf(whole, 777_777));
        assertThat(curl("-C", "-", "-o", got.toString(), url(path))).startsWith("206 ");
        assertThat(got).hasBinaryContent(whole);
    }

    @Test
    void aWritableDriveIsResumedOnlyAsTheSame() throws IOException {
        createAndOpen("disk", "d/writable.qcow2", "1M");
        write("disk", 0, filled(MIB, 5));
        String path = "/drives/disk/image";
        String tag = given().head(path).header("ETag");
        given().header("Range", "bytes=0-9").get(path).then().statusCode(200);
        given().header("Range", "bytes=0-9")
                .header("If-Range", tag)
                .get(path)
                .then()
                .statusCode(206)
                .header("Content-Range", containsString("bytes 0-9/"));
        write("disk", 0, new byte[] {1});
        given().header("Range", "bytes=0-9")
                .header("If-Range", tag)
                .get(path)
                .then()
                .statusCode(200);
        given().header("If-Match", tag).get(path).then().statusCode(412);
    }

    @Test
    void anotherVersionsFileIsNotResumed() {
        createAndOpen("disk", "d/encoder.qcow2", "1M");
        String path = "/drives/disk/image?compress=zstd";
        String tag = given().head(path).header("ETag");
        assertThat(tag).endsWith("-qcow2-zstd-" + ExportedImage.version(CompressionType.ZSTD) + "\"");
        given().header("Range", "bytes=0-9")
                .header("If-Range", tag)
                .get(path)
                .then()
                .statusCode(206);
        given().header("Range", "bytes=0-9")
                .header("If-Range", tag.replaceFirst("[0-9a-f]{8}\"$", "00000000\""))
                .get(path)
                .then()
                .statusCode(200);
    }

    @Test
    void lengthsAreToldAsFarAsTheyAreKnown() throws IOException {
        createAndOpen("disk", "d/lengths.qcow2", "1G");
        given().head("/drives/disk/image").then().statusCode(200).header("Content-Length", String.valueOf(4 * 65536));
        given().head("/drives/disk/image?compress=zlib")
                .then()
                .statusCode(200)
                .header("Content-Length", nullValue())
                .header("Content-Disposition", "attachment; filename=\"disk.qcow2\"");
        Response empty = given().get("/drives/disk/image");
        assertThat(new String(empty.asByteArray(), 0, 3, StandardCharsets.ISO_8859_1))
                .isEqualTo("QFI");
    }

    @ParameterizedTest
    @ValueSource(strings = {"format=raw", "format=qcow2"})
    void aDiskThatIsWrittenMeanwhileIsBrokenOff(String query) throws IOException {
        createAndOpen("disk", "d/changing.qcow2", "64M");
        write("disk", 0, filled(64 * MIB, 5));
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("GET /drives/disk/image?" + query + " HTTP/1.1");
            long announced = Long.parseLong(connection.receiveHead().headers().get("content-length"));
            // The connection holds some MiB of what is sent; the rest waits for this end.
            connection.receive(MIB);
            write("disk", 60L * MIB, filled(512, 6));
            assertThat(connection.receive((int) announced - MIB)).hasSizeLessThan((int) announced - MIB);
            assertThat(connection.ended()).isTrue();
        }
    }

    @Test
    void whatADriveWritesIsNotDownloadedAsAFile() {
        createAndOpen("disk", "d/busy.qcow2", "1M");
        problem(given().get("/files/d/busy.qcow2"), 409, "in-use").body("detail", containsString("drive \"disk\""));
        problem(given().get("/files/d/missing.qcow2"), 404, "not-found");
        problem(given().get("/files/d/busy.qcow2?compress=zlib"), 400, "invalid-option")
                .body("option", equalTo("compress"));
        problem(given().get("/drives/disk/image?format=vmdk"), 400, "invalid-option")
                .body("option", equalTo("format"));
        problem(given().get("/drives/disk/image?format=raw&compress=zlib"), 400, "invalid-option")
                .body("option", equalTo("compress"));
        problem(given().get("/drives/nobody/image"), 404, "no-such-drive");
    }

    private String url(String path) {
        return "http://127.0.0.1:" + port() + path;
    }

    /** Runs curl, and says which status it got and how many bytes. */
    private static String curl(String... arguments) {
        return Programs.curl(arguments);
    }
}
