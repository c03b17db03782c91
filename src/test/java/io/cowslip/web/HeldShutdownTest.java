package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.ServiceProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * "HTTP side", CVE-2024-7409: clients that hold their sockets hold up no stop of the service, and spoil nothing. What they
 * began ends in their own connections; drives are closed, images sound.
 */
@NeedsQemu
@Timeout(600)
class HeldShutdownTest {
    private static final int MIB = 1 << 20;
    private static final int SIGTERM_EXIT = 128 + 15;

    @TempDir
    private Path temporary;

    /** All patience but that of a service which stops is longer than the stop may take. */
    @Test
    void whoHoldsASocketHoldsUpNoShutdown() throws IOException {
        Path images = Files.createDirectories(temporary.resolve("images"));
        Path disk = QemuTools.create(images.resolve("disk.qcow2"), 64L * MIB, "");
        Path full = QemuTools.create(images.resolve("full.qcow2"), 64L * MIB, "");
        QemuTools.edit(full, "write -P 1 0 64M");
        try (ServiceProcess service = ServiceProcess.start(
                        temporary,
                        "--cowslip.image-root=" + images,
                        "--cowslip.drives.disk.file=disk.qcow2",
                        "--cowslip.drives.full.file=full.qcow2",
                        "--cowslip.drives.full.read-only=true",
                        "--cowslip.limits.crowded-grace=1s",
                        "--cowslip.limits.head-timeout=3m",
                        "--cowslip.limits.slow-grace=3m",
                        "--server.tomcat.connection-timeout=3m",
                        "--spring.lifecycle.timeout-per-shutdown-phase=3m");
                RawConnection idle = new RawConnection(service.port());
                RawConnection inHead = new RawConnection(service.port());
                RawConnection inBody = new RawConnection(service.port());
                RawConnection reading = new RawConnection(service.port());
                RawConnection zeroCopy = new RawConnection(service.port());
                RawConnection silent = new RawConnection(service.port())) {
            idle.head("GET /drives/disk/data HTTP/1.1", "Range: bytes=0-4");
            assertThat(idle.receiveHead().status()).isEqualTo(206);
            inHead.send("GET /drives/disk/da".getBytes(StandardCharsets.US_ASCII));
            inBody.head("PUT /drives/disk/data?flush=n HTTP/1.1", "Content-Length: " + 32 * MIB);
            inBody.send(new byte[5 * MIB / 2]);
            reading.head("GET /drives/disk/data HTTP/1.1");
            assertThat(reading.receiveHead().status()).isEqualTo(200);
            zeroCopy.head("GET /drives/full/data HTTP/1.1");
            assertThat(zeroCopy.receiveHead().status()).isEqualTo(200);
            await().until(() -> requestsUnderWay(service) >= 3);

            Instant told = Instant.now();
            assertThat(service.stop()).isEqualTo(SIGTERM_EXIT);
            assertThat(Duration.between(told, Instant.now())).isLessThan(Duration.ofSeconds(90));
            assertThat(service.output())
                    .contains("Closed drive disk", "Closed drive full")
                    .doesNotContain("did not close it");
            inBody.receiveAll();
            assertThat(silent.receiveAll()).isZero();
        }
        assertThat(QemuTools.check(disk).clean()).isTrue();
    }

    private static int requestsUnderWay(ServiceProcess service) {
        return (int) given().port(service.port())
                        .get("/actuator/metrics/http.server.requests.active")
                        .jsonPath()
                        .getDouble("measurements.find { it.statistic == 'ACTIVE_TASKS' }.value")
                - 1;
    }
}
