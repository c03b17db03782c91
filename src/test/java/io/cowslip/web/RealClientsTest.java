package io.cowslip.web;

import static io.cowslip.testing.ClientProgram.CURL;
import static io.cowslip.testing.ClientProgram.NBDCOPY;
import static io.cowslip.testing.ClientProgram.NBDKIT;
import static io.cowslip.testing.ClientProgram.QEMU_OVER_HTTP;
import static io.cowslip.testing.ClientProgram.RCLONE;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.NeedsClients;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes.Output;
import io.cowslip.testing.QemuTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Programs that people have, run against the service as they would run them: over a drive's own path and by a ticket. */
@Timeout(300)
class RealClientsTest extends RunningService {
    private static final int DISK = 16 * MIB;

    @TempDir
    private Path temporary;

    private final byte[] content = new byte[DISK];
    private Path raw = Path.of("");
    private String drive = "";
    private String image = "";

    /** A disk with data, zeros and holes, the same in a raw file, and its two addresses. */
    @BeforeEach
    void openDisk() throws IOException {
        createAndOpen("disk", "c/disk.qcow2", "16M");
        byte[] random = new byte[5 * MIB];
        new Random(21).nextBytes(random);
        System.arraycopy(random, 0, content, 3 * MIB + 12_345, random.length);
        write("disk", 3 * MIB + 12_345, random);
        raw = Files.write(temporary.resolve("expected.raw"), content);
        String base = "http://127.0.0.1:" + port();
        drive = base + "/drives/disk/data";
        image = base
                + json("{\"ops\": [\"read\", \"write\"]}")
                        .post("/drives/disk/tickets")
                        .jsonPath()
                        .getString("transfer-url");
    }

    private List<String> addresses() {
        return List.of(drive, image);
    }

    private static Output curl(String... arguments) {
        List<String> all = new ArrayList<>(List.of("--silent", "--show-error", "--fail"));
        all.addAll(List.of(arguments));
        return CURL.run(all);
    }

    @Test
    @NeedsClients(CURL)
    void curlGoesOnWhereADownloadBrokeOff() throws IOException {
        for (String address : addresses()) {
            Path part = Files.write(temporary.resolve("part.raw"), Arrays.copyOf(content, 4 * MIB + 7));
            curl("-C", "-", "-o", part.toString(), address).succeeded();
            assertThat(part).hasBinaryContent(content);
            // A part that is whole already is none that fails.
            assertThat(curl("-C", "-", "-o", part.toString(), address).exitCode())
                    .isIn(0, 22, 33);
            assertThat(part).hasBinaryContent(content);
        }
    }

    @Test
    @NeedsClients(CURL)
    void curlReadsRanges() throws IOException {
        Path part = temporary.resolve("part");
        for (String address : addresses()) {
            curl("-r", "4000000-4999999", "-o", part.toString(), address).succeeded();
            assertThat(part).hasBinaryContent(Arrays.copyOfRange(content, 4_000_000, 5_000_000));
            curl("-r", "-70000", "-o", part.toString(), address).succeeded();
            assertThat(part).hasBinaryContent(Arrays.copyOfRange(content, DISK - 70_000, DISK));
            Output head = curl("--head", address).succeeded();
            assertThat(head.out()).contains("Accept-Ranges: bytes", "Content-Length: " + DISK);
        }
    }

    @Test
    @NeedsClients(CURL)
    void curlUploads() throws IOException {
        for (String address : addresses()) {
            byte[] bytes = new byte[6 * MIB + 99];
            new Random(address.length()).nextBytes(bytes);
            Path file = Files.write(temporary.resolve("upload"), bytes);
            curl("-T", file.toString(), address).succeeded();
            assertThat(read("disk", 0, bytes.length)).isEqualTo(bytes);
            String range = "Content-Range: bytes 8388608-" + (8388608 + bytes.length - 1) + "/*";
            curl("-T", file.toString(), "-H", range, address + "?flush=n").succeeded();
            assertThat(read("disk", 8_388_608, bytes.length)).isEqualTo(bytes);
            String outside = "Content-Range: bytes 16000000-" + (16_000_000 + bytes.length - 1) + "/*";
            assertThat(curl("-T", file.toString(), "-H", outside, address).exitCode())
                    .isEqualTo(22);
        }
    }

    /** What goes on after a break is sent as the rest of the file, whose place is a header's. */
    @Test
    @NeedsClients(CURL)
    void curlUploadsTheRest() throws IOException {
        byte[] bytes = new byte[2 * MIB];
        new Random(31).nextBytes(bytes);
        Path rest = Files.write(temporary.resolve("rest"), Arrays.copyOfRange(bytes, MIB, 2 * MIB));
        curl(
                        "-T",
                        Files.write(temporary.resolve("first"), Arrays.copyOf(bytes, MIB))
                                .toString(),
                        image)
                .succeeded();
        curl("-T", rest.toString(), "-H", "Content-Range: bytes 1048576-2097151/*", image)
                .succeeded();
        assertThat(read("disk", 0, 2 * MIB)).isEqualTo(bytes);
    }

    @Test
    @NeedsQemu
    @NeedsClients(QEMU_OVER_HTTP)
    void qemuReads() throws IOException {
        given().contentType("application/json").body("{\"read-only\": true}").patch("/drives/disk");
        for (String address : addresses()) {
            Path copy = temporary.resolve("copy.qcow2");
            QemuTools.img("convert", "-m", "1", "-f", "raw", "-O", "qcow2", address, copy.toString())
                    .succeeded();
            assertThat(QemuTools.check(copy).clean()).isTrue();
            QemuTools.compare(copy, "qcow2", raw, "raw").succeeded();
            String json = "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"http\",\"url\":\"" + address
                    + "\",\"readahead\":65536}}";
            QemuTools.img("compare", "-F", "raw", json, raw.toString()).succeeded();
            assertThat(QemuTools.img("info", "--output=json", json).succeeded().out())
                    .contains("\"virtual-size\": " + DISK);
        }
    }

    @Test
    @NeedsQemu
    @NeedsClients(QEMU_OVER_HTTP)
    void qemuIoReads() {
        write("disk", 9 * MIB, filled(MIB, 0x5a));
        for (String address : addresses()) {
            Output output = QemuTools.io(List.of(
                    "-r",
                    "-f",
                    "raw",
                    "-c",
                    "read -P 0x5a 9M 1M",
                    "-c",
                    "read -P 0 12M 1M",
                    "-c",
                    "read -P 1 0 512",
                    address));
            assertThat(output.out())
                    .contains("read 1048576/1048576 bytes at offset 9437184")
                    .containsOnlyOnce("Pattern verification failed");
        }
    }

    /**
     * A local overlay over a disk that stays where it is. One request at a time: with several, QEMU 7.2 at times waits for
     * answers that it has, whoever serves them (17 of 60 times from nginx).
     */
    @Test
    @NeedsQemu
    @NeedsClients(QEMU_OVER_HTTP)
    void qemuTakesADriveForABackingFile() throws IOException {
        Path overlay = temporary.resolve("overlay.qcow2");
        QemuTools.img("create", "-q", "-f", "qcow2", "-b", drive, "-F", "raw", overlay.toString())
                .succeeded();
        QemuTools.edit(overlay, "write -P 0x77 4M 100k");
        Path flat = QemuTools.convert(overlay, "qcow2", temporary.resolve("flat.raw"), "raw", "-m", "1");
        Arrays.fill(content, 4 * MIB, 4 * MIB + 100 * KIB, (byte) 0x77);
        assertThat(flat).hasBinaryContent(content);
    }

    @Test
    @NeedsClients({NBDKIT, NBDCOPY})
    void nbdkitServesADiskOverNbd() throws IOException {
        for (String address : addresses()) {
            Path copy = temporary.resolve("copy.raw");
            Files.deleteIfExists(copy);
            NBDKIT.run("-U", "-", "--readonly", "curl", "url=" + address, "--run", "nbdcopy \"$uri\" " + copy)
                    .succeeded();
            assertThat(copy).hasBinaryContent(content);
            Output size = NBDKIT.run("-U", "-", "--readonly", "curl", address, "--run", "nbdinfo --size \"$uri\"")
                    .succeeded();
            assertThat(size.out().strip()).isEqualTo(String.valueOf(DISK));
        }
    }

    @Test
    @NeedsClients(RCLONE)
    void rcloneReadsAFileOfItsHttpBackend() throws IOException {
        for (String address : addresses()) {
            Path copy = temporary.resolve("copy.raw");
            Files.deleteIfExists(copy);
            String folder = address.substring(0, address.lastIndexOf('/'));
            String name = address.substring(address.lastIndexOf('/') + 1);
            rclone("copyto", "--http-url", folder, ":http:" + name, copy.toString());
            assertThat(copy).hasBinaryContent(content);
            Files.delete(copy);
            rclone("copyurl", address, copy.toString());
            assertThat(copy).hasBinaryContent(content);
        }
    }

    /** Large files are read in parts at once. */
    @Test
    @NeedsClients(RCLONE)
    void rcloneReadsOnSeveralConnections() {
        Path copy = temporary.resolve("copy.raw");
        rclone(
                "copyto",
                "--http-url",
                "http://127.0.0.1:" + port() + "/drives/disk",
                "--multi-thread-cutoff",
                "1M",
                "--multi-thread-streams",
                "4",
                ":http:data",
                copy.toString());
        assertThat(copy).hasBinaryContent(content);
    }

    private Output rclone(String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--config", temporary.resolve("none").toString(), "--retries", "1"));
        return RCLONE.run(all).succeeded();
    }
}
