package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;

import io.cowslip.testing.NameSwap;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Names that lead elsewhere, in requests and inside images, one nested class for each class of attack on record. What must
 * never be seen is a file outside the image root, which is there and could be read; what must never be told is a name that
 * stands in an image.
 */
@Timeout(120)
class HostilePathsTest extends RunningService {
    private static final String CANARY = "canary-of-the-host";
    private static final Path OUTSIDE = newOutside();

    private static Path newOutside() {
        try {
            Path folder = Files.createTempDirectory("outside-the-image-root").toRealPath();
            Files.write(folder.resolve("secret.raw"), content());
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] content() {
        return Arrays.copyOf(CANARY.getBytes(StandardCharsets.US_ASCII), MIB);
    }

    private static String secret() {
        return OUTSIDE.resolve("secret.raw").toString();
    }

    /** The same by a relative name, from a folder of the image root. */
    private static String above() {
        return root().resolve("hostile")
                .relativize(OUTSIDE.resolve("secret.raw"))
                .toString();
    }

    @AfterEach
    void nothingOutsideHasChanged() throws IOException {
        assertThat(OUTSIDE.resolve("secret.raw")).hasBinaryContent(content());
        try (Stream<Path> files = Files.list(OUTSIDE)) {
            assertThat(files).containsExactly(OUTSIDE.resolve("secret.raw"));
        }
    }

    /** A refusal that is the caller's to mend, and tells nothing of the host, nor what an image says. */
    private static void assertRefused(String what, Response answer, String... secrets) {
        String body = answer.asString();
        assertThat(answer.statusCode()).as(what + ": " + body).isBetween(400, 422);
        assertThat(body).as(what).doesNotContain(CANARY);
        assertTellsNone(what, body, secrets);
    }

    private static void assertTellsNone(String what, String text, String... secrets) {
        for (String secret : secrets) {
            assertThat(text).as(what).doesNotContain(secret);
        }
    }

    private static String quoted(String name) {
        return name.replace("\\", "\\\\")
                .replace("\"", "\\\"")
                .replace("\n", "\\n")
                .replace("\u0000", "\\u0000");
    }

    /** A job is refused at once, or fails. */
    private static void assertJobRefused(String what, String body, String... secrets) {
        Response answer = json(body).post("/jobs");
        if (answer.statusCode() == 202) {
            JsonPath job = ended(answer.header("Location"));
            assertThat(job.getString("state")).as(what + ": " + job.prettify()).isEqualTo("failed");
            assertThat(job.prettify()).doesNotContain(CANARY);
            assertTellsNone(what, job.getString("problem"), secrets);
        } else {
            assertRefused(what, answer, secrets);
        }
    }

    static Stream<String> hostileNames() {
        return Stream.of(
                secret(),
                "../" + OUTSIDE.getFileName() + "/secret.raw",
                above(),
                "hostile/../../" + OUTSIDE.getFileName() + "/secret.raw",
                "//" + secret(),
                "./../" + OUTSIDE.getFileName() + "/secret.raw",
                "json:{\"driver\":\"file\",\"filename\":\"" + secret() + "\"}",
                "json:{}",
                "file:" + secret(),
                "file://" + secret(),
                "nbd://127.0.0.1:10809/x",
                "http://127.0.0.1/x",
                "fd:3",
                "/dev/zero",
                "/proc/self/environ",
                "/proc/self/fd/1",
                "..\\..\\" + OUTSIDE.getFileName() + "\\secret.raw",
                "hostile\\..\\..\\secret.raw",
                "%2e%2e%2f" + OUTSIDE.getFileName() + "%2fsecret.raw",
                "hostile/disk\u0000.raw",
                "hostile/disk\n.raw",
                "hostile/" + "n".repeat(300),
                "d/".repeat(3000) + "x",
                "hostile/.../x",
                "hostile/..",
                "hostile/.",
                "hostile/none.",
                "~/x",
                "");
    }

    @Nested
    @DisplayName("Names in requests")
    class NamesInRequests {
        @ParameterizedTest
        @MethodSource("io.cowslip.web.HostilePathsTest#hostileNames")
        void bodiesNameNothingOutside(String name) throws IOException {
            Files.write(file("hostile/own.raw"), filled(MIB, 1));
            String quoted = quoted(name);
            assertRefused(
                    "a drive",
                    json("{\"file\": \"" + quoted + "\", \"format\": \"raw\", \"read-only\": true}")
                            .post("/drives"));
            file("hostile/new.qcow2");
            assertRefused(
                    "a backing file",
                    json("{\"backing-file\": \"" + quoted + "\", \"backing-format\": \"raw\"}")
                            .put("/volumes/hostile/new.qcow2"));
            assertRefused(
                    "a clone",
                    json("{\"clone-of\": \"" + quoted + "\", \"backing-format\": \"raw\"}")
                            .put("/volumes/hostile/new.qcow2"));
            assertJobRefused(
                    "a conversion",
                    "{\"type\": \"convert\", \"file\": \"" + quoted
                            + "\", \"options\": {\"format\": \"raw\"}, \"target\": {\"file\": \"hostile/new.qcow2\"}}");
            assertJobRefused("a check", "{\"type\": \"check\", \"file\": \"" + quoted + "\"}");
            assertThat(root().resolve("hostile/new.qcow2")).doesNotExist();
        }

        @ParameterizedTest
        @ValueSource(
                strings = {
                    "../../outside/made.raw",
                    "/tmp/hostile-made.raw",
                    "json:{}",
                    "nbd:x",
                    "hostile/../../made.raw",
                    "hostile/.hidden",
                    "hostile/a\nb"
                })
        void nothingIsMadeOutside(String name) {
            assertJobRefused(
                    "a target",
                    "{\"type\": \"convert\", \"file\": \"hostile/own.raw\", \"options\": {\"format\": \"raw\"},"
                            + " \"target\": {\"file\": \"" + quoted(name) + "\"}}");
            file("hostile/split.qcow2");
            if (!name.startsWith("hostile/")) {
                assertRefused(
                        "a data file",
                        json("{\"virtual-size\": \"1M\", \"data-file\": \"" + quoted(name) + "\"}")
                                .put("/volumes/hostile/split.qcow2"));
            }
            assertThat(Path.of("/tmp/hostile-made.raw")).doesNotExist();
        }

        @ParameterizedTest
        @ValueSource(
                strings = {
                    "../{outside}/secret.raw",
                    "%2e%2e/{outside}/secret.raw",
                    "..%2f{outside}%2fsecret.raw",
                    "%252e%252e%252f{outside}%252fsecret.raw",
                    "hostile/..%2f..%2f{outside}%2fsecret.raw",
                    "..%5c{outside}%5csecret.raw",
                    "%c0%ae%c0%ae/{outside}/secret.raw",
                    "%c0%ae%c0%ae%c0%af{outside}/secret.raw",
                    "%e0%80%ae%e0%80%ae/{outside}/secret.raw",
                    "..;/{outside}/secret.raw",
                    ".%00./{outside}/secret.raw",
                    "hostile/own.raw%00",
                    "hostile/own.raw%0a",
                    "%2f{outside}/secret.raw",
                    "/{outside}/secret.raw",
                    "hostile//own.raw",
                    "hostile/./own.raw.",
                    "file:%2f%2f{outside}/secret.raw"
                })
        void pathsOfRequestsLeadNowhere(String path) throws IOException {
            Files.write(file("hostile/own.raw"), content());
            String target = path.replace("{outside}", OUTSIDE.getFileName().toString());
            for (String prefix : List.of("/files/", "/volumes/")) {
                for (String method : List.of("GET", "HEAD", "DELETE")) {
                    try (RawConnection connection = new RawConnection(port())) {
                        connection.head(method + " " + prefix + target + " HTTP/1.1");
                        assertThat(connection.receiveHead().status())
                                .as(method + " " + prefix + target)
                                .isBetween(400, 422);
                    }
                }
            }
            assertThat(root().resolve("hostile/own.raw")).hasBinaryContent(content());
        }
    }

    /** Makes what an operator, or somebody with access to the folder, would have placed there. */
    private static void overlay(String volume, String backing, String format) {
        Path image = QemuTools.create(file(volume), MIB, "");
        QemuTools.img("rebase", "-u", "-F", format, "-b", backing, image.toString())
                .succeeded();
    }

    static Stream<String> namesInImages() {
        return hostileNames().filter(name -> !name.isEmpty() && name.length() < 1000 && name.indexOf('\0') < 0);
    }

    @Nested
    @NeedsQemu
    @DisplayName(
            "Backing file names a host file: CVE-2011-3147, CVE-2015-5163, CVE-2014-0134, CVE-2026-27211; protocols: CVE-2024-4467")
    class BackingFileNamesAHostFile {
        @ParameterizedTest
        @MethodSource("io.cowslip.web.HostilePathsTest#namesInImages")
        void noChainLeadsOut(String name) throws IOException {
            overlay("hostile/over.qcow2", name, "raw");
            String image = "\"file\": \"hostile/over.qcow2\"";
            assertRefused("a drive", json("{" + image + "}").post("/drives"), name);
            assertRefused("the facts", given().get("/volumes/hostile/over.qcow2"), name);
            file("hostile/new.qcow2");
            assertJobRefused(
                    "a conversion",
                    "{\"type\": \"convert\", " + image + ", \"target\": {\"file\": \"hostile/new.qcow2\"}}",
                    name);
            assertJobRefused("a map", "{\"type\": \"map\", " + image + "}", name);
            assertJobRefused("a commit", "{\"type\": \"commit\", " + image + "}", name);
            assertJobRefused("a rebase", "{\"type\": \"rebase\", " + image + ", \"backing-file\": null}", name);
            assertRefused("a download", given().get("/files/hostile/over.qcow2?format=raw"), name);
            assertRefused(
                    "a clone", json("{\"clone-of\": \"hostile/over.qcow2\"}").put("/volumes/hostile/new.qcow2"), name);
            byte[] bytes = Files.readAllBytes(root().resolve("hostile/over.qcow2"));
            file("hostile/up.qcow2");
            assertRefused("an upload", octets(bytes).put("/files/hostile/up.qcow2"), name);
            Files.write(file("hostile/own.raw"), filled(MIB, 1));
            assertRefused(
                    "an upload that names another",
                    octets(bytes).put("/files/hostile/up.qcow2?backing-file=hostile/own.raw"),
                    name);
            assertThat(root().resolve("hostile/up.qcow2")).doesNotExist();
        }

        @Test
        void anUploadStandsOnWhatTheRequestNamesOnly() throws IOException {
            Files.write(file("hostile/mine.raw"), filled(MIB, 1));
            Files.write(file("hostile/other.raw"), content());
            overlay("hostile/over.qcow2", "other.raw", "raw");
            byte[] bytes = Files.readAllBytes(root().resolve("hostile/over.qcow2"));
            file("hostile/up.qcow2");
            String path = "/files/hostile/up.qcow2";
            problem(octets(bytes).put(path), 422, "invalid-image").body("option", equalTo("backing-file"));
            problem(octets(bytes).put(path + "?backing-file=hostile/mine.raw"), 422, "invalid-image")
                    .body("option", equalTo("backing-file"));
            problem(octets(bytes).put(path + "?backing-file=" + "..%2fsecret.raw"), 403, "forbidden-path");
            octets(bytes).put(path + "?backing-file=hostile/other.raw").then().statusCode(201);
        }

        @Test
        @DisplayName("What an upload did not name it never names, unless a request says so")
        void theOriginOfAnImageIsKept() throws IOException {
            Files.write(file("hostile/other.raw"), content());
            Path local = QemuTools.create(file("hostile/local.qcow2"), MIB, "");
            Path volume = file("hostile/up.qcow2");
            octets(Files.readAllBytes(local))
                    .put("/files/hostile/up.qcow2")
                    .then()
                    .statusCode(201);
            QemuTools.img("rebase", "-u", "-F", "raw", "-b", "other.raw", volume.toString())
                    .succeeded();
            problem(json("{\"file\": \"hostile/up.qcow2\"}").post("/drives"), 422, "invalid-image")
                    .body("option", equalTo("backing-file"));
            problem(given().get("/volumes/hostile/up.qcow2"), 422, "invalid-image");
            json("{\"backing-file\": \"other.raw\", \"backing-format\": \"raw\"}")
                    .contentType("application/json")
                    .patch("/volumes/hostile/up.qcow2")
                    .then()
                    .statusCode(200);
            open("hostile", "hostile/up.qcow2");
            assertThat(new String(read("hostile", 0, CANARY.length()), StandardCharsets.US_ASCII))
                    .isEqualTo(CANARY);
        }

        @Test
        void aFormatThatNobodySaysIsNotGuessed() throws IOException {
            Files.write(
                    file("hostile/base"), Files.readAllBytes(QemuTools.create(file("hostile/real.qcow2"), MIB, "")));
            overlay("hostile/over.qcow2", "base", "qcow2");
            byte[] image = Files.readAllBytes(root().resolve("hostile/over.qcow2"));
            int format = new String(image, StandardCharsets.ISO_8859_1).indexOf("\u00e2\u0079\u002a\u00ca");
            // The extension that names the format becomes an unknown one.
            image[format] = 0x11;
            Files.write(root().resolve("hostile/over.qcow2"), image);
            problem(json("{\"file\": \"hostile/over.qcow2\"}").post("/drives"), 400, "invalid-option")
                    .body("option", equalTo("backing"));
            json("{\"id\": \"said\", \"file\": \"hostile/over.qcow2\", \"backing\": {\"format\": \"qcow2\"}}")
                    .post("/drives")
                    .then()
                    .statusCode(201);
        }
    }

    /** Puts another name in the place of a data file's. */
    private static void nameDataFile(Path image, String name) throws IOException {
        byte[] bytes = Files.readAllBytes(image);
        int at = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("DATA");
        int oldLength = (bytes[at + 6] & 0xFF) << 8 | bytes[at + 7] & 0xFF;
        byte[] text = name.getBytes(StandardCharsets.UTF_8);
        assertThat(text.length).isLessThanOrEqualTo(oldLength);
        Arrays.fill(bytes, at + 8, at + 8 + oldLength, (byte) 0);
        System.arraycopy(text, 0, bytes, at + 8, text.length);
        bytes[at + 6] = (byte) (text.length >> 8);
        bytes[at + 7] = (byte) text.length;
        Files.write(image, bytes);
    }

    private static Path withDataFile(String volume) {
        Path longName = root().resolve("hostile").resolve("placeholder-".repeat(20));
        return QemuTools.create(file(volume), MIB, "data_file=" + longName);
    }

    @Nested
    @NeedsQemu
    @DisplayName("External data file: CVE-2024-32498, CVE-2024-40767, CVE-2024-44082; protocols in it: CVE-2024-4467")
    class ExternalDataFile {
        @ParameterizedTest
        @MethodSource("io.cowslip.web.HostilePathsTest#namesInImages")
        void noDataIsReadOutside(String name) throws IOException {
            Path image = withDataFile("hostile/data.qcow2");
            if (name.length() > 200) {
                return;
            }
            nameDataFile(image, name);
            String file = "\"file\": \"hostile/data.qcow2\"";
            assertRefused("a drive", json("{" + file + "}").post("/drives"), name);
            file("hostile/new.qcow2");
            assertJobRefused(
                    "a conversion",
                    "{\"type\": \"convert\", " + file + ", \"target\": {\"file\": \"hostile/new.qcow2\"}}",
                    name);
            assertRefused("a download", given().get("/files/hostile/data.qcow2?format=raw"), name);
            byte[] bytes = Files.readAllBytes(image);
            file("hostile/up.qcow2");
            assertRefused("an upload", octets(bytes).put("/files/hostile/up.qcow2"), name);
            Files.write(file("hostile/own.raw"), filled(MIB, 1));
            assertRefused(
                    "an upload that names another",
                    octets(bytes).put("/files/hostile/up.qcow2?data-file=hostile/own.raw"),
                    name);
            // The facts of an image do not need its data file, and nobody looks for it.
            Response facts = given().get("/volumes/hostile/data.qcow2");
            assertThat(facts.asString()).doesNotContain(CANARY);
        }

        @Test
        void aDataFileIsNotTheImageNorInItsChain() throws IOException {
            Path own = withDataFile("hostile/own.qcow2");
            nameDataFile(own, "own.qcow2");
            problem(json("{\"file\": \"hostile/own.qcow2\"}").post("/drives"), 422, "invalid-image");
            Files.createLink(file("hostile/alias"), own);
            nameDataFile(own, "alias");
            problem(json("{\"file\": \"hostile/own.qcow2\"}").post("/drives"), 422, "invalid-image");
            Files.write(file("hostile/base.raw"), content());
            Path image = withDataFile("hostile/both.qcow2");
            QemuTools.img("rebase", "-u", "-F", "raw", "-b", "base.raw", image.toString())
                    .succeeded();
            nameDataFile(image, "base.raw");
            problem(
                    json("{\"file\": \"hostile/both.qcow2\", \"read-only\": true}")
                            .post("/drives"),
                    422,
                    "invalid-image");
        }
    }

    @Nested
    @NeedsQemu
    @DisplayName("Chain loops, depth: cloud-hypervisor#6472")
    class ChainLoops {
        private void assertLoops(String volume) {
            problem(json("{\"file\": \"" + volume + "\"}").post("/drives"), 422, "invalid-image");
            problem(given().get("/volumes/" + volume), 422, "invalid-image");
        }

        @Test
        void aChainThatComesBackIsRefused() throws IOException {
            overlay("hostile/self.qcow2", "self.qcow2", "qcow2");
            assertLoops("hostile/self.qcow2");
            overlay("hostile/a.qcow2", "b.qcow2", "qcow2");
            overlay("hostile/b.qcow2", "a.qcow2", "qcow2");
            assertLoops("hostile/a.qcow2");
        }

        @Test
        void itIsTheFileThatCountsAndNotItsName() throws IOException {
            overlay("hostile/top.qcow2", "hard.qcow2", "qcow2");
            Files.createLink(file("hostile/hard.qcow2"), root().resolve("hostile/top.qcow2"));
            assertLoops("hostile/top.qcow2");
            overlay("hostile/top.qcow2", "soft.qcow2", "qcow2");
            Files.createSymbolicLink(file("hostile/soft.qcow2"), Path.of("top.qcow2"));
            assertLoops("hostile/top.qcow2");
            overlay("hostile/top.qcow2", root().resolve("hostile/top.qcow2").toString(), "qcow2");
            assertLoops("hostile/top.qcow2");
        }

        @Test
        void aChainHasAnEndSomewhere() throws IOException {
            byte[] image = null;
            for (int i = 0; i < 202; i++) {
                String below = String.format("%03d.qcow2", i + 1);
                if (image == null) {
                    overlay("hostile/deep/000.qcow2", below, "qcow2");
                    image = Files.readAllBytes(root().resolve("hostile/deep/000.qcow2"));
                } else {
                    int at = new String(image, StandardCharsets.ISO_8859_1).indexOf(String.format("%03d.qcow2", i));
                    System.arraycopy(below.getBytes(StandardCharsets.US_ASCII), 0, image, at, below.length());
                    Files.write(file("hostile/deep/" + String.format("%03d.qcow2", i)), image);
                }
            }
            assertRefused(
                    "a drive", json("{\"file\": \"hostile/deep/000.qcow2\"}").post("/drives"));
            assertRefused("the facts", given().get("/volumes/hostile/deep/000.qcow2"));
            Processes.run(
                    Duration.ofMinutes(1),
                    List.of("rm", "-r", root().resolve("hostile/deep").toString()));
        }
    }

    @Nested
    @DisplayName("VMDK/OVA descriptors: CVE-2022-47951")
    class VmdkDescriptors {
        private String descriptor(String extent) {
            return "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
                    + extent + "\n";
        }

        @ParameterizedTest
        @ValueSource(
                strings = {
                    "{secret}",
                    "{above}",
                    "json:{}",
                    "nbd:x",
                    "file:{secret}",
                    "./{above}",
                    "/dev/zero",
                    "..\\..\\secret.raw",
                    "link"
                })
        void extentsAreBelowTheRoot(String name) throws IOException {
            String extent = name.replace("{secret}", secret()).replace("{above}", above());
            Files.createSymbolicLink(file("hostile/link"), OUTSIDE.resolve("secret.raw"));
            byte[] text = descriptor("RW 2048 FLAT \"" + extent + "\" 0").getBytes(StandardCharsets.US_ASCII);
            Files.write(file("hostile/disk.vmdk"), text);
            String secretText = extent.length() > 5 ? extent : "not to be found";
            for (String options : List.of("\"read-only\": true", "\"read-only\": true, \"format\": \"vmdk\"")) {
                assertRefused(
                        "a drive",
                        json("{\"file\": \"hostile/disk.vmdk\", " + options + "}")
                                .post("/drives"),
                        secretText);
            }
            assertRefused("the facts", given().get("/volumes/hostile/disk.vmdk"), secretText);
            file("hostile/up.vmdk");
            assertRefused("an upload", octets(text).put("/files/hostile/up.vmdk?format=vmdk"), secretText);
            Files.write(file("hostile/own.raw"), filled(MIB, 1));
            assertRefused(
                    "an upload that names another",
                    octets(text).put("/files/hostile/up.vmdk?format=vmdk&data-file=hostile/own.raw"),
                    secretText);
        }

        @Test
        void descriptorsAreBounded() throws IOException {
            byte[] text = Arrays.copyOf(descriptor("RW 2048 ZERO").getBytes(StandardCharsets.US_ASCII), 70 * MIB);
            Arrays.fill(text, 200, text.length, (byte) ' ');
            Files.write(file("hostile/long.vmdk"), text);
            assertRefused("the facts", given().get("/volumes/hostile/long.vmdk"));
            assertRefused(
                    "a drive",
                    json("{\"file\": \"hostile/long.vmdk\", \"format\": \"vmdk\", \"read-only\": true}")
                            .post("/drives"));
            Files.delete(root().resolve("hostile/long.vmdk"));
        }
    }

    @Nested
    @DisplayName("Symlinks, special files, races: Incus CVE-2026-23954, KubeVirt CVE-2025-64324, Ironic CVE-2026-44919")
    class SpecialFiles {
        @Test
        @NeedsQemu
        void onlyRegularFilesAreOpened() throws IOException {
            Set<String> made = new HashSet<>();
            for (List<String> command : List.of(
                    List.of("mkfifo", file("hostile/fifo").toString()),
                    List.of("mknod", file("hostile/zero").toString(), "c", "1", "5"),
                    List.of("mkdir", file("hostile/folder").toString()))) {
                if (Processes.run(Duration.ofSeconds(30), command).exitCode() == 0) {
                    made.add(command.get(1));
                }
            }
            Files.createSymbolicLink(file("hostile/to-zero"), Path.of("/dev/zero"));
            for (String name : List.of("fifo", "zero", "folder", "to-zero")) {
                String volume = "hostile/" + name;
                assertRefused(
                        name,
                        json("{\"file\": \"" + volume + "\", \"format\": \"raw\"}")
                                .post("/drives"));
                assertRefused(name, given().get("/volumes/" + volume));
                assertRefused(name, given().get("/files/" + volume));
                assertRefused(name, given().delete("/volumes/" + volume));
                overlay("hostile/over.qcow2", name, "raw");
                assertRefused(name, json("{\"file\": \"hostile/over.qcow2\"}").post("/drives"));
                assertJobRefused(
                        name,
                        "{\"type\": \"convert\", \"file\": \"" + volume
                                + "\", \"options\": {\"format\": \"raw\"}, \"target\": {\"file\": \"hostile/new.qcow2\"}}");
            }
            assertThat(made).isNotEmpty();
            Processes.run(
                    Duration.ofSeconds(30),
                    List.of(
                            "rm",
                            "-rf",
                            root().resolve("hostile/fifo").toString(),
                            root().resolve("hostile/zero").toString()));
            Files.delete(root().resolve("hostile/folder"));
            Files.delete(root().resolve("hostile/to-zero"));
        }

        @Test
        void anUploadDoesNotFollowALinkInItsPlace() throws IOException {
            byte[] bytes = filled(64 * KIB, 3);
            file("hostile/planted.raw");
            octets(bytes)
                    .header("Upload-Complete", "?0")
                    .put("/files/hostile/planted.raw?format=raw")
                    .then()
                    .statusCode(201);
            List<Path> hidden;
            try (Stream<Path> files = Files.list(root().resolve("hostile"))) {
                hidden = files.filter(file -> file.getFileName().toString().startsWith(".planted"))
                        .toList();
            }
            assertThat(hidden).hasSize(2);
            for (Path file : hidden) {
                Files.delete(file);
                Files.createSymbolicLink(file, OUTSIDE.resolve("secret.raw"));
            }
            assertRefused(
                    "going on",
                    given().contentType("application/partial-upload")
                            .body(bytes)
                            .header("Upload-Offset", bytes.length)
                            .header("Upload-Complete", "?1")
                            .patch("/files/hostile/planted.raw?format=raw"));
            octets(bytes).put("/files/hostile/planted.raw?format=raw").then().statusCode(201);
            assertThat(root().resolve("hostile/planted.raw")).hasBinaryContent(bytes);
        }

        @Test
        void anUploadWithASecondNameBecomesNoVolume() throws IOException {
            byte[] bytes = filled(64 * KIB, 3);
            file("hostile/linked.raw");
            octets(bytes)
                    .header("Upload-Complete", "?0")
                    .put("/files/hostile/linked.raw?format=raw")
                    .then()
                    .statusCode(201);
            Path content;
            try (Stream<Path> files = Files.list(root().resolve("hostile"))) {
                content = files.filter(file -> file.getFileName().toString().matches("\\.linked.*\\.upload"))
                        .findFirst()
                        .orElseThrow();
            }
            Path second = Files.createLink(file("hostile/second.raw"), content);
            Response last = given().contentType("application/partial-upload")
                    .body(bytes)
                    .header("Upload-Offset", bytes.length)
                    .header("Upload-Complete", "?1")
                    .patch("/files/hostile/linked.raw?format=raw");
            problem(last, 403, "forbidden-path");
            assertThat(root().resolve("hostile/linked.raw")).doesNotExist();
            Files.delete(second);
            given().delete("/files/hostile/linked.raw").then().statusCode(204);
        }

        @Test
        @DisplayName("Folders are swapped for links that lead out while requests read, write, make and delete")
        void requestsRaceWithLinks() throws IOException {
            Path inside = root().resolve("hostile/race");
            Files.createDirectories(inside);
            Files.write(inside.resolve("secret.raw"), filled(MIB, 1));
            Path link = Files.createSymbolicLink(file("hostile/race-link"), OUTSIDE);
            try (NameSwap swap = NameSwap.of(inside, link)) {
                for (int i = 0; i < 100; i++) {
                    String body = given().get("/files/hostile/race/secret.raw?source-format=raw")
                            .asString();
                    assertThat(body).doesNotContain(CANARY);
                    Response opened =
                            json("{\"id\": \"race\", \"file\": \"hostile/race/secret.raw\", \"format\": \"raw\"}")
                                    .post("/drives");
                    if (opened.statusCode() == 201) {
                        assertThat(given().get("/drives/race/data").asString()).doesNotContain(CANARY);
                        octets(filled(16, 2)).put("/drives/race/data?flush=n");
                        given().delete("/drives/race");
                    }
                    json("{\"format\": \"raw\", \"virtual-size\": 65536}").put("/volumes/hostile/race/made.raw");
                    given().delete("/volumes/hostile/race/made.raw");
                }
                assertThat(swap.swaps()).isPositive();
            }
            Processes.run(
                    Duration.ofSeconds(30),
                    List.of(
                            "rm",
                            "-rf",
                            inside.toString(),
                            root().resolve("hostile/race-link").toString()));
        }
    }

    @Nested
    @NeedsQemu
    @DisplayName("Format confusion: CVE-2026-24708, OSSA-2024-002")
    class FormatConfusion {
        /** What a guest writes to its disk: the header of an image that stands on somebody else's volume. */
        private byte[] header() throws IOException {
            Files.write(file("hostile/victim.raw"), content());
            overlay("hostile/header.qcow2", "victim.raw", "raw");
            byte[] header = Files.readAllBytes(root().resolve("hostile/header.qcow2"));
            Files.delete(root().resolve("hostile/header.qcow2"));
            return header;
        }

        private void assertStillRaw(String volume, byte[] header) throws IOException {
            open("confused", volume);
            given().get("/drives/confused").then().body("format", equalTo("raw"));
            assertThat(read("confused", 0, header.length)).isEqualTo(header);
            given().delete("/drives/confused").then().statusCode(204);
            given().get("/volumes/" + volume).then().statusCode(200).body("[0].format", equalTo("raw"));
            problem(
                            json("{\"file\": \"" + volume + "\", \"format\": \"qcow2\"}")
                                    .post("/drives"),
                            400,
                            "invalid-option")
                    .body("option", equalTo("format"));
            file("hostile/copy.raw");
            JsonPath copied = ended(start("{\"type\": \"convert\", \"file\": \"" + volume
                    + "\", \"target\": {\"file\": \"hostile/copy.raw\", \"format\": \"raw\"}}"));
            assertThat(copied.getString("state")).as(copied.prettify()).isEqualTo("completed");
            assertThat(Arrays.copyOf(Files.readAllBytes(root().resolve("hostile/copy.raw")), header.length))
                    .isEqualTo(header);
            given().get("/volumes/hostile/copy.raw").then().statusCode(200).body("[0].format", equalTo("raw"));
            JsonPath resized =
                    ended(start("{\"type\": \"resize\", \"file\": \"" + volume + "\", \"virtual-size\": \"4M\"}"));
            assertThat(resized.getString("state")).as(resized.prettify()).isEqualTo("completed");
            assertThat(resized.getString("result[0].format") + resized.getString("result.format"))
                    .contains("raw");
            assertThat(given().get("/files/" + volume + "?format=raw").asByteArray())
                    .startsWith(header);
            String file = "\"file\": \"" + volume + "\"";
            assertJobRefused("a check", "{\"type\": \"check\", " + file + "}");
            assertJobRefused("a repair", "{\"type\": \"check\", " + file + ", \"repair\": \"all\"}");
            assertJobRefused("a rebase", "{\"type\": \"rebase\", " + file + ", \"backing-file\": null}");
            assertJobRefused(
                    "the same, unsafe",
                    "{\"type\": \"rebase\", " + file + ", \"backing-file\": null, \"unsafe\": true}");
            assertJobRefused("a commit", "{\"type\": \"commit\", " + file + "}");
            assertJobRefused("an amendment", "{\"type\": \"amend\", " + file + ", \"lazy-refcounts\": true}");
            assertRefused("an amendment", json("{\"lazy-refcounts\": true}").patch("/volumes/" + volume));
            file("hostile/new.qcow2");
            assertRefused(
                    "a volume over it as qcow2",
                    json("{\"backing-file\": \"" + volume.substring("hostile/".length())
                                    + "\", \"backing-format\": \"qcow2\"}")
                            .put("/volumes/hostile/new.qcow2"));
            json("{\"clone-of\": \"" + volume + "\"}")
                    .put("/volumes/hostile/new.qcow2")
                    .then()
                    .statusCode(201);
            open("over", "hostile/new.qcow2");
            assertThat(read("over", 0, header.length)).isEqualTo(header);
            given().delete("/drives/over");
            given().delete("/volumes/hostile/new.qcow2").then().statusCode(204);
            assertThat(Arrays.copyOf(Files.readAllBytes(root().resolve(volume)), header.length))
                    .isEqualTo(header);
            given().delete("/volumes/hostile/victim.raw").then().statusCode(204);
        }

        @Test
        void aRawVolumeThatWasMadeHere() throws IOException {
            byte[] header = header();
            file("hostile/guest.raw");
            json("{\"format\": \"raw\", \"virtual-size\": \"2M\"}")
                    .put("/volumes/hostile/guest.raw")
                    .then()
                    .statusCode(201);
            open("guest", "hostile/guest.raw");
            write("guest", 0, header);
            given().delete("/drives/guest").then().statusCode(204);
            assertStillRaw("hostile/guest.raw", header);
        }

        @Test
        void aRawVolumeThatAnOperatorPlacedAndAGuestWrites() throws IOException {
            byte[] header = header();
            Files.write(file("hostile/placed.raw"), new byte[2 * MIB]);
            json("{\"id\": \"guest\", \"file\": \"hostile/placed.raw\", \"format\": \"raw\"}")
                    .post("/drives")
                    .then()
                    .statusCode(201);
            write("guest", 0, header);
            given().delete("/drives/guest").then().statusCode(204);
            assertStillRaw("hostile/placed.raw", header);
        }

        @Test
        void aDriveThatIsMadeWritableLater() throws IOException {
            byte[] header = header();
            Files.write(file("hostile/later.raw"), new byte[2 * MIB]);
            json("{\"id\": \"guest\", \"file\": \"hostile/later.raw\", \"format\": \"raw\", \"read-only\": true}")
                    .post("/drives")
                    .then()
                    .statusCode(201);
            given().contentType("application/merge-patch+json")
                    .body("{\"read-only\": false}")
                    .patch("/drives/guest")
                    .then()
                    .statusCode(200);
            write("guest", 0, header);
            given().delete("/drives/guest").then().statusCode(204);
            assertStillRaw("hostile/later.raw", header);
        }

        @Test
        void theDataFileOfAnImage() throws IOException {
            byte[] header = header();
            file("hostile/split.qcow2");
            file("hostile/split.data");
            json("{\"virtual-size\": \"2M\", \"data-file\": \"split.data\", \"data-file-raw\": true}")
                    .put("/volumes/hostile/split.qcow2")
                    .then()
                    .statusCode(201);
            open("guest", "hostile/split.qcow2");
            write("guest", 0, header);
            given().delete("/drives/guest").then().statusCode(204);
            given().delete("/volumes/hostile/split.qcow2").then().statusCode(204);
            assertStillRaw("hostile/split.data", header);
        }

        @Test
        void aBackingFileThatIsCommittedTo() throws IOException {
            byte[] header = header();
            Files.write(file("hostile/base.raw"), new byte[2 * MIB]);
            file("hostile/top.qcow2");
            json("{\"backing-file\": \"base.raw\", \"backing-format\": \"raw\"}")
                    .put("/volumes/hostile/top.qcow2")
                    .then()
                    .statusCode(201);
            open("guest", "hostile/top.qcow2");
            write("guest", 0, header);
            given().delete("/drives/guest").then().statusCode(204);
            JsonPath job = ended(start("{\"type\": \"commit\", \"file\": \"hostile/top.qcow2\"}"));
            assertThat(job.getString("state")).as(job.prettify()).isEqualTo("completed");
            given().delete("/volumes/hostile/top.qcow2").then().statusCode(204);
            assertStillRaw("hostile/base.raw", header);
        }
    }

    @Nested
    @DisplayName("Ids are not used again: OSSN-0075")
    class Ids {
        @Test
        void idsThatAreMadeUpAreNeverMadeUpAgain() throws IOException {
            Files.write(file("hostile/own.raw"), filled(64 * KIB, 1));
            Set<String> drives = new HashSet<>();
            Set<String> jobs = new HashSet<>();
            for (int i = 0; i < 20; i++) {
                String drive = json("{\"file\": \"hostile/own.raw\", \"format\": \"raw\"}")
                        .post("/drives")
                        .jsonPath()
                        .getString("id");
                assertThat(drive).matches("d[0-9a-f]{16}");
                drives.add(drive);
                given().delete("/drives/" + drive).then().statusCode(204);
                String job = start("{\"type\": \"measure\", \"size\": \"1M\"}");
                ended(job);
                given().delete(job).then().statusCode(204);
                jobs.add(job);
            }
            assertThat(drives).hasSize(20);
            assertThat(jobs).hasSize(20);
        }

        @Test
        void aTicketDoesNotOpenWhatGetsItsDrivesIdLater() throws IOException {
            Files.write(file("hostile/first.raw"), filled(64 * KIB, 1));
            Files.write(file("hostile/second.raw"), content());
            json("{\"id\": \"reused\", \"file\": \"hostile/first.raw\", \"format\": \"raw\"}")
                    .post("/drives")
                    .then()
                    .statusCode(201);
            String url = json("{\"ops\": [\"read\"]}")
                    .post("/drives/reused/tickets")
                    .then()
                    .statusCode(201)
                    .extract()
                    .jsonPath()
                    .getString("transfer-url");
            given().get(url).then().statusCode(200);
            String tag = given().get("/drives/reused").header("ETag");
            given().delete("/drives/reused").then().statusCode(204);
            json("{\"id\": \"reused\", \"file\": \"hostile/second.raw\", \"format\": \"raw\"}")
                    .post("/drives")
                    .then()
                    .statusCode(201)
                    .header("ETag", org.hamcrest.Matchers.not(equalTo(tag)));
            Response stale = given().get(url);
            assertThat(stale.statusCode()).isEqualTo(403);
            assertThat(stale.asString()).doesNotContain(CANARY);
        }
    }
}
