package io.cowslip.web.hostile;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.NameSwap;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What is no regular file is not opened, and no link is followed out, planted beforehand or meanwhile. */
@DisplayName("Symlinks, special files, races: Incus CVE-2026-23954, KubeVirt CVE-2025-64324, Ironic CVE-2026-44919")
class SpecialFilesTest extends HostileService {
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
                    json("{\"file\": \"" + volume + "\", \"format\": \"raw\"}").post("/drives"));
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
                Response opened = json("{\"id\": \"race\", \"file\": \"hostile/race/secret.raw\", \"format\": \"raw\"}")
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
