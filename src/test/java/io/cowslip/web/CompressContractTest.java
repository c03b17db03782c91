package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Drives that compress what is written to them. */
@NeedsQemu
class CompressContractTest extends RunningService {

    /** An upload of any length at any place compresses each cluster, those at its ends with what is around. */
    @ParameterizedTest
    @CsvSource({"64K, zlib", "64K, zstd", "2M, zlib", "2M, zstd"})
    void anUploadIsCompressed(String clusterSize, String type) throws IOException {
        Path volume = file("c/disk.qcow2");
        json("{\"virtual-size\": \"16M\", \"cluster-size\": \"%s\", \"compression-type\": \"%s\"}"
                        .formatted(clusterSize, type))
                .put("/volumes/c/disk.qcow2")
                .then()
                .statusCode(201);
        json("{\"id\": \"disk\", \"file\": \"c/disk.qcow2\", \"compress\": true}")
                .post("/drives")
                .then()
                .statusCode(201)
                .body("compress", equalTo(true))
                .body("options.compress", equalTo(true));
        byte[] bytes = text(7_000_001);
        octets(bytes)
                .header("Content-Range", "bytes 100001-7100001/*")
                .put("/drives/disk/data")
                .then()
                .statusCode(200);
        assertThat(read("disk", 100_001, bytes.length)).isEqualTo(bytes);
        given().delete("/drives/disk").then().statusCode(204);

        byte[] disk = new byte[16 << 20];
        System.arraycopy(bytes, 0, disk, 100_001, bytes.length);
        Path raw = Files.write(volume.resolveSibling("disk.raw"), disk);
        assertThat(QemuTools.check(volume).clean()).isTrue();
        QemuTools.compare(volume, "qcow2", raw, "raw").succeeded();
        boolean large = clusterSize.equals("2M");
        assertThat(QemuTools.compressedClusters(volume)).isEqualTo(large ? 4 : 108);
        long metadata = 5L * (large ? 2 << 20 : 64 << 10);
        assertThat(Files.size(volume)).isLessThan(metadata + 4 * bytes.length / 5);
    }

    @Test
    void itChangesWhileTheDriveIsOpen() {
        createAndOpen("disk", "c/switch.qcow2", "4M");
        octets(text(65536)).put("/drives/disk/data").then().statusCode(200);
        patch("{\"compress\": true}").then().statusCode(200).body("compress", equalTo(true));
        octets(text(65536))
                .header("Content-Range", "bytes 65536-131071/*")
                .put("/drives/disk/data")
                .then()
                .statusCode(200);
        patch("{\"compress\": null}").then().statusCode(200).body("compress", equalTo(false));
        given().delete("/drives/disk").then().statusCode(204);
        assertThat(QemuTools.compressedClusters(root().resolve("c/switch.qcow2")))
                .isEqualTo(1);
    }

    @Test
    void whereNothingCanBeCompressedItIsRefused() throws IOException {
        Path raw = file("c/plain.raw");
        Files.write(raw, new byte[4096]);
        problem(
                        json("{\"file\": \"c/plain.raw\", \"format\": \"raw\", \"compress\": true}")
                                .post("/drives"),
                        400,
                        "invalid-option")
                .body("option", equalTo("compress"));
        given().get("/drives").then().body("size()", equalTo(0));
    }

    private static Response patch(String body) {
        return given().contentType("application/merge-patch+json").body(body).patch("/drives/disk");
    }

    private static byte[] text(int length) {
        byte[] bytes = new byte[length];
        new Random(length).nextBytes(bytes);
        for (int index = 0; index < length; index++) {
            bytes[index] = (byte) ('a' + (bytes[index] & 15));
        }
        return bytes;
    }
}
