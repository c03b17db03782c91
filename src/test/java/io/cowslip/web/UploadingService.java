package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;

/** A service that files are uploaded to. Uploads that a test leaves unfinished are given up after it. */
abstract class UploadingService extends RunningService {
    static final String PARTIAL = "application/partial-upload";

    /** Whatever a test leaves under way would be in the way of the next. */
    @AfterEach
    void giveUploadsUp() {
        given().get("/uploads")
                .jsonPath()
                .getList("name", String.class)
                .forEach(name -> given().delete("/files/" + name));
    }

    /** Of uploads nothing is left in a folder of the image root. */
    static void assertNothingIsHidden(String subfolder) throws IOException {
        Path in = root().resolve(subfolder);
        if (Files.exists(in)) {
            try (Stream<Path> files = Files.list(in)) {
                assertThat(files)
                        .noneMatch(file -> file.getFileName().toString().startsWith("."));
            }
        }
    }

    /** A request that adds to an upload at {@code offset}, in bytes. */
    static RequestSpecification part(long offset, String complete, byte[] bytes) {
        return given().contentType(PARTIAL)
                .header("Upload-Offset", offset)
                .header("Upload-Complete", complete)
                .body(bytes);
    }
}
