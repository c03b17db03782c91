package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.RestAssured;
import io.restassured.config.EncoderConfig;
import io.restassured.http.ContentType;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DataWriteContractTest extends RunningService {
    private static final String DATA = "/drives/disk/data";

    private final byte[] bytes = new byte[100_000];

    @BeforeEach
    void openDisk() {
        createAndOpen("disk", "w/disk.qcow2", "4M");
        new Random(3).nextBytes(bytes);
    }

    @Test
    void aWriteGoesWhereContentRangeSays() {
        octets(bytes)
                .header("Content-Range", "bytes 1000-100999/*")
                .put(DATA)
                .then()
                .statusCode(200)
                .header("Content-Length", "0");
        assertThat(read("disk", 1000, bytes.length)).isEqualTo(bytes);
        assertThat(read("disk", 0, 1000)).containsOnly(0);
        assertThat(read("disk", 101_000, 1000)).containsOnly(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "?flush=y", "?flush=n"})
    void withoutContentRangeAWriteStartsAtZero(String query) {
        octets(bytes).put(DATA + query).then().statusCode(200);
        assertThat(read("disk", 0, bytes.length)).isEqualTo(bytes);
    }

    @Test
    void patchWritesTheSameWay() {
        octets(bytes)
                .header("Content-Range", "bytes 5-100004/4194304")
                .patch(DATA)
                .then()
                .statusCode(200);
        octets(bytes)
                .header("Content-Range", "bytes 200000-299999/*")
                .patch(DATA + "?flush=y")
                .then()
                .statusCode(200);
        assertThat(read("disk", 5, bytes.length)).isEqualTo(bytes);
        assertThat(read("disk", 200_000, bytes.length)).isEqualTo(bytes);
        problem(octets(bytes).patch(DATA), 400, "invalid-range");
    }

    @Test
    void aFormIsWrittenAsItComes() {
        EncoderConfig asText = EncoderConfig.encoderConfig()
                .encodeContentTypeAs("application/x-www-form-urlencoded", ContentType.TEXT);
        given().config(RestAssured.config().encoderConfig(asText))
                .contentType("application/x-www-form-urlencoded")
                .body("flush=n&x=1")
                .put(DATA)
                .then()
                .statusCode(200);
        assertThat(read("disk", 0, 11)).asString().isEqualTo("flush=n&x=1");
    }

    @ParameterizedTest
    @CsvSource({
        "bytes 0-99998/*,400,invalid-range",
        "bytes 0-100000/*,400,invalid-range",
        "bytes 0-99999/5,400,invalid-range",
        "bytes 0-99999,400,invalid-range",
        "bytes 99999-0/*,400,invalid-range",
        "bytes */4194304,400,invalid-range",
        "bytes 4194304-4294303/*,416,range-not-satisfiable",
        "bytes 4094305-4194304/*,416,range-not-satisfiable"
    })
    void aRangeThatCannotBeIsRefusedBeforeAByteIsWritten(String range, int status, String type) {
        String tag = given().head(DATA).header("ETag");
        problem(octets(bytes).header("Content-Range", range).put(DATA), status, type);
        assertThat(given().head(DATA).header("ETag")).isEqualTo(tag);
    }

    @Test
    void aBodyLongerThanTheDiskIsRefused() {
        createAndOpen("small", "w/small.qcow2", "64K");
        // A body that is still being sent when the answer comes would break the connection under this client.
        problem(octets(new byte[64 * KIB + 1]).put("/drives/small/data"), 416, "range-not-satisfiable")
                .header("Content-Range", "bytes */" + 64 * KIB);
    }

    @Test
    void theLastBytesOfTheDiskCanBeWritten() {
        octets(bytes)
                .header("Content-Range", "bytes 4094304-4194303/*")
                .put(DATA)
                .then()
                .statusCode(200);
        assertThat(read("disk", 4_094_304, bytes.length)).isEqualTo(bytes);
    }

    @Test
    void conditionsGuardWrites() {
        String tag = given().head(DATA).header("ETag");
        octets(bytes).header("If-Match", tag).put(DATA).then().statusCode(200);
        problem(octets(bytes).header("If-Match", tag).put(DATA), 412, "precondition-failed");
        problem(octets(bytes).header("If-None-Match", "*").put(DATA), 412, "precondition-failed");
    }

    /** Writers on condition of one state race with each other and with one that has no condition. */
    @Test
    void ofWritesOnConditionOfOneStateOneAtMostIsCarriedOut() throws Exception {
        URI uri = URI.create("http://127.0.0.1:" + port() + DATA + "?flush=n");
        byte[] body = new byte[MIB];
        try (HttpClient client = HttpClient.newHttpClient()) {
            for (int round = 0; round < 50; round++) {
                String tag = given().head(DATA).header("ETag");
                boolean disturbed = round % 2 == 1;
                List<CompletableFuture<HttpResponse<Void>>> answers = new ArrayList<>();
                for (int writer = 0; writer < 4; writer++) {
                    Arrays.fill(body, (byte) (round * 4 + writer));
                    HttpRequest.Builder put = HttpRequest.newBuilder(uri)
                            .header("Content-Type", OCTETS)
                            .PUT(HttpRequest.BodyPublishers.ofByteArray(body.clone()));
                    boolean conditional = writer > 0 || !disturbed;
                    answers.add(client.sendAsync(
                            conditional ? put.header("If-Match", tag).build() : put.build(),
                            HttpResponse.BodyHandlers.discarding()));
                }
                List<Integer> statuses = answers.stream()
                        .map(answer -> answer.join().statusCode())
                        .toList();
                List<Integer> conditionals = disturbed ? statuses.subList(1, 4) : statuses;
                assertThat(conditionals).containsAnyOf(200, 412).doesNotContain(500);
                assertThat(conditionals.stream().filter(status -> status == 200))
                        .hasSizeLessThanOrEqualTo(1);
                if (!disturbed) {
                    int winner = statuses.indexOf(200);
                    assertThat(winner).isNotNegative();
                    assertThat(read("disk", 0, MIB)).isEqualTo(filled(MIB, round * 4 + winner));
                }
            }
        }
    }

    @Test
    void theFlushParameterTakesYOrN() {
        problem(octets(bytes).put(DATA + "?flush=maybe"), 400, "invalid-option").body("option", equalTo("flush"));
        problem(octets(bytes).put(DATA + "?flsh=n"), 400, "invalid-option").body("option", equalTo("flsh"));
    }

    @Test
    void aCodedBodyIsRefused() {
        problem(octets(bytes).header("Content-Encoding", "gzip").put(DATA), 415, "unsupported-media-type")
                .header("Accept-Encoding", "identity");
    }

    @Test
    void aDigestIsCheckedBeforeAnythingIsWritten() throws Exception {
        String good = digest("sha-256", "SHA-256", bytes);
        octets(bytes).header("Content-Digest", good).put(DATA).then().statusCode(200);
        assertThat(read("disk", 0, bytes.length)).isEqualTo(bytes);
        String tag = given().head(DATA).header("ETag");
        problem(octets(new byte[bytes.length]).header("Content-Digest", good).put(DATA), 400, "digest-mismatch");
        String both = good + ", " + digest("sha-512", "SHA-512", new byte[1]);
        problem(octets(bytes).header("Content-Digest", both).put(DATA), 400, "digest-mismatch");
        problem(octets(bytes).header("Content-Digest", "md5=:AAAA:").put(DATA), 400, "invalid-request")
                .header("Want-Content-Digest", "sha-256=10, sha-512=10");
        problem(octets(bytes).header("Content-Digest", "sha-256=nonsense").put(DATA), 400, "invalid-request");
        assertThat(given().head(DATA).header("ETag")).isEqualTo(tag);
    }

    @Test
    void aBodyTooLongToVerifyIsRefused() throws Exception {
        byte[] large = new byte[MIB + 1];
        problem(
                octets(large)
                        .header("Content-Digest", digest("sha-256", "SHA-256", large))
                        .put(DATA),
                413,
                "body-too-large");
        byte[] largest = Arrays.copyOf(large, MIB);
        octets(largest)
                .header("Content-Digest", digest("sha-256", "SHA-256", largest))
                .put(DATA)
                .then()
                .statusCode(200);
    }

    @Test
    void operationsNeedNoData() {
        octets(bytes).put(DATA).then().statusCode(200);
        json("{\"op\": \"zero\", \"offset\": 10, \"size\": 1000}")
                .patch(DATA)
                .then()
                .statusCode(200);
        json("{\"op\": \"zero\", \"size\": 5, \"flush\": true}")
                .patch(DATA)
                .then()
                .statusCode(200);
        json("{\"op\": \"discard\", \"offset\": \"64K\", \"size\": \"64K\"}")
                .patch(DATA)
                .then()
                .statusCode(200);
        json("{\"op\": \"flush\"}").patch(DATA).then().statusCode(200);
        byte[] expected = Arrays.copyOf(bytes, 131_072);
        Arrays.fill(expected, 10, 1010, (byte) 0);
        Arrays.fill(expected, 0, 5, (byte) 0);
        Arrays.fill(expected, 65_536, 131_072, (byte) 0);
        assertThat(read("disk", 0, expected.length)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"op\":\"melt\"}                                | 400 | invalid-option",
                "{\"offset\":0,\"size\":1}                        | 400 | invalid-option",
                "{\"op\":\"zero\"}                                | 400 | invalid-option",
                "{\"op\":\"zero\",\"size\":-1}                    | 400 | invalid-option",
                "{\"op\":\"zero\",\"size\":1,\"sise\":2}          | 400 | unknown-key",
                "{\"op\":\"zero\",\"size\":1,\"flush\":\"n\"}     | 400 | unreadable-json",
                "{\"op\":\"flush\",\"size\":1}                    | 400 | invalid-option",
                "{\"op\":\"zero\",\"offset\":4194304,\"size\":1}  | 416 | range-not-satisfiable",
                "{\"op\":\"zero\",\"offset\":\"1E\",\"size\":\"7E\"} | 416 | range-not-satisfiable",
                "{\"op\":\"discard\",\"offset\":1,\"size\":4194304} | 416 | range-not-satisfiable",
                "{\"op\":                                         | 400 | unreadable-json",
                "null                                             | 400 | unreadable-json",
                "[]                                               | 400 | unreadable-json"
            })
    void operationsThatCannotBeAreRefused(String body, int status, String type) {
        String tag = given().head(DATA).header("ETag");
        problem(json(body).patch(DATA), status, type);
        assertThat(given().head(DATA).header("ETag")).isEqualTo(tag);
    }

    @Test
    void patchTakesTwoMediaTypes() {
        problem(given().contentType("text/plain").body("x").patch(DATA), 415, "unsupported-media-type")
                .header("Accept-Patch", "application/octet-stream, application/json");
    }

    @Test
    void aReadOnlyDriveIsNotWritten() {
        json("{\"read-only\": true}").patch("/drives/disk").then().statusCode(200);
        problem(octets(bytes).put(DATA), 403, "read-only");
        problem(json("{\"op\": \"zero\", \"size\": 1}").patch(DATA), 403, "read-only");
    }

    @Test
    @NeedsQemu
    void whatWasWrittenIsSoundForQemu() {
        octets(bytes)
                .header("Content-Range", "bytes 777-100776/*")
                .put(DATA)
                .then()
                .statusCode(200);
        json("{\"op\": \"zero\", \"offset\": 5000, \"size\": 70000}")
                .patch(DATA)
                .then()
                .statusCode(200);
        given().delete("/drives/disk").then().statusCode(204);
        assertThat(QemuTools.check(root().resolve("w/disk.qcow2")).clean()).isTrue();
    }

    private static String digest(String name, String algorithm, byte[] bytes) throws Exception {
        byte[] digest = MessageDigest.getInstance(algorithm).digest(bytes);
        return name + "=:" + Base64.getEncoder().encodeToString(digest) + ":";
    }
}
