package io.cowslip;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;

import io.cowslip.testing.Postgres;
import io.restassured.RestAssured;
import io.restassured.http.ContentType;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;

/** The whole service with its catalogue in PostgreSQL, which configuration alone points it at. */
@Timeout(300)
class PostgresRestartTest {
    private final String[] database = Postgres.newDatabase();

    @TempDir
    private Path folder;

    @AfterEach
    void forgetService() {
        RestAssured.reset();
    }

    private ConfigurableApplicationContext start() {
        ConfigurableApplicationContext service = SpringApplication.run(
                Cowslip.class,
                Stream.concat(
                                Stream.of(database),
                                Stream.of(
                                        "--server.port=0",
                                        "--cowslip.data=" + folder.resolve("data"),
                                        "--cowslip.image-root=" + folder.resolve("images")))
                        .toArray(String[]::new));
        RestAssured.port = service.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
        return service;
    }

    @Test
    void drivesAndJobsAreKnownAfterARestart() {
        String drive;
        String job;
        try (ConfigurableApplicationContext service = start()) {
            drive = given().contentType(ContentType.JSON)
                    .body("{\"id\": \"kept\", \"file\": \"demo.qcow2\", \"l2-cache-entry-size\": 512}")
                    .post("/drives")
                    .then()
                    .statusCode(201)
                    .extract()
                    .asString();
            given().contentType(ContentType.JSON)
                    .body("{\"type\": \"check\", \"id\": \"nightly\", \"drive\": \"kept\"}")
                    .post("/jobs")
                    .then()
                    .statusCode(202);
            await().until(() -> given().get("/jobs/nightly").jsonPath().get("ended") != null);
            job = given().get("/jobs/nightly").asString();
            assertThat(service.isActive()).isTrue();
        }
        try (ConfigurableApplicationContext service = start()) {
            given().get("/drives").then().body("", hasSize(1));
            assertThat(given().get("/drives/kept").asString()).isEqualTo(drive);
            assertThat(given().get("/jobs/nightly").asString()).isEqualTo(job);
            given().get("/actuator/health/readiness")
                    .then()
                    .body("components.db.details.database", equalTo("PostgreSQL"));
            assertThat(service.isActive()).isTrue();
        }
        assertThat(folder.resolve("data")).doesNotExist();
    }
}
