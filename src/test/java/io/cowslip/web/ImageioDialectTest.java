package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.web.RawConnection.Head;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The requests that clients of oVirt imageio make, one behind the other on connections that stay, with no header but
 * those they send: what comes back must be what they take, to the header.
 */
@Timeout(120)
class ImageioDialectTest extends RunningService {
    private static final int DISK = 4 * MIB;
    private static final JsonMapper JSON = JsonMapper.shared();

    private final byte[] content = new byte[DISK];
    private String url = "";

    @BeforeEach
    void issueTicket() {
        createAndOpen("disk", "i/disk.qcow2", "4M");
        url = json("{\"ops\": [\"read\", \"write\"], \"timeout\": 300}")
                .post("/drives/disk/tickets")
                .jsonPath()
                .getString("transfer-url");
    }

    /** One answer, with its body as long as it says. */
    private record Answer(Head head, byte[] body) {
        JsonNode json() {
            return JSON.readTree(body);
        }

        String header(String name) {
            return Objects.requireNonNull(head.headers().get(name), name);
        }
    }

    /** A client's one connection. */
    private static final class Client implements AutoCloseable {
        private final RawConnection connection;

        Client(int port) throws IOException {
            connection = new RawConnection(port);
        }

        Answer send(String method, String target, byte @Nullable [] body, String... headers) throws IOException {
            List<String> lines = new ArrayList<>(List.of(method + " " + target + " HTTP/1.1"));
            lines.add("Accept-Encoding: identity");
            lines.addAll(List.of(headers));
            if (body != null) {
                lines.add("Content-Length: " + body.length);
            }
            connection.head(lines.toArray(String[]::new));
            if (body != null) {
                connection.send(body);
            }
            return receive(connection);
        }

        private static Answer receive(RawConnection connection) throws IOException {
            Head head = connection.receiveHead();
            String length = head.headers().get("content-length");
            return new Answer(
                    head, length == null ? connection.receiveChunks() : connection.receive(Integer.parseInt(length)));
        }

        @Override
        public void close() throws IOException {
            connection.close();
        }
    }

    @Test
    void anUpload() throws IOException {
        new Random(4).nextBytes(content);
        Arrays.fill(content, MIB, 2 * MIB, (byte) 0);
        try (Client client = new Client(port())) {
            Answer options = client.send("OPTIONS", url, null);
            assertThat(options.head.status()).isEqualTo(200);
            assertThat(options.header("content-type")).isEqualTo("application/json");
            assertThat(options.json().get("features").toString()).contains("\"extents\"", "\"zero\"", "\"flush\"");
            assertThat(options.json().get("max_readers").asInt()).isPositive();
            assertThat(options.json().get("max_writers").asInt()).isPositive();
            for (int start = 0; start < DISK; start += MIB) {
                if (start == MIB) {
                    String zero =
                            "{\"op\": \"zero\", \"offset\": " + start + ", \"size\": " + MIB + ", \"flush\": false}";
                    assertDone(client.send("PATCH", url, ascii(zero)));
                } else {
                    assertDone(client.send(
                            "PUT",
                            url + "?flush=n",
                            Arrays.copyOfRange(content, start, start + MIB),
                            "Content-Type: application/octet-stream",
                            "Content-Range: bytes " + start + "-" + (start + MIB - 1) + "/*"));
                }
            }
            assertDone(client.send("PATCH", url, ascii("{\"op\": \"flush\"}"), "Content-Type: application/json"));
        }
        assertThat(read("disk", 0, DISK)).isEqualTo(content);
    }

    private static void assertDone(Answer answer) {
        assertThat(answer.head.status()).isEqualTo(200);
        assertThat(answer.header("content-length")).isEqualTo("0");
        assertThat(answer.head.headers()).doesNotContainKey("connection");
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    @Test
    void aDownload() throws IOException {
        new Random(5).nextBytes(content);
        Arrays.fill(content, 2 * MIB, 3 * MIB, (byte) 0);
        write("disk", 0, Arrays.copyOf(content, 2 * MIB));
        write("disk", 3 * MIB, Arrays.copyOfRange(content, 3 * MIB, DISK));
        byte[] copy = new byte[DISK];
        try (Client client = new Client(port())) {
            assertThat(client.send("OPTIONS", url, null).head.status()).isEqualTo(200);
            Answer extents = client.send("GET", url + "/extents", null);
            assertThat(extents.head.status()).isEqualTo(200);
            long end = 0;
            for (JsonNode extent : extents.json()) {
                assertThat(extent.get("start").asLong()).isEqualTo(end);
                int length = extent.get("length").asInt();
                if (!extent.get("zero").asBoolean()) {
                    fetch(client, Math.toIntExact(end), length, copy);
                }
                end += length;
            }
            assertThat(end).isEqualTo(DISK);
            Answer checksum = client.send("GET", url + "/checksum?block_size=4194304&algorithm=blake2b", null);
            assertThat(checksum.json().get("checksum").asString())
                    .isEqualTo(
                            given().get("/drives/disk/data/checksum").jsonPath().getString("checksum"));
        }
        assertThat(copy).isEqualTo(content);
    }

    private void fetch(Client client, int start, int length, byte[] into) throws IOException {
        for (int done = 0; done < length; ) {
            int step = Math.min(300_000, length - done);
            Answer part =
                    client.send("GET", url, null, "Range: bytes=" + (start + done) + "-" + (start + done + step - 1));
            assertThat(part.head.status()).isEqualTo(206);
            assertThat(part.header("content-length")).isEqualTo(String.valueOf(step));
            assertThat(part.header("content-range"))
                    .startsWith("bytes " + (start + done) + "-" + (start + done + step - 1) + "/");
            assertThat(part.head.headers()).doesNotContainKey("transfer-encoding");
            System.arraycopy(part.body, 0, into, start + done, step);
            done += step;
        }
    }

    /** Refusals leave the connection as it was, for the next request, except those of what cannot be understood. */
    @Test
    void refusalsAndWhatComesAfterThem() throws IOException {
        try (Client client = new Client(port())) {
            assertStatus(403, client.send("OPTIONS", "/images/no-such-ticket", null));
            assertStatus(403, client.send("GET", "/images/no-such-ticket", null));
            assertStatus(403, client.send("PUT", "/images/no-such-ticket", new byte[1000]));
            Answer several = client.send("GET", url, null, "Range: bytes=0-9,20-29");
            assertStatus(416, several);
            assertThat(several.header("content-range")).isEqualTo("bytes */" + DISK);
            Answer empty = client.send("GET", url, null, "Range: bytes=" + DISK + "-");
            assertStatus(416, empty);
            assertThat(empty.header("content-range")).isEqualTo("bytes */" + DISK);
            String past = "Content-Range: bytes " + (DISK - 5) + "-" + (DISK + 4) + "/*";
            assertStatus(416, client.send("PUT", url, new byte[10], past));
            assertStatus(404, client.send("GET", url + "/extents?context=dirty", null));
            assertStatus(404, client.send("GET", url + "/nonsense", null));
            assertStatus(405, client.send("DELETE", url, null));
            assertStatus(200, client.send("OPTIONS", "/images/*", null));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[{\"op\": \"flush\"}]",
                "[]",
                "{\"op\": \"zero\", \"offset\": 4096}",
                "{\"op\": \"shred\", \"size\": 4096}",
                "{\"op\"",
                "null",
                "7",
                ""
            })
    void whatIsNoOperationIsTheCallersFault(String body) throws IOException {
        try (Client client = new Client(port())) {
            assertStatus(400, client.send("PATCH", url, ascii(body)));
        }
    }

    private static void assertStatus(int status, Answer answer) {
        assertThat(answer.head.status())
                .as(() -> new String(answer.body, StandardCharsets.UTF_8))
                .isEqualTo(status);
    }

    /** The disk may be empty, as imageio's may not. */
    @Test
    void anEmptyBodyIsWrittenAsSuch() throws IOException {
        try (Client client = new Client(port())) {
            assertDone(client.send("PUT", url, new byte[0]));
        }
    }
}
