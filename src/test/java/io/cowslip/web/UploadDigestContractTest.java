package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.RandomData;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Digests of parts and of whole files (RFC 9530): told, checked, and what they do not fit does not count. */
class UploadDigestContractTest extends UploadingService {
    @Test
    void digestsAreCheckedAndTold() throws IOException {
        byte[] bytes = RandomData.disk(new SplittableRandom(6), 600_000);
        String right = sha256(bytes);
        file("upload-digests/digest.raw");
        octets(bytes)
                .header("Repr-Digest", right)
                .header("Want-Repr-Digest", "sha-256=10")
                .put("/files/upload-digests/digest.raw?format=raw")
                .then()
                .statusCode(201)
                .header("Repr-Digest", right);
        file("upload-digests/digest.raw");
        problem(
                octets(bytes)
                        .header("Repr-Digest", sha256(new byte[1]))
                        .put("/files/upload-digests/digest.raw?format=raw"),
                400,
                "digest-mismatch");
        given().head("/files/upload-digests/digest.raw").then().statusCode(404);
    }

    @Test
    void aPartWithAWrongDigestDoesNotCount() throws IOException {
        Path volume = file("upload-digests/part.raw");
        byte[] bytes = filled(500_000, 9);
        octets(Arrays.copyOf(bytes, 100_000))
                .header("Upload-Complete", "?0")
                .header("Want-Repr-Digest", "sha-256=1")
                .put("/files/upload-digests/part.raw?format=raw")
                .then()
                .statusCode(201);
        problem(
                part(100_000, "?1", filled(400_000, 8))
                        .header("Content-Digest", sha256(new byte[2]))
                        .patch("/files/upload-digests/part.raw?format=raw"),
                400,
                "digest-mismatch");
        given().head("/files/upload-digests/part.raw").then().header("Upload-Offset", "100000");
        byte[] rest = Arrays.copyOfRange(bytes, 100_000, 500_000);
        part(100_000, "?1", rest)
                .header("Content-Digest", sha256(rest))
                .header("Want-Repr-Digest", "sha-256=1")
                .patch("/files/upload-digests/part.raw?format=raw")
                .then()
                .statusCode(201)
                .header("Repr-Digest", sha256(bytes));
        assertThat(volume).hasBinaryContent(bytes);
    }

    @Test
    void aDigestThatNobodyBeganIsCheckedByAJob() throws IOException {
        byte[] bytes = filled(300_000, 4);
        Path volume = file("upload-digests/late.raw");
        octets(Arrays.copyOf(bytes, 1000))
                .header("Upload-Complete", "?0")
                .put("/files/upload-digests/late.raw?format=raw");
        Response last = part(1000, "?1", Arrays.copyOfRange(bytes, 1000, 300_000))
                .header("Repr-Digest", sha256(bytes))
                .patch("/files/upload-digests/late.raw?format=raw");
        assertThat(last.statusCode()).isEqualTo(202);
        JsonPath job = ended(last.header("Location"));
        assertThat(job.getString("state")).as(job.prettify()).isEqualTo("completed");
        assertThat(job.getString("type")).isEqualTo("import");
        assertThat(volume).hasBinaryContent(bytes);
        file("upload-digests/late.raw");
        octets(Arrays.copyOf(bytes, 1000))
                .header("Upload-Complete", "?0")
                .put("/files/upload-digests/late.raw?format=raw");
        String location = part(1000, "?1", new byte[5])
                .header("Repr-Digest", sha256(bytes))
                .patch("/files/upload-digests/late.raw?format=raw")
                .header("Location");
        assertThat(ended(location).getString("problem.type")).isEqualTo("/problems/digest-mismatch");
        assertThat(volume).doesNotExist();
        given().head("/files/upload-digests/late.raw").then().statusCode(404);
        problem(given().post(location + "/restart"), 404, "not-found");
    }

    private static String sha256(byte[] bytes) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes);
            return "sha-256=:" + Base64.getEncoder().encodeToString(digest) + ":";
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
