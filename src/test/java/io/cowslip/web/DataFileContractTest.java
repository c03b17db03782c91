package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasKey;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.not;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Volumes whose data is in a file of its own, over HTTP. */
@NeedsQemu
class DataFileContractTest extends RunningService {

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aVolumeWithADataFileIsMadeAndUsed(boolean raw) throws IOException {
        Path image = file("df/image.qcow2");
        Path data = file("df/image.data");
        create("df/image.qcow2", "\"data-file\": \"image.data\", \"data-file-raw\": " + raw)
                .statusCode(201)
                .body("[0].format-specific.data.data-file", equalTo("image.data"))
                .body("[0].format-specific.data.data-file-raw", equalTo(raw));
        QemuTools.img("check", "--image-opts", forQemu(image, data)).succeeded();
        open("d", "df/image.qcow2");
        given().get("/drives/d/data/extents")
                .then()
                .body("$", hasSize(1))
                .body("[0].zero", equalTo(true))
                .body("[0].length", equalTo(MIB));
        write("d", 100_000, filled(50_000, 7));
        json("{\"op\": \"zero\", \"offset\": 120000, \"size\": 10000}").patch("/drives/d/data");
        given().delete("/drives/d").then().statusCode(204);

        byte[] disk = new byte[MIB];
        Arrays.fill(disk, 100_000, 150_000, (byte) 7);
        Arrays.fill(disk, 120_000, 130_000, (byte) 0);
        Path model = Files.write(file("df/model.raw"), disk);
        QemuTools.img("check", "--image-opts", forQemu(image, data)).succeeded();
        QemuTools.img("compare", "--image-opts", forQemu(image, data), "driver=raw,file.filename=" + model)
                .succeeded();
        if (raw) {
            assertThat(Files.readAllBytes(data)).isEqualTo(disk);
        }
    }

    @Test
    void aVolumeWithoutOneSaysNothingOfIt() {
        file("df/plain.qcow2");
        create("df/plain.qcow2", "\"compat\": \"1.1\"")
                .statusCode(201)
                .body("[0].format-specific.data", not(hasKey("data-file")))
                .body("[0].format-specific.data", not(hasKey("data-file-raw")));
    }

    @Test
    void aDataFileInUseIsNeitherDeletedNorShared() {
        made("df/one.qcow2", "one.data");
        problem(given().delete("/volumes/df/one.data"), 409, "in-use")
                .body("detail", equalTo("\"df/one.qcow2\" has its data in \"df/one.data\""));
        open("one", "df/one.qcow2");
        problem(json("{\"file\": \"df/one.data\", \"format\": \"raw\"}").post("/drives"), 409, "in-use");
        made("df/two.qcow2", "two.data");
        problem(
                json("{\"file\": \"df/two.qcow2\", \"data-file\": \"one.data\"}")
                        .post("/drives"),
                409,
                "in-use");
        problem(given().delete("/volumes/df/one.data"), 409, "in-use");
        given().delete("/drives/one");
        given().delete("/volumes/df/one.qcow2").then().statusCode(204);
        given().delete("/volumes/df/one.data").then().statusCode(204);
    }

    @Test
    void readersShareADataFileUntilOneWrites() {
        made("df/shared.qcow2", "shared.data");
        json("{\"id\": \"a\", \"file\": \"df/shared.qcow2\", \"read-only\": true}")
                .post("/drives")
                .then()
                .statusCode(201);
        json("{\"id\": \"b\", \"file\": \"df/shared.data\", \"format\": \"raw\", \"read-only\": true}")
                .post("/drives")
                .then()
                .statusCode(201);
        problem(json("{\"read-only\": false}").patch("/drives/a"), 409, "in-use");
        given().delete("/drives/b");
        json("{\"read-only\": false}").patch("/drives/a").then().statusCode(200);
        write("a", 0, filled(10, 1));
    }

    @Test
    void theDataFileMayBeNamedAndCannotChange() throws IOException {
        made("df/named.qcow2", "named.data");
        Files.move(root().resolve("df/named.data"), file("df/elsewhere.data"));
        problem(json("{\"file\": \"df/named.qcow2\"}").post("/drives"), 404, "not-found");
        json("{\"id\": \"n\", \"file\": \"df/named.qcow2\", \"data-file\": \"elsewhere.data\"}")
                .post("/drives")
                .then()
                .statusCode(201)
                .body("options.data-file", equalTo("elsewhere.data"));
        problem(json("{\"data-file\": \"named.data\"}").patch("/drives/n"), 400, "invalid-option")
                .body("option", equalTo("data-file"));
        json("{\"l2-cache-size\": \"64K\"}").patch("/drives/n").then().statusCode(200);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"data-file\": \"../../out\"            | 403 | forbidden-path",
                "\"data-file\": \"json:{}\"              | 403 | forbidden-path",
                "\"data-file\": \"\"                     | 400 | invalid-option",
                "\"data-file\": \"d\", \"compat\": \"0.10\" | 400 | invalid-option",
                "\"data-file\": \"d\", \"format\": \"raw\"  | 400 | invalid-option",
                "\"data-file\": \"there.data\"           | 409 | already-exists",
                "\"data-file\": \"refused.qcow2\"        | 409 | already-exists"
            })
    void whatCannotBeLeavesNoFile(String options, int status, String type) throws IOException {
        Path image = file("df/refused.qcow2");
        Files.write(file("df/there.data"), new byte[] {1});
        problem(json("{\"virtual-size\": \"1M\", " + options + "}").put("/volumes/df/refused.qcow2"), status, type);
        assertThat(image).doesNotExist();
        assertThat(Files.readAllBytes(root().resolve("df/there.data"))).containsExactly(1);
    }

    /** QEMU takes a relative name in a header for one of its working directory's. */
    private static String forQemu(Path image, Path data) {
        return "driver=qcow2,file.filename=" + image + ",data-file.filename=" + data;
    }

    private static void made(String volume, String dataFile) {
        file(volume);
        file("df/" + dataFile);
        create(volume, "\"data-file\": \"" + dataFile + "\"").statusCode(201);
    }

    private static io.restassured.response.ValidatableResponse create(String volume, String options) {
        return json("{\"virtual-size\": \"1M\", " + options + "}")
                .put("/volumes/" + volume)
                .then();
    }
}
