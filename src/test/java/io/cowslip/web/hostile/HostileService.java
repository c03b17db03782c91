package io.cowslip.web.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.QemuTools;
import io.cowslip.web.RunningService;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.springframework.util.FileSystemUtils;

/**
 * A service with a file beside its image root, which is there and could be read, and names that lead to it. It must never
 * be seen; and never must a name be told that stands in an image.
 */
@Timeout(120)
abstract class HostileService extends RunningService {
    static final String CANARY = "canary-of-the-host";
    static final Path OUTSIDE = newOutside();

    private static Path newOutside() {
        try {
            Path folder = Files.createTempDirectory("outside-the-image-root").toRealPath();
            Files.write(folder.resolve("secret.raw"), content());
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the file outside holds. */
    static byte[] content() {
        return Arrays.copyOf(CANARY.getBytes(StandardCharsets.US_ASCII), MIB);
    }

    /** The file outside, by its absolute name. */
    static String secret() {
        return OUTSIDE.resolve("secret.raw").toString();
    }

    /** The same by a relative name, from a folder of the image root. */
    static String above() {
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

    /** Volumes that stand on others would be in the way of the next class's. */
    @AfterAll
    static void removeVolumes() throws IOException {
        FileSystemUtils.deleteRecursively(root().resolve("hostile"));
    }

    /** A refusal that is the caller's to mend, and tells nothing of the host, nor what an image says. */
    static void assertRefused(String what, Response answer, String... secrets) {
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

    /** As a JSON text has it, without its quotation marks. */
    static String quoted(String name) {
        return name.replace("\\", "\\\\")
                .replace("\"", "\\\"")
                .replace("\n", "\\n")
                .replace("\u0000", "\\u0000");
    }

    /** A job is refused at once, or fails. */
    static void assertJobRefused(String what, String body, String... secrets) {
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

    /** Names that lead out of the image root, or nowhere, or are none. */
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

    /** Those of them that fit where an image names another file. */
    static Stream<String> namesInImages() {
        return hostileNames().filter(name -> !name.isEmpty() && name.length() < 1000 && name.indexOf('\0') < 0);
    }

    /** Makes what an operator, or somebody with access to the folder, would have placed there. */
    static void overlay(String volume, String backing, String format) {
        Path image = QemuTools.create(file(volume), MIB, "");
        QemuTools.img("rebase", "-u", "-F", format, "-b", backing, image.toString())
                .succeeded();
    }
}
