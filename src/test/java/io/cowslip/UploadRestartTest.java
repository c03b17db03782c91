package io.cowslip;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.Programs;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.ServiceProcess;
import io.restassured.response.Response;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The service is killed in the middle of an upload, and curl goes on with it when there is a new one. */
@Timeout(300)
class UploadRestartTest {
    private static final int MIB = 1 << 20;

    /** What is looked for lasts only as long as a job does. */
    private static final Duration OFTEN = Duration.ofMillis(10);

    @TempDir
    private Path folder;

    private ServiceProcess start() {
        return ServiceProcess.start(
                folder, "--cowslip.data=data", "--cowslip.demo-image=false", "--server.address=127.0.0.1");
    }

    @Test
    @NeedsQemu
    void anUploadGoesOnAfterAKill() throws IOException {
        Path local = QemuTools.create(folder.resolve("local.qcow2"), 256L * MIB, "");
        QemuTools.edit(local, "write -P 5 1M 200M");
        byte[] bytes = Files.readAllBytes(local);
        int sent = 150 * MIB + 12_345;
        try (ServiceProcess service = start();
                Socket socket = new Socket(InetAddress.getLoopbackAddress(), service.port())) {
            String head = "PUT /files/vm/disk.qcow2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + bytes.length;
            OutputStream out = socket.getOutputStream();
            out.write((head + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            out.write(bytes, 0, sent);
            out.flush();
            // What is durable is noted every 64 MiB, and what came in since is not counted on.
            await().until(() -> durableOffset() >= 64 * MIB);
            service.kill();
        }
        try (ServiceProcess service = start()) {
            String url = "http://127.0.0.1:" + service.port() + "/files/vm/disk.qcow2";
            Response kept = given().head(url);
            assertThat(kept.statusCode()).isEqualTo(204);
            assertThat(kept.header("Upload-Length")).isEqualTo(String.valueOf(bytes.length));
            long offset = Long.parseLong(kept.header("Upload-Offset"));
            assertThat(offset).isBetween(64L * MIB, (long) sent);
            assertThat(Programs.curl("-o", "/dev/null", "-T", local.toString(), "-C", String.valueOf(offset), url))
                    .startsWith("201 ");
            assertThat(service.stop()).isEqualTo(143);
        }
        Path volume = folder.resolve("images/vm/disk.qcow2");
        assertThat(QemuTools.check(volume).clean()).isTrue();
        Processes.Output compared = QemuTools.img("compare", local.toString(), volume.toString());
        assertThat(compared.exitCode()).as(compared.out() + compared.err()).isZero();
        assertThat(Files.mismatch(local, volume)).isEqualTo(-1);
    }

    @Test
    @NeedsQemu
    void anImportThatWasKilledIsDoneAgain() throws IOException {
        byte[] bytes = new byte[192 * MIB];
        new SplittableRandom(9).nextBytes(bytes);
        Path local = Files.write(folder.resolve("local.raw"), bytes);
        Path volume = folder.resolve("images/vm/disk.qcow2");
        try (ServiceProcess service = start()) {
            String base = "http://127.0.0.1:" + service.port();
            String query = "?format=raw&target.compress=true";
            // The first answer takes RestAssured so long to read that the job could be over by then.
            given().get(base + "/jobs").then().body("", hasSize(0));
            assertThat(given().get(base + "/jobs").jsonPath().getList("")).isEmpty();
            Programs.curl("-o", "/dev/null", "-T", local.toString(), base + "/files/vm/disk.qcow2" + query);
            await().pollInterval(OFTEN)
                    .until(() -> given().get(base + "/jobs").jsonPath().getLong("[0].progress.done") > 0);
            service.kill();
        }
        assertThat(volume).doesNotExist();
        try (ServiceProcess service = start()) {
            String base = "http://127.0.0.1:" + service.port();
            given().get(base + "/uploads")
                    .then()
                    .body("[0].name", equalTo("vm/disk.qcow2"))
                    .body("[0].offset", equalTo(bytes.length))
                    .body("[0].length", equalTo(bytes.length));
            String again = """
                    {"id": "again", "type": "import", "upload": "vm/disk.qcow2", "format": "raw",
                     "target": {"file": "vm/disk.qcow2"}}""";
            given().contentType("application/json")
                    .body(again)
                    .post(base + "/jobs")
                    .then()
                    .statusCode(202);
            await().atMost(Duration.ofMinutes(1))
                    .until(() -> given().get(base + "/jobs/again")
                            .jsonPath()
                            .getString("state")
                            .equals("completed"));
            given().get(base + "/uploads").then().body("", hasSize(0));
            service.stop();
        }
        assertThat(QemuTools.check(volume).clean()).isTrue();
        assertThat(QemuTools.img("compare", "-f", "raw", "-F", "qcow2", local.toString(), volume.toString())
                        .exitCode())
                .isZero();
        try (var left = Files.list(volume.getParent())) {
            assertThat(left).containsExactly(volume);
        }
    }

    private long durableOffset() throws IOException {
        try (var files = Files.walk(folder.resolve("images"))) {
            for (Path file : files.filter(found -> found.toString().endsWith(".upload-log"))
                    .toList()) {
                return Files.readString(file)
                        .lines()
                        .filter(line -> line.startsWith("offset "))
                        .mapToLong(line -> Long.parseLong(line.substring("offset ".length())))
                        .max()
                        .orElse(0);
            }
        }
        return 0;
    }
}
