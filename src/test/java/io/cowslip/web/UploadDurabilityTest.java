package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.testing.FaultyHostFiles;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.TestConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Primary;

/** What an answer says of bytes that came in, on a host that fails to make them durable. */
class UploadDurabilityTest extends RunningService {
    /** Before the sync at the end of a body: the file is cut, written and cut. */
    private static final int OPERATIONS_BEFORE_SYNC = 3;

    @Autowired
    private FaultyHostFiles files;

    /** A host that fails when it is told to. */
    @TestConfiguration(proxyBeanMethods = false)
    static class FailingHost {
        @Bean
        FaultyHostFiles faultyHostFiles() {
            return new FaultyHostFiles(HostFiles.posix());
        }

        @Bean
        @Primary
        ImageEnvironment failingEnvironment(ImageRoot root, CacheFactory caches, FaultyHostFiles files) {
            return new ImageEnvironment(files, root, caches);
        }
    }

    @Test
    void bytesAreNotConfirmedThatTheHostDidNotKeep() throws IOException {
        Path volume = file("u/lost.raw");
        String path = "/files/u/lost.raw?format=raw";
        octets(filled(100, 1)).header("Upload-Complete", "?0").put(path).then().statusCode(201);
        files.failAfter(OPERATIONS_BEFORE_SYNC, 1, Kind.IO);
        problem(
                given().contentType("application/partial-upload")
                        .header("Upload-Offset", 100)
                        .header("Upload-Complete", "?0")
                        .body(filled(50, 2))
                        .patch(path),
                500,
                "host-io");
        assertThat(files.syncRefused()).isTrue();
        files.heal();
        given().head("/files/u/lost.raw").then().statusCode(204).header("Upload-Offset", "100");
        given().contentType("application/partial-upload")
                .header("Upload-Offset", 100)
                .header("Upload-Complete", "?1")
                .body(filled(20, 3))
                .patch(path)
                .then()
                .statusCode(201);
        assertThat(volume).hasSize(120);
    }
}
