package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests that no well-behaved client sends, and answers that cannot be finished. */
class BrokenRequestTest extends RunningService {
    private static final String PUT = "PUT /drives/disk/data?flush=n HTTP/1.1";

    @Test
    @NeedsQemu
    void aConnectionThatBreaksWithinABodyLeavesTheImageSound() throws IOException {
        createAndOpen("disk", "b/disk.qcow2", "64M");
        byte[] sent = filled(3 * MIB + 12_345, 9);
        try (RawConnection connection = new RawConnection(port())) {
            connection.head(PUT, "Content-Length: " + 32 * MIB);
            connection.send(sent);
        }
        // What has a lease is not closed: the drive goes only when the broken request has ended.
        await().untilAsserted(() -> assertThat(read("disk", 2 * MIB, 512)).containsOnly(9));
        given().delete("/drives/disk").then().statusCode(204);
        assertThat(QemuTools.check(root().resolve("b/disk.qcow2")).clean()).isTrue();
        open("disk", "b/disk.qcow2");
        assertThat(read("disk", 0, 3 * MIB)).isEqualTo(filled(3 * MIB, 9));
        assertThat(read("disk", 4 * MIB, MIB)).isEqualTo(new byte[MIB]);
    }

    @Test
    void aBodyThatEndsEarlyIsAProblem() throws IOException {
        createAndOpen("disk", "b/short.qcow2", "1M");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head(PUT, "Content-Length: 1000");
            connection.send(new byte[10]);
            connection.finishSending();
            assertThat(connection.receiveHead().status()).isEqualTo(400);
        }
    }

    @Test
    void aBodyWithoutLengthIsTaken() throws IOException {
        createAndOpen("disk", "b/chunked.qcow2", "1M");
        assertThat(chunked("x", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")).isEqualTo(200);
        assertThat(read("disk", 0, 12)).isEqualTo("hello world\0".getBytes(StandardCharsets.US_ASCII));
        assertThat(chunked("Content-Range: bytes 100-104/*", "5\r\nhello\r\n0\r\n\r\n"))
                .isEqualTo(200);
        assertThat(read("disk", 100, 6)).isEqualTo("hello\0".getBytes(StandardCharsets.US_ASCII));
    }

    @Test
    void aBodyWithoutLengthIsHeldToItsRange() throws IOException {
        createAndOpen("disk", "b/held.qcow2", "1M");
        assertThat(chunked("Content-Range: bytes 0-9/*", "5\r\nhello\r\n0\r\n\r\n"))
                .isEqualTo(400);
        assertThat(chunked("Content-Range: bytes 200-202/*", "5\r\nhello\r\n0\r\n\r\n"))
                .isEqualTo(400);
        assertThat(read("disk", 200, 5)).isEqualTo("hel\0\0".getBytes(StandardCharsets.US_ASCII));
        assertThat(chunked("x", "5\r\nhello\r\nnonsense\r\n")).isEqualTo(400);
    }

    @Test
    void aBodyWithoutLengthEndsWithTheDisk() throws IOException {
        createAndOpen("disk", "b/tiny.qcow2", "512");
        String chunk = "200\r\n" + "z".repeat(512) + "\r\n";
        assertThat(chunked("x", chunk + "0\r\n\r\n")).isEqualTo(200);
        assertThat(chunked("x", chunk + chunk + "0\r\n\r\n")).isEqualTo(416);
    }

    private int chunked(String header, String body) throws IOException {
        try (RawConnection connection = new RawConnection(port())) {
            String line = header.equals("x") ? "X-Nothing: x" : header;
            connection.head(PUT, "Transfer-Encoding: chunked", line);
            connection.send(body.getBytes(StandardCharsets.US_ASCII));
            return connection.receiveHead().status();
        }
    }

    @Test
    void whoWaitsToContinueIsAnsweredBeforeTheBody() throws IOException {
        createAndOpen("disk", "b/wait.qcow2", "1M");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head(PUT, "Expect: 100-continue", "Content-Length: " + 2 * MIB);
            RawConnection.Head head = connection.receiveHead();
            assertThat(head.status()).isEqualTo(416);
        }
        try (RawConnection connection = new RawConnection(port())) {
            connection.head(PUT, "Expect: 100-continue", "Content-Length: 4");
            assertThat(connection.receiveHead().status()).isEqualTo(100);
            connection.send("body".getBytes(StandardCharsets.US_ASCII));
            assertThat(connection.receiveHead().status()).isEqualTo(200);
        }
    }

    @Test
    void aRefusalDoesNotWaitForTheWholeBody() throws IOException {
        createAndOpen("disk", "b/early.qcow2", "1M");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head(PUT, "If-Match: \"another\"", "Content-Length: 1048576");
            connection.send(new byte[1000]);
            assertThat(connection.receiveHead().status()).isEqualTo(412);
        }
    }

    @Test
    @NeedsQemu
    void anAnswerThatCannotBeFinishedIsBrokenOff() throws IOException {
        Path image = QemuTools.create(file("b/broken.qcow2"), 32L * MIB, "");
        QemuTools.edit(image, "write -P 1 0 32M");
        breakMap(image, 24);
        open("disk", "b/broken.qcow2");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("GET /drives/disk/data HTTP/1.1");
            RawConnection.Head head = connection.receiveHead();
            assertThat(head.status()).isEqualTo(200);
            assertThat(head.headers()).containsEntry("content-length", String.valueOf(32 * MIB));
            byte[] received = connection.receive(32 * MIB);
            assertThat(received.length).isLessThanOrEqualTo(24 * MIB);
            assertThat(received).isEqualTo(filled(received.length, 1));
        }
        given().get("/drives").then().statusCode(200);
    }

    /** Points the entry for one MiB of the disk far past the end of the file: a table's first entries stay sound. */
    private static void breakMap(Path image, int mib) throws IOException {
        try (FileChannel file = FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            long l1 = number(file, 40);
            long l2 = number(file, l1) & 0x00ff_ffff_ffff_fe00L;
            ByteBuffer entry = ByteBuffer.allocate(8).putLong(0, 0x8000_0000_0000_0000L | 1L << 40 | 1 << 9);
            file.write(entry, l2 + 8L * mib * 16);
        }
    }

    private static long number(FileChannel file, long offset) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(8);
        file.read(bytes, offset);
        return bytes.getLong(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"GET /drives/%zz HTTP/1.1", "GET /drives/disk/data?x=%zz HTTP/1.1", "GET /a\\b HTTP/1.1"})
    void malformedTargetsAreProblems(String line) throws IOException {
        createAndOpen("disk", "b/target.qcow2", "1M");
        try (RawConnection connection = new RawConnection(port())) {
            connection.head(line);
            RawConnection.Head head = connection.receiveHead();
            assertThat(head.status()).isEqualTo(400);
            assertThat(head.headers().get("content-type")).startsWith("application/problem+json");
        }
    }

    @Test
    void anOperationNeedsNoContentType() throws IOException {
        createAndOpen("disk", "b/untyped.qcow2", "1M");
        write("disk", 0, new byte[] {1, 2, 3});
        byte[] body = "{\"op\":\"zero\",\"size\":2}".getBytes(StandardCharsets.US_ASCII);
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("PATCH /drives/disk/data HTTP/1.1", "Content-Length: " + body.length);
            connection.send(body);
            assertThat(connection.receiveHead().status()).isEqualTo(200);
        }
        assertThat(read("disk", 0, 3)).containsExactly(0, 0, 3);
    }

    @Test
    void versionsAreNamedInAHeader() {
        given().header("API-Version", "1").get("/drives").then().statusCode(200);
        given().header("API-Version", "2")
                .get("/drives")
                .then()
                .statusCode(400)
                .body("type", equalTo("/problems/invalid-request"));
    }

    @Test
    void typesOfProblemHavePages() {
        given().get("/problems/range-not-satisfiable").then().statusCode(200).contentType("text/html");
        Problems.problem(given().get("/problems/none"), 404, "not-found");
        Problems.problem(given().get("/nowhere"), 404, "not-found");
        Problems.problem(given().post("/drives/x/data/extents"), 405, "method-not-allowed");
        given().get("/swagger-ui.html").then().statusCode(200);
    }
}
