package io.cowslip.web.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.web.RawConnection;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Names and paths of requests lead to nothing outside of the image root. */
@DisplayName("Names in requests")
class NamesInRequestsTest extends HostileService {
    @ParameterizedTest
    @MethodSource("hostileNames")
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
