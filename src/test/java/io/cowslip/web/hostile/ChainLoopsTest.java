package io.cowslip.web.hostile;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Chains of backing files that come back to themselves, and such as do not end, are refused. */
@NeedsQemu
@DisplayName("Chain loops, depth: cloud-hypervisor#6472")
class ChainLoopsTest extends HostileService {
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
        assertRefused("a drive", json("{\"file\": \"hostile/deep/000.qcow2\"}").post("/drives"));
        assertRefused("the facts", given().get("/volumes/hostile/deep/000.qcow2"));
        Processes.run(
                Duration.ofMinutes(1),
                List.of("rm", "-r", root().resolve("hostile/deep").toString()));
    }
}
