package io.cowslip.web.hostile;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;

import io.cowslip.testing.NeedsQemu;
import io.restassured.path.json.JsonPath;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A raw disk stays raw whatever its guest writes to it. */
@NeedsQemu
@DisplayName("Format confusion: CVE-2026-24708, OSSA-2024-002")
class FormatConfusionTest extends HostileService {
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
        problem(json("{\"file\": \"" + volume + "\", \"format\": \"qcow2\"}").post("/drives"), 400, "invalid-option")
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
                "the same, unsafe", "{\"type\": \"rebase\", " + file + ", \"backing-file\": null, \"unsafe\": true}");
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
