package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.nullValue;

import io.cowslip.testing.ForeignKind;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.path.json.JsonPath;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Images of other hypervisors: shown, opened for reading, converted, compared, stood upon, and never written. */
@NeedsQemu
class ForeignFormatContractTest extends RunningService {
    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource(ForeignKind.class)
    void isShownReadAndConverted(ForeignKind kind) throws IOException {
        ForeignKind.Made made = make(kind);
        String volume = volume(made.file());
        JsonPath facts = given().get("/volumes/" + volume).jsonPath();
        boolean shown = !kind.name().startsWith("VPC_FIXED");
        assertThat(facts.getString("[0].format")).isEqualTo(shown ? kind.format() : "raw");
        if (shown) {
            assertThat(facts.getLong("[0].virtual-size")).isEqualTo(made.disk().length);
        }

        String options = "\"format\": \"" + kind.format() + "\"";
        json("{\"id\": \"f\", \"file\": \"" + volume + "\", \"read-only\": true, " + options + "}")
                .post("/drives")
                .then()
                .statusCode(201)
                .body("format", equalTo(kind.format()))
                .body("virtual-size", equalTo(made.disk().length))
                .body("l2-cache", nullValue())
                .body("backing", nullValue());
        assertThat(given().get("/drives/f/data").asByteArray()).isEqualTo(made.disk());
        int from = made.disk().length / 3;
        assertThat(read("f", from, 1000)).isEqualTo(Arrays.copyOfRange(made.disk(), from, from + 1000));
        assertThat(given().get("/drives/f/data/extents").jsonPath().getList("length", Long.class).stream()
                        .mapToLong(Long::longValue)
                        .sum())
                .isEqualTo(made.disk().length);
        given().delete("/drives/f").then().statusCode(204);

        String target = volume + ".qcow2";
        JsonPath job = ended(start("{\"type\": \"convert\", \"file\": \"" + volume + "\", \"options\": {" + options
                + "}, \"target\": {\"file\": \"" + target + "\"}}"));
        assertThat(job.getString("state")).as(job.prettify()).isEqualTo("completed");
        ImageAssertions.assertThat(root().resolve(target)).passesQemuCheck();
        assertThat(QemuTools.compare(made.file(), kind.format(), root().resolve(target), "qcow2")
                        .exitCode())
                .isZero();
        JsonPath compared = ended(start("{\"type\": \"compare\", \"file\": \"" + volume + "\", \"options\": {" + options
                + "}, \"other\": {\"file\": \"" + target + "\"}}"));
        assertThat(compared.getBoolean("result.identical")).isTrue();
    }

    @ParameterizedTest
    @EnumSource(ForeignKind.class)
    void needsNoFormatWhereItsContentSaysSo(ForeignKind kind) throws IOException {
        String volume = volume(make(kind).file());
        String open = "{\"id\": \"f\", \"file\": \"" + volume + "\", \"read-only\": true}";
        if (kind.knownByContent()) {
            json(open).post("/drives").then().statusCode(201).body("format", equalTo(kind.format()));
        } else if (kind.format().equals("vmdk")) {
            problem(json(open).post("/drives"), 400, "invalid-option")
                    .body("option", equalTo("format"))
                    .body("detail", containsString("\"format\": \"vmdk\""));
        } else {
            problem(json(open).post("/drives"), 422, "invalid-image");
        }
    }

    @Test
    void isNeverWritten() throws IOException {
        String volume = volume(make(ForeignKind.VHDX).file());
        byte[] before = Files.readAllBytes(root().resolve(volume));
        problem(json("{\"file\": \"" + volume + "\"}").post("/drives"), 400, "invalid-option")
                .body("option", equalTo("read-only"))
                .body("detail", containsString("convert it to qcow2 first"));
        json("{\"id\": \"f\", \"file\": \"" + volume + "\", \"read-only\": true}")
                .post("/drives")
                .then()
                .statusCode(201);
        problem(
                        given().contentType("application/merge-patch+json")
                                .body("{\"read-only\": false}")
                                .patch("/drives/f"),
                        400,
                        "invalid-option")
                .body("option", equalTo("read-only"));
        problem(octets(new byte[512]).put("/drives/f/data"), 403, "read-only");
        problem(json("{\"name\": \"s\"}").post("/drives/f/snapshots"), 403, "read-only");
        given().get("/drives/f/snapshots").then().statusCode(200).body("$", hasSize(0));
        problem(given().get("/drives/f/bitmaps"), 422, "unsupported-feature");
        JsonPath check = ended(start("{\"type\": \"check\", \"drive\": \"f\"}"));
        assertThat(check.getString("problem.type")).isEqualTo("/problems/unsupported-feature");
        assertThat(Files.readAllBytes(root().resolve(volume))).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource({"vmdk", "vhdx", "vpc", "vdi"})
    void isNeverMade(String format) {
        file("foreign/new");
        problem(
                        json("{\"format\": \"" + format + "\", \"virtual-size\": \"1M\"}")
                                .put("/volumes/foreign/new"),
                        400,
                        "invalid-option")
                .body("option", equalTo("format"))
                .body("detail", containsString("read but not made"));
    }

    @Test
    void anOverlayStandsOnIt() throws IOException {
        ForeignKind.Made made = make(ForeignKind.VMDK_SPLIT);
        String name = made.file().getFileName().toString();
        String folder = volume(made.file()).replace(name, "");
        json("{\"backing-file\": \"" + name + "\", \"backing-format\": \"vmdk\"}")
                .put("/volumes/" + folder + "top.qcow2")
                .then()
                .statusCode(201)
                .body("[0].virtual-size", equalTo(made.disk().length))
                .body("[1].format", equalTo("vmdk"));
        open("top", folder + "top.qcow2");
        byte[] expected = made.disk().clone();
        Arrays.fill(expected, 512, 1536, (byte) 9);
        write("top", 512, filled(1024, 9));
        assertThat(given().get("/drives/top/data").asByteArray()).isEqualTo(expected);
        given().get("/drives/top")
                .then()
                .body("backing.format", equalTo("vmdk"))
                .body("backing.l2-cache", nullValue());
        String extent = volume(made.extents().getFirst());
        problem(given().delete("/volumes/" + extent), 409, "in-use");
        given().delete("/drives/top").then().statusCode(204);
        problem(given().delete("/volumes/" + extent), 409, "in-use").body("detail", containsString("has its data in"));
        Path raw = QemuTools.convert(root().resolve(folder + "top.qcow2"), "qcow2", this.folder.resolve("raw"), "raw");
        assertThat(Files.readAllBytes(raw)).isEqualTo(expected);
    }

    @Test
    void aDescriptorReachesNoFileThatItMayNot() throws IOException {
        Path secret = Files.write(folder.resolve("secret"), filled(MIB, 7));
        Files.write(file("foreign/neighbour.raw"), filled(MIB, 7));
        for (String name : new String[] {
            secret.toString(),
            "../../" + secret,
            root().resolve("foreign/neighbour.raw").toString(),
            "/dev/zero",
            "",
            "nbd:localhost",
            "json:{}",
            "../../../etc/passwd"
        }) {
            Path image = descriptor("foreign/reaching.vmdk", "RW 2048 FLAT \"" + name + "\" 0");
            String open = "{\"file\": \"" + volume(image) + "\", \"read-only\": true, \"format\": \"vmdk\"}";
            int status = json(open).post("/drives").statusCode();
            assertThat(status).as(name).isIn(403, 404, 422);
            assertThat(given().get("/volumes/" + volume(image)).statusCode())
                    .as(name)
                    .isIn(403, 404, 422);
        }
        Path image = descriptor("foreign/inside.vmdk", "RW 2048 FLAT \"neighbour.raw\" 0");
        problem(
                json("{\"file\": \"" + volume(image) + "\", \"read-only\": true}")
                        .post("/drives"),
                400,
                "invalid-option");
        problem(
                json("{\"file\": \"" + volume(image) + "\", \"read-only\": true, \"format\": \"vhdx\"}")
                        .post("/drives"),
                422,
                "invalid-image");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "RW 2048 SESPARSE \"x\"       | unsupported-feature",
                "RW 2048 FLAT \"neighbour.raw\" 1 | invalid-image",
                "RW 99999999999999 ZERO       | invalid-image",
                "NOACCESS 2048 ZERO           | unsupported-feature",
                "RW 2048 SPARSE \"neighbour.raw\" | invalid-image",
                "RW 2048                      | invalid-image"
            })
    void descriptorsThatCannotBeRead(String line, String type) throws IOException {
        Files.write(file("foreign/neighbour.raw"), filled(MIB, 7));
        Path image = descriptor("foreign/wrong.vmdk", line);
        problem(
                json("{\"file\": \"" + volume(image) + "\", \"read-only\": true, \"format\": \"vmdk\"}")
                        .post("/drives"),
                422,
                type);
    }

    @ParameterizedTest
    @EnumSource(names = {"VDI", "VPC", "VPC_FIXED_EXACT", "VMDK", "VMDK_STREAM", "VHDX_SMALL_BLOCKS"})
    void isUploadedAndConverted(ForeignKind kind) throws IOException {
        ForeignKind.Made made = make(kind);
        byte[] image = Files.readAllBytes(made.file());
        String query = "?format=" + kind.format();
        Path volume = file("foreign/uploaded." + kind.format());
        octets(image)
                .put("/files/foreign/uploaded." + kind.format() + query)
                .then()
                .statusCode(201)
                .body("[0].format", equalTo(kind.format()))
                .body("[0].virtual-size", equalTo(made.disk().length));
        assertThat(volume).hasBinaryContent(image);
        Path target = file("foreign/uploaded.qcow2");
        String job = octets(image)
                .put("/files/foreign/uploaded.qcow2" + query + "&target.format=qcow2")
                .then()
                .statusCode(202)
                .extract()
                .header("Location");
        JsonPath ended = ended(job);
        assertThat(ended.getString("state")).as(ended.prettify()).isEqualTo("completed");
        assertThat(QemuTools.compare(made.file(), kind.format(), target, "qcow2")
                        .exitCode())
                .isZero();
        String other = kind.format().equals("vdi") ? "vhdx" : "vdi";
        file("foreign/mistaken");
        problem(
                octets(Arrays.copyOf(image, 4096)).put("/files/foreign/mistaken?format=" + other),
                422,
                "invalid-image");
    }

    @Test
    void anUploadNamesOtherFilesOnlyWhereThatIsAllowed() throws IOException {
        Files.write(file("foreign/flat.raw"), filled(MIB, 7));
        byte[] text = Files.readAllBytes(descriptor("foreign/source.vmdk", "RW 2048 FLAT \"flat.raw\" 0"));
        file("foreign/naming.vmdk");
        problem(octets(text).put("/files/foreign/naming.vmdk?format=vmdk"), 422, "invalid-image")
                .body("detail", containsString("data-file="));
        octets(text)
                .put("/files/foreign/naming.vmdk?format=vmdk&data-file=foreign/flat.raw")
                .then()
                .statusCode(201)
                .body("[0].format-specific.data.extents[0].filename", equalTo("foreign/flat.raw"))
                .body("[0].format-specific.data.cid", equalTo(0x12345678));
    }

    /** What a raw disk looks like is its guest's doing, and keeps nobody from uploading or copying it. */
    @Test
    void aRawDiskMayLookLikeADamagedImage() throws IOException {
        byte[] disk = filled(MIB, 0);
        byte[] looks = "KDMV".getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(looks, 0, disk, 0, looks.length);
        file("foreign/looks.raw");
        octets(disk).put("/files/foreign/looks.raw?format=raw").then().statusCode(201);
        Path copy = file("foreign/copy.raw");
        JsonPath job = ended(start("""
                {"type": "convert", "file": "foreign/looks.raw", "options": {"format": "raw"},
                 "target": {"file": "foreign/copy.raw", "format": "raw"}}"""));
        assertThat(job.getString("result.format")).as(job.prettify()).isEqualTo("raw");
        assertThat(copy).hasBinaryContent(disk);
        Files.write(file("foreign/unsaid.raw"), disk);
        problem(given().get("/volumes/foreign/unsaid.raw"), 422, "unsupported-feature");
    }

    @Test
    void parentsAreNamedAsWhatIsNotRead() throws IOException {
        Path base = ForeignKind.VMDK.create(file("foreign/base.vmdk"), MIB);
        Path child = file("foreign/child.vmdk");
        QemuTools.img("create", "-q", "-f", "vmdk", "-b", base.toString(), "-F", "vmdk", child.toString())
                .succeeded();
        problem(
                        json("{\"file\": \"foreign/child.vmdk\", \"read-only\": true}")
                                .post("/drives"),
                        422,
                        "unsupported-feature")
                .body("detail", containsString("parent"));
    }

    private static Path descriptor(String volume, String extent) throws IOException {
        return Files.writeString(file(volume), """
                # Disk DescriptorFile
                version=1
                CID=12345678
                parentCID=ffffffff
                createType="monolithicFlat"
                %s
                """.formatted(extent), StandardCharsets.UTF_8);
    }

    private static String volume(Path image) {
        return root().relativize(image).toString();
    }

    private static ForeignKind.Made make(ForeignKind kind) throws IOException {
        Path place = root().resolve("foreign-" + kind.name().toLowerCase(java.util.Locale.ROOT));
        Files.createDirectories(place);
        try (Stream<Path> old = Files.list(place)) {
            for (Path file : old.toList()) {
                Files.delete(file);
            }
        }
        return kind.make(place, new SplittableRandom(kind.ordinal()), 5 * MIB);
    }
}
