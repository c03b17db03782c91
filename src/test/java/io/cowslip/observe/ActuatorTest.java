package io.cowslip.observe;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.hasKey;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveObserver.Operation;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.engine.image.options.CreateOptions;
import io.restassured.RestAssured;
import io.restassured.http.ContentType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;

@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT)
class ActuatorTest {
    private static final DriveId A = new DriveId("a");

    @TempDir
    private static Path temporary;

    @Autowired
    private DriveRegistry registry;

    @Autowired
    private DriveMeters observer;

    @Autowired
    private Volumes volumes;

    @DynamicPropertySource
    static void properties(DynamicPropertyRegistry properties) {
        properties.add("cowslip.image-root", () -> temporary.resolve("images"));
        properties.add("cowslip.demo-image", () -> false);
    }

    @BeforeEach
    void openDrive(@LocalServerPort int port) throws IOException {
        RestAssured.reset();
        RestAssured.port = port;
        volumes.create("vm/root.qcow2", CreateOptions.qcow2(64 << 20));
        registry.open(A, "vm/root.qcow2", registry.defaults());
        try (DriveLease lease = registry.lease(A);
                Arena arena = Arena.ofConfined()) {
            lease.image().write(0, arena.allocate(4096).fill((byte) 7));
            lease.image().read(0, arena.allocate(4096));
            lease.image().flush();
        }
    }

    @AfterEach
    void closeDrive() throws IOException {
        if (!registry.drives().isEmpty()) {
            registry.close(A);
        }
        volumes.delete("vm/root.qcow2");
    }

    @Test
    void theEndpointShowsEveryCacheInKebabCase() {
        given().get("/actuator/drivecaches").then().statusCode(200).body("drives.id", contains("a"));
        given().get("/actuator/drivecaches/a")
                .then()
                .statusCode(200)
                .body("file", equalTo("vm/root.qcow2"))
                .body("cache-clean-interval", equalTo(600))
                .body("last-cleaned", nullValue())
                .body("layers", hasSize(1))
                .body("layers[0].file", equalTo("vm/root.qcow2"))
                .body("layers[0].l2-cache.size", equalTo(131072))
                .body("layers[0].l2-cache.entry-size", equalTo(65536))
                .body("layers[0].l2-cache.covers", equalTo(64 << 20))
                .body("layers[0].l2-cache.coverage", equalTo(1.0f))
                .body("layers[0].l2-cache.resident-entries", equalTo(1))
                .body("layers[0].l2-cache.hits", greaterThan(0))
                .body("layers[0].refcount-cache.size", equalTo(262144))
                .body("layers[0].refcount-cache.bytes-written-back", greaterThan(0));
    }

    @Test
    void theEndpointKnowsOpenDrivesOnly() {
        given().get("/actuator/drivecaches/none")
                .then()
                .statusCode(404)
                .contentType("application/problem+json")
                .body("status", equalTo(404))
                .body("detail", equalTo("no drive \"none\" is open"));
        given().get("/actuator/drivecaches/1").then().statusCode(404);
        given().contentType(ContentType.JSON)
                .post("/actuator/drivecaches/none")
                .then()
                .statusCode(404);
    }

    @Test
    void aWriteCleansNow() {
        given().contentType(ContentType.JSON)
                .post("/actuator/drivecaches/a")
                .then()
                .statusCode(200)
                .body("last-cleaned", notNullValue());
        given().contentType(ContentType.JSON)
                .post("/actuator/drivecaches")
                .then()
                .statusCode(200)
                .body("drives[0].layers[0].l2-cache.resident-entries", equalTo(0))
                .body("drives[0].layers[0].l2-cache.entries-cleaned", equalTo(1));
    }

    @Test
    void metersComeAndGoWithTheDrive() throws IOException {
        observer.completed(A, Operation.READ, 4096, 1_000_000);
        given().get("/actuator/prometheus")
                .then()
                .statusCode(200)
                .body(containsString("cache_gets_total{cache=\"l2\",drive=\"a\",layer=\"0\",result=\"hit\"}"))
                .body(containsString("cache_size{cache=\"refcount\",drive=\"a\",layer=\"0\"}"))
                .body(containsString("cowslip_cache_covered_bytes{cache=\"l2\",drive=\"a\",layer=\"0\"}"))
                .body(containsString("cowslip_cache_written_back_bytes_total{cache=\"l2\",drive=\"a\",layer=\"0\"}"))
                .body(containsString("cowslip_drive_operations_seconds_count{drive=\"a\",operation=\"read\"} 1"))
                .body(containsString("cowslip_drive_operations_seconds_bucket{drive=\"a\",operation=\"read\",le="))
                .body(containsString("cowslip_drive_bytes_sum{drive=\"a\",operation=\"read\"} 4096.0"));
        given().queryParam("tag", "drive:a")
                .get("/actuator/metrics/cache.gets")
                .then()
                .statusCode(200)
                .body("availableTags.tag", hasItems("cache", "layer", "result"));

        registry.close(A);

        given().get("/actuator/prometheus").then().statusCode(200).body(not(containsString("drive=\"a\"")));
        given().get("/actuator/metrics/cache.gets").then().statusCode(404);
    }

    @Test
    void readinessIsAboutTheImageRootAndLivenessIsNot() {
        given().get("/actuator/health/readiness")
                .then()
                .statusCode(200)
                .body("components.imageRoot.details.writable", equalTo(true))
                .body("components.imageRoot.details.usable-space", notNullValue())
                .body("components", not(hasKey("drives")));
        given().get("/actuator/health/liveness").then().statusCode(200).body("components", not(hasKey("imageRoot")));
        given().get("/actuator/health")
                .then()
                .statusCode(200)
                .body("components.drives.details.open", equalTo(1))
                .body("components.drives.details.corrupt", hasSize(0));
    }

    @Test
    void aCorruptImageIsReportedAndFailsNothing() throws IOException {
        Path file = temporary.resolve("images/vm/root.qcow2");
        byte[] image = Files.readAllBytes(file);
        image[79] |= 2;
        Files.write(file, image);
        try {
            given().get("/actuator/health")
                    .then()
                    .statusCode(200)
                    .body("status", equalTo("UP"))
                    .body("components.drives.details.corrupt", contains("a"));
        } finally {
            image[79] &= ~2;
            Files.write(file, image);
        }
        assertThat(registry.drives()).hasSize(1);
    }
}
