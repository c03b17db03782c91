package io.cowslip.web.data;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.nullValue;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RepeatedTable;
import io.cowslip.web.RawConnection;
import io.cowslip.web.RunningService;
import io.restassured.response.Response;
import java.io.IOException;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.springframework.test.context.TestPropertySource;

/** What downloads may take, and how they end whose client has gone, takes nothing, or asks for more than there is. */
@NeedsQemu
@TestPropertySource(
        properties = {
            "cowslip.web.compressed-downloads=1",
            "cowslip.web.download-plans=1",
            "cowslip.web.download-memory=128KB",
            "server.tomcat.connection-timeout=" + DownloadLimitsTest.TAKES_NOTHING_SECONDS + "s"
        })
class DownloadLimitsTest extends RunningService {
    /** How long a client may take nothing. */
    static final int TAKES_NOTHING_SECONDS = 4;

    private static final long GIB = 1L << 30;

    private static void makeSmall() throws IOException {
        QemuTools.edit(QemuTools.create(file("d/small.qcow2"), MIB, ""), "write -P 5 0 1M");
    }

    @Test
    void aPlanThatWouldTakeTooMuchMemoryIsRefused() throws IOException {
        RepeatedTable.make(file("d/vast.qcow2"), 512 * GIB);
        makeSmall();
        problem(given().get("/files/d/vast.qcow2?format=qcow2"), 503, "limit-reached")
                .body("detail", containsString("cowslip.web.download-memory"))
                .header("Retry-After", nullValue());
        given().head("/files/d/vast.qcow2?format=qcow2").then().statusCode(503);
        for (int round = 0; round < 3; round++) {
            given().get("/files/d/small.qcow2?format=qcow2").then().statusCode(200);
        }
    }

    @Test
    void aClientThatHasGoneHoldsNothing() throws IOException {
        RepeatedTable.make(file("d/long.qcow2"), 256 * GIB);
        makeSmall();
        String small = "/files/d/small.qcow2?format=qcow2&compress=zstd";
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("GET /files/d/long.qcow2?format=qcow2&compress=zstd HTTP/1.1");
            await().until(() -> given().get(small).statusCode() == 503);
            problem(given().get(small), 503, "limit-reached").header("Retry-After", "10");
            problem(json("{\"id\": \"long\", \"file\": \"d/long.qcow2\"}").post("/drives"), 409, "in-use");
        }
        await().until(() -> given().get(small).statusCode() == 200);
        await().until(() -> canBeOpened("d/long.qcow2"));
    }

    @Test
    void aClientThatTakesNothingHoldsNothing() throws IOException {
        QemuTools.edit(QemuTools.create(file("d/full.qcow2"), 64L * MIB, ""), "write -P 5 0 64M");
        try (RawConnection connection = new RawConnection(port())) {
            Instant begun = Instant.now();
            connection.head("GET /files/d/full.qcow2?format=qcow2 HTTP/1.1");
            assertThat(connection.receiveHead().status()).isEqualTo(200);
            // A slow test may find the download cut off already, never before its time.
            assertThat(canBeOpened("d/full.qcow2") && Instant.now().isBefore(begun.plusSeconds(TAKES_NOTHING_SECONDS)))
                    .isFalse();
            await().until(() -> canBeOpened("d/full.qcow2"));
        }
    }

    @Test
    void aRequestSentAheadIsNotLost() throws IOException {
        RepeatedTable.make(file("d/ahead.qcow2"), 16 * GIB);
        makeSmall();
        try (RawConnection connection = new RawConnection(port())) {
            connection.head("GET /files/d/ahead.qcow2?format=qcow2&compress=zstd HTTP/1.1");
            await().until(() -> given().get("/files/d/small.qcow2?format=qcow2&compress=zstd")
                            .statusCode()
                    == 503);
            connection.head("GET /files/d/small.qcow2?format=qcow2 HTTP/1.1");
            for (int answer = 0; answer < 2; answer++) {
                RawConnection.Head head = connection.receiveHead();
                assertThat(head.status()).isEqualTo(200);
                int length = Integer.parseInt(head.headers().get("content-length"));
                assertThat(connection.receive(length)).hasSize(length).startsWith('Q', 'F', 'I', 0xfb);
            }
        }
    }

    @Test
    void rangesReachAsFarAsNumbersDo() throws IOException {
        makeSmall();
        String path = "/files/d/small.qcow2?format=qcow2";
        byte[] whole = given().get(path).asByteArray();
        String most = String.valueOf(Long.MAX_VALUE);
        assertThat(range(path, "bytes=0-" + most).asByteArray()).isEqualTo(whole);
        assertThat(range(path, "bytes=-" + most).asByteArray()).isEqualTo(whole);
        assertThat(range(path, "bytes=-99999999999999999999").asByteArray()).isEqualTo(whole);
        assertThat(range(path, "bytes=" + (whole.length - 1) + "-99999999999999999999")
                        .header("Content-Range"))
                .isEqualTo("bytes " + (whole.length - 1) + "-" + (whole.length - 1) + "/" + whole.length);
        for (String beyond : new String[] {"bytes=" + most + "-", "bytes=9223372036854775806-" + most, "bytes=-0"}) {
            problem(range(path, beyond), 416, "range-not-satisfiable");
        }
    }

    private static Response range(String path, String range) {
        return given().header("Range", range).get(path);
    }

    /** Whether nothing reads the volume. */
    private static boolean canBeOpened(String volume) {
        Response opened =
                json("{\"id\": \"free\", \"file\": \"" + volume + "\"}").post("/drives");
        if (opened.statusCode() == 201) {
            given().delete("/drives/free").then().statusCode(204);
            return true;
        }
        problem(opened, 409, "in-use");
        return false;
    }
}
