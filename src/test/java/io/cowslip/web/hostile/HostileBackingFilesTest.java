package io.cowslip.web.hostile;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The backing files that images name are in the image root, and those of uploads are what the request names. */
@NeedsQemu
@DisplayName(
        "Backing file names a host file: CVE-2011-3147, CVE-2015-5163, CVE-2014-0134, CVE-2026-27211; protocols: CVE-2024-4467")
class HostileBackingFilesTest extends HostileService {
    @ParameterizedTest
    @MethodSource("namesInImages")
    void noChainLeadsOut(String name) throws IOException {
        overlay("hostile/over.qcow2", name, "raw");
        String image = "\"file\": \"hostile/over.qcow2\"";
        assertRefused("a drive", json("{" + image + "}").post("/drives"), name);
        assertRefused("the facts", given().get("/volumes/hostile/over.qcow2"), name);
        file("hostile/new.qcow2");
        assertJobRefused(
                "a conversion",
                "{\"type\": \"convert\", " + image + ", \"target\": {\"file\": \"hostile/new.qcow2\"}}",
                name);
        assertJobRefused("a map", "{\"type\": \"map\", " + image + "}", name);
        assertJobRefused("a commit", "{\"type\": \"commit\", " + image + "}", name);
        assertJobRefused("a rebase", "{\"type\": \"rebase\", " + image + ", \"backing-file\": null}", name);
        assertRefused("a download", given().get("/files/hostile/over.qcow2?format=raw"), name);
        assertRefused(
                "a clone", json("{\"clone-of\": \"hostile/over.qcow2\"}").put("/volumes/hostile/new.qcow2"), name);
        byte[] bytes = Files.readAllBytes(root().resolve("hostile/over.qcow2"));
        file("hostile/up.qcow2");
        assertRefused("an upload", octets(bytes).put("/files/hostile/up.qcow2"), name);
        Files.write(file("hostile/own.raw"), filled(MIB, 1));
        assertRefused(
                "an upload that names another",
                octets(bytes).put("/files/hostile/up.qcow2?backing-file=hostile/own.raw"),
                name);
        assertThat(root().resolve("hostile/up.qcow2")).doesNotExist();
    }

    @Test
    void anUploadStandsOnWhatTheRequestNamesOnly() throws IOException {
        Files.write(file("hostile/mine.raw"), filled(MIB, 1));
        Files.write(file("hostile/other.raw"), content());
        overlay("hostile/over.qcow2", "other.raw", "raw");
        byte[] bytes = Files.readAllBytes(root().resolve("hostile/over.qcow2"));
        file("hostile/up.qcow2");
        String path = "/files/hostile/up.qcow2";
        problem(octets(bytes).put(path), 422, "invalid-image").body("option", equalTo("backing-file"));
        problem(octets(bytes).put(path + "?backing-file=hostile/mine.raw"), 422, "invalid-image")
                .body("option", equalTo("backing-file"));
        problem(octets(bytes).put(path + "?backing-file=" + "..%2fsecret.raw"), 403, "forbidden-path");
        octets(bytes).put(path + "?backing-file=hostile/other.raw").then().statusCode(201);
    }

    @Test
    @DisplayName("What an upload did not name it never names, unless a request says so")
    void theOriginOfAnImageIsKept() throws IOException {
        Files.write(file("hostile/other.raw"), content());
        Path local = QemuTools.create(file("hostile/local.qcow2"), MIB, "");
        Path volume = file("hostile/up.qcow2");
        octets(Files.readAllBytes(local)).put("/files/hostile/up.qcow2").then().statusCode(201);
        QemuTools.img("rebase", "-u", "-F", "raw", "-b", "other.raw", volume.toString())
                .succeeded();
        problem(json("{\"file\": \"hostile/up.qcow2\"}").post("/drives"), 422, "invalid-image")
                .body("option", equalTo("backing-file"));
        problem(given().get("/volumes/hostile/up.qcow2"), 422, "invalid-image");
        json("{\"backing-file\": \"other.raw\", \"backing-format\": \"raw\"}")
                .contentType("application/json")
                .patch("/volumes/hostile/up.qcow2")
                .then()
                .statusCode(200);
        open("hostile", "hostile/up.qcow2");
        assertThat(new String(read("hostile", 0, CANARY.length()), StandardCharsets.US_ASCII))
                .isEqualTo(CANARY);
    }

    @Test
    void aFormatThatNobodySaysIsNotGuessed() throws IOException {
        Files.write(file("hostile/base"), Files.readAllBytes(QemuTools.create(file("hostile/real.qcow2"), MIB, "")));
        overlay("hostile/over.qcow2", "base", "qcow2");
        byte[] image = Files.readAllBytes(root().resolve("hostile/over.qcow2"));
        int format = new String(image, StandardCharsets.ISO_8859_1).indexOf("\u00e2\u0079\u002a\u00ca");
        // The extension that names the format becomes an unknown one.
        image[format] = 0x11;
        Files.write(root().resolve("hostile/over.qcow2"), image);
        problem(json("{\"file\": \"hostile/over.qcow2\"}").post("/drives"), 400, "invalid-option")
                .body("option", equalTo("backing"));
        json("{\"id\": \"said\", \"file\": \"hostile/over.qcow2\", \"backing\": {\"format\": \"qcow2\"}}")
                .post("/drives")
                .then()
                .statusCode(201);
    }
}
