package io.cowslip.web.hostile;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The data files that images name are in the image root, and nowhere in the image's own chain. */
@NeedsQemu
@DisplayName("External data file: CVE-2024-32498, CVE-2024-40767, CVE-2024-44082; protocols in it: CVE-2024-4467")
class HostileDataFilesTest extends HostileService {
    /** Puts another name in the place of a data file's. */
    private static void nameDataFile(Path image, String name) throws IOException {
        byte[] bytes = Files.readAllBytes(image);
        int at = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("DATA");
        int oldLength = (bytes[at + 6] & 0xFF) << 8 | (bytes[at + 7] & 0xFF);
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

    /** Those that fit in the place of the one that the image was made with. */
    static Stream<String> namesOfDataFiles() {
        return namesInImages().filter(name -> name.length() <= 200);
    }

    @ParameterizedTest
    @MethodSource("namesOfDataFiles")
    void noDataIsReadOutside(String name) throws IOException {
        Path image = withDataFile("hostile/data.qcow2");
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
        problem(json("{\"file\": \"hostile/both.qcow2\", \"read-only\": true}").post("/drives"), 422, "invalid-image");
    }
}
