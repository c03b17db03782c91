package io.cowslip.web.hostile;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;

import io.restassured.response.Response;
import java.io.IOException;
import java.nio.file.Files;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What was known by an id is not found again by who comes later. */
@DisplayName("Ids are not used again: OSSN-0075")
class ReusedIdsTest extends HostileService {
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
                .header("ETag", not(equalTo(tag)));
        Response stale = given().get(url);
        assertThat(stale.statusCode()).isEqualTo(403);
        assertThat(stale.asString()).doesNotContain(CANARY);
    }
}
