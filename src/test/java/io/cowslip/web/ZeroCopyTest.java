package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Long runs of read-only drives, which no buffer of ours sees on their way to the client. */
@NeedsQemu
@Timeout(120)
class ZeroCopyTest extends RunningService {
    private static final int DISK = 48 * MIB;
    private static final String DATA = "/drives/disk/data";

    /** Long runs of data and of zeros, in turns with pieces too short for either. */
    private static byte[] disk(long seed) {
        byte[] disk = new byte[DISK];
        SplittableRandom random = new SplittableRandom(seed);
        for (int at = 0; at < DISK; ) {
            int length = Math.min(DISK - at, 1 + random.nextInt(random.nextBoolean() ? 3 * MIB : 200_000));
            if (random.nextInt(3) > 0) {
                byte[] data = new byte[length];
                new Random(seed + at).nextBytes(data);
                System.arraycopy(data, 0, disk, at, length);
            }
            at += length;
        }
        return disk;
    }

    private static Path raw(String name, byte[] content) throws IOException {
        return Files.write(file(name), content);
    }

    private static void openReadOnly(String volume, String more) {
        json("{\"id\": \"disk\", \"file\": \"" + volume + "\", \"read-only\": true" + more + "}")
                .post("/drives")
                .then()
                .statusCode(201);
    }

    private static void assertReads(byte[] content) {
        assertThat(given().get(DATA).then().statusCode(200).extract().asByteArray())
                .isEqualTo(content);
        SplittableRandom random = new SplittableRandom(11);
        for (int round = 0; round < 12; round++) {
            int start = random.nextInt(content.length);
            int length = 1 + random.nextInt(Math.min(5 * MIB, content.length - start));
            assertThat(read("disk", start, length))
                    .as("%d bytes from %d", length, start)
                    .isEqualTo(Arrays.copyOfRange(content, start, start + length));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-c", "-o cluster_size=2M", "-o cluster_size=4K,lazy_refcounts=on"})
    void qcow2(String flags) throws IOException {
        byte[] content = disk(1);
        String[] words = flags.isEmpty() ? new String[0] : flags.split(" ", -1);
        QemuTools.convert(raw("z/disk.raw", content), "raw", file("z/disk.qcow2"), "qcow2", words);
        openReadOnly("z/disk.qcow2", "");
        assertReads(content);
    }

    @Test
    void rawWithAPartOfASectorAtItsEnd() throws IOException {
        byte[] content = disk(2);
        int size = DISK - 300;
        Arrays.fill(content, size, DISK, (byte) 0);
        raw("z/odd.raw", Arrays.copyOf(content, size));
        openReadOnly("z/odd.raw", ", \"format\": \"raw\"");
        assertReads(content);
    }

    /** Data in all three layers, zeros over data, compressed clusters between, and a base that is shorter than the disk. */
    @Test
    void aBackingChain() throws IOException {
        byte[] content = Arrays.copyOf(Arrays.copyOf(disk(3), 30 * MIB), DISK);
        raw("z/base.raw", Arrays.copyOf(content, 30 * MIB));
        Path middle = QemuTools.createOver(file("z/middle.qcow2"), "base.raw", "raw", DISK, "");
        Path top = QemuTools.createOver(file("z/top.qcow2"), "middle.qcow2", "qcow2", DISK, "cluster_size=128K");
        put(middle, content, 5 * MIB + 77, 3 * MIB, 0x11);
        put(middle, content, 28 * MIB, 4 * MIB, 0x22);
        put(top, content, 6 * MIB, MIB, 0x33);
        put(top, content, 29 * MIB, 512 * KIB, 0);
        QemuTools.edit(top, "write -c -P 0x44 " + 12 * MIB + " " + 2 * MIB);
        Arrays.fill(content, 12 * MIB, 14 * MIB, (byte) 0x44);
        openReadOnly("z/top.qcow2", "");
        assertReads(content);
    }

    private static void put(Path image, byte[] content, int offset, int length, int value) {
        QemuTools.edit(image, (value == 0 ? "write -z " : "write -P " + value + " ") + offset + " " + length);
        Arrays.fill(content, offset, offset + length, (byte) value);
    }

    /** QEMU makes files that end before their last cluster does. */
    @Test
    void aFileThatEndsInsideItsLastCluster() throws IOException {
        byte[] content = new byte[3 * MIB];
        Arrays.fill(content, (byte) 7);
        Path image = file("z/short.qcow2");
        QemuTools.convert(raw("z/short.raw", content), "raw", image, "qcow2", "-o", "cluster_size=2M");
        long size = Files.size(image);
        try (var channel = Files.newByteChannel(image, java.nio.file.StandardOpenOption.WRITE)) {
            channel.truncate(size - 700_000);
        }
        byte[] expected = QemuTools.convert(image, "qcow2", file("z/short-again.raw"), "raw")
                        .toFile()
                        .exists()
                ? Files.readAllBytes(root().resolve("z/short-again.raw"))
                : content;
        openReadOnly("z/short.qcow2", "");
        assertReads(expected);
    }

    @Test
    void severalRangesAndHead() throws IOException {
        byte[] content = disk(4);
        raw("z/disk.raw", content);
        openReadOnly("z/disk.raw", ", \"format\": \"raw\"");
        given().head(DATA).then().statusCode(200).header("Content-Length", String.valueOf(DISK));
        Response response = given().header("Range", "bytes=5-3000004,4000000-4000009,9000000-11999999")
                .get(DATA);
        response.then().statusCode(206);
        byte[] body = response.asByteArray();
        assertThat(body).hasSize(Integer.parseInt(response.header("Content-Length")));
        String boundary = response.contentType().replaceFirst(".*boundary=", "");
        assertThat(new String(body, java.nio.charset.StandardCharsets.ISO_8859_1).split("--" + boundary, -1))
                .hasSize(5);
        int first = indexOf(body, Arrays.copyOfRange(content, 5, 205));
        assertThat(Arrays.copyOfRange(body, first, first + 3_000_000))
                .isEqualTo(Arrays.copyOfRange(content, 5, 3_000_005));
        int last = indexOf(body, Arrays.copyOfRange(content, 9_000_000, 9_000_200));
        assertThat(Arrays.copyOfRange(body, last, last + 3_000_000))
                .isEqualTo(Arrays.copyOfRange(content, 9_000_000, 12_000_000));
    }

    private static int indexOf(byte[] body, byte[] sought) {
        for (int at = 0; at <= body.length - sought.length; at++) {
            if (Arrays.equals(body, at, at + sought.length, sought, 0, sought.length)) {
                return at;
            }
        }
        throw new AssertionError("not there");
    }

    /** Requests one behind the other, sent before any answer is read. */
    @Test
    void requestsSentAhead() throws IOException {
        byte[] content = random(DISK);
        openRandom(content);
        try (RawConnection connection = new RawConnection(port())) {
            for (int request = 0; request < 4; request++) {
                int start = request * 9 * MIB;
                connection.head("GET " + DATA + " HTTP/1.1", "Range: bytes=" + start + "-" + (start + 8 * MIB - 1));
            }
            for (int request = 0; request < 4; request++) {
                assertThat(connection.receiveHead().status()).isEqualTo(206);
                int start = request * 9 * MIB;
                assertThat(connection.receive(8 * MIB)).isEqualTo(Arrays.copyOfRange(content, start, start + 8 * MIB));
            }
        }
    }

    @Test
    void aClientThatWantsTheConnectionClosed() throws IOException {
        byte[] content = random(DISK);
        openRandom(content);
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("GET " + DATA + " HTTP/1.1", "Connection: close");
            assertThat(connection.receiveHead().status()).isEqualTo(200);
            assertThat(connection.receive(DISK)).isEqualTo(content);
            assertThat(connection.ended()).isTrue();
        }
    }

    /** The pages wait in sockets when the drive is to become writable: the client gets what it asked for, not what comes. */
    @Test
    void whatIsOnItsWayIsWhatTheDiskHeld() throws Exception {
        byte[] content = random(DISK);
        openRandom(content);
        try (RawConnection slow = new RawConnection(port())) {
            slow.head("GET " + DATA + " HTTP/1.1");
            assertThat(slow.receiveHead().status()).isEqualTo(200);
            CompletableFuture<Integer> writable = CompletableFuture.supplyAsync(ZeroCopyTest::becomeWritable);
            assertThat(slow.receive(DISK / 2)).isEqualTo(Arrays.copyOf(content, DISK / 2));
            assertThat(slow.receive(DISK / 2)).isEqualTo(Arrays.copyOfRange(content, DISK / 2, DISK));
            assertThat(writable.get()).isEqualTo(200);
        }
        write("disk", 0, new byte[] {1, 2, 3});
        assertThat(read("disk", 0, 3)).containsExactly(1, 2, 3);
    }

    /** Nothing would keep a client that has its last bytes waiting in its socket from reading what they are by then. */
    @Test
    void aDriveStaysReadOnlyWhileAClientTakesNothing() throws Exception {
        byte[] content = random(DISK);
        raw("z/disk.raw", content);
        openReadOnly("z/disk.raw", ", \"format\": \"raw\"");
        try (RawConnection idle = new RawConnection(port())) {
            idle.head("GET " + DATA + " HTTP/1.1", "Range: bytes=0-1048575");
            assertThat(idle.receiveHead().status()).isEqualTo(206);
            problem(json("{\"read-only\": false}").patch("/drives/disk"), 409, "busy")
                    .body("detail", containsString("a client"));
            assertThat(given().get("/drives/disk").jsonPath().getBoolean("read-only"))
                    .isTrue();
            assertThat(idle.receive(MIB)).isEqualTo(Arrays.copyOf(content, MIB));
            assertThat(becomeWritable()).isEqualTo(200);
            write("disk", 0, new byte[] {1, 2, 3});
        }
        assertThat(read("disk", 0, 3)).containsExactly(1, 2, 3);
    }

    /** A client that is itself kept from running may read later than the service waits: once more, then. */
    private static int becomeWritable() {
        int status = 409;
        for (int attempt = 0; attempt < 2 && status == 409; attempt++) {
            status = json("{\"read-only\": false}").patch("/drives/disk").statusCode();
        }
        return status;
    }

    @Test
    void aClientThatGoesAway() throws IOException {
        openRandom(random(DISK));
        for (int round = 0; round < 3; round++) {
            try (RawConnection connection = new RawConnection(port())) {
                connection.head("GET " + DATA + " HTTP/1.1");
                assertThat(connection.receiveHead().status()).isEqualTo(200);
                connection.receive(1000);
            }
        }
        // Closing waits for everybody who uses the drive.
        assertThat(given().delete("/drives/disk").statusCode()).isEqualTo(204);
    }

    private static void openRandom(byte[] content) throws IOException {
        QemuTools.convert(raw("z/disk.raw", content), "raw", file("z/disk.qcow2"), "qcow2");
        openReadOnly("z/disk.qcow2", "");
    }

    private static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new Random(9).nextBytes(bytes);
        return bytes;
    }
}
