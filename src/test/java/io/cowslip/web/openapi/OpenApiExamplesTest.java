package io.cowslip.web.openapi;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.web.RunningService;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.yaml.snakeyaml.Yaml;
import tools.jackson.databind.json.JsonMapper;

/** Every example of the document is sent to the running service, and does what the document says. */
class OpenApiExamplesTest extends RunningService {
    private static final String OPEN_ROOT = "{\"id\": \"root\", \"file\": \"vm1/root.qcow2\"}";
    private static final JsonMapper JSON = new JsonMapper();

    private record Example(
            DocumentedOperation operation,
            String mediaType,
            String name,
            @Nullable Object body) {
        String title() {
            return operation.name() + " " + name;
        }
    }

    @TestFactory
    Stream<DynamicTest> examplesWork() throws IOException {
        Map<String, Object> document =
                OpenApiDocumentTest.map(new Yaml().load(Files.readString(Path.of("openapi", "cowslip.yaml"))));
        return DocumentedOperation.allOf(document)
                .flatMap(OpenApiExamplesTest::examples)
                .map(example -> DynamicTest.dynamicTest(example.title(), () -> run(example, document)));
    }

    private static Stream<Example> examples(DocumentedOperation operation) {
        if (operation.bodies().isEmpty()) {
            return Stream.of(new Example(operation, "", "without a body", null));
        }
        return operation.bodies().entrySet().stream()
                .flatMap(body ->
                        OpenApiDocumentTest.map(
                                        OpenApiDocumentTest.map(body.getValue()).get("examples"))
                                .entrySet()
                                .stream()
                                .map(example -> new Example(
                                        operation,
                                        body.getKey(),
                                        example.getKey(),
                                        OpenApiDocumentTest.map(example.getValue())
                                                .get("value"))));
    }

    private void run(Example example, Map<String, Object> document) throws IOException {
        closeDrives();
        prepare(example.operation);
        Response response = request(example, document)
                .request(example.operation.method(), withTicket(example.operation.examplePath()));
        assertThat(example.operation.responses().keySet())
                .as("%s answered %s", example.title(), response.asString())
                .filteredOn(status -> status.startsWith("2"))
                .contains(String.valueOf(response.statusCode()));
    }

    /** The path with a ticket of the drive {@code root} in the place of the example's. */
    private static String withTicket(String path) {
        if (!path.contains(SharedParameters.EXAMPLE_TICKET) && !path.contains(SharedParameters.EXAMPLE_TICKET_ID)) {
            return path;
        }
        JsonPath ticket = json("{\"ops\": [\"read\", \"write\"]}")
                .post("/drives/{id}/tickets", "root")
                .jsonPath();
        return path.replace(SharedParameters.EXAMPLE_TICKET, ticket.getString("ticket"))
                .replace(SharedParameters.EXAMPLE_TICKET_ID, ticket.getString("id"));
    }

    /** The volumes that the examples speak of, and the drive {@code root}, unless the example opens one itself. */
    private static void prepare(DocumentedOperation operation) throws IOException {
        file("vm1/new.qcow2");
        file("vm1/new.data");
        Files.write(file("plain.raw"), new byte[MIB]);
        Files.write(file("spare.qcow2"), new byte[MIB]);
        file("vm1/base.qcow2");
        file("vm1/root.qcow2");
        json("{\"virtual-size\": \"8M\"}").put("/volumes/vm1/base.qcow2").then().statusCode(201);
        json("{\"backing-file\": \"base.qcow2\", \"backing-format\": \"qcow2\"}")
                .put("/volumes/vm1/root.qcow2")
                .then()
                .statusCode(201);
        boolean aboutVolumes =
                operation.path().startsWith("/volumes") || operation.path().startsWith("/files");
        if (!operation.id().equals("openDrive") && !aboutVolumes) {
            json(OPEN_ROOT).post("/drives").then().statusCode(201);
        }
        if (operation.path().startsWith("/drives/{id}/bitmaps")) {
            json("{\"name\": \"nightly\"}")
                    .post("/drives/{id}/bitmaps", "root")
                    .then()
                    .statusCode(201);
            json("{\"name\": \"weekly\"}")
                    .post("/drives/{id}/bitmaps", "root")
                    .then()
                    .statusCode(201);
        }
        if (operation.path().startsWith("/drives/{id}/snapshots")) {
            json("{\"name\": \"monday\"}")
                    .post("/drives/{id}/snapshots", "root")
                    .then()
                    .statusCode(201);
        }
        if (operation.path().startsWith("/jobs")) {
            prepareJobs();
        }
        if (operation.id().equals("restartJob")) {
            ended("/jobs/nightly");
        }
        if (operation.path().startsWith("/files") || operation.path().startsWith("/jobs")) {
            prepareUploads();
        }
        if (operation.path().contains("/key-slots")) {
            prepareKeySlots();
        }
    }

    /** An encrypted drive with two passphrases. */
    private static void prepareKeySlots() {
        file("vm1/secret.qcow2");
        json("{\"virtual-size\": \"1M\", \"encrypt\": {\"key-secret\": \"correct horse\", \"iter-time\": 1}}")
                .put("/volumes/vm1/secret.qcow2")
                .then()
                .statusCode(201);
        json("{\"id\": \"secret\", \"file\": \"vm1/secret.qcow2\", \"encrypt\": {\"key-secret\": \"correct horse\"}}")
                .post("/drives")
                .then()
                .statusCode(201);
        json("{\"key-secret\": \"correct horse\", \"new-secret\": \"x\", \"keyslot\": 1, \"iter-time\": 1}")
                .post("/drives/secret/key-slots")
                .then()
                .statusCode(201);
    }

    /** An upload that is under way, and one that is whole. */
    private static void prepareUploads() {
        file("vm1/uploaded.raw");
        file("vm1/arriving.raw");
        file("export/arrived.qcow2");
        for (String name : List.of("arriving", "arrived")) {
            octets("sixteen bytes...".getBytes(StandardCharsets.US_ASCII))
                    .header("Upload-Complete", "?0")
                    .header("Upload-Length", name.equals("arrived") ? 16 : 32)
                    .put("/files/vm1/" + name + ".raw?format=raw")
                    .then()
                    .statusCode(201);
        }
    }

    /** A volume to repair, one over it, and the job that the examples name, which has ended or not. */
    private static void prepareJobs() {
        file("spare.qcow2");
        json("{\"virtual-size\": \"1M\"}").put("/volumes/spare.qcow2").then().statusCode(201);
        file("vm1/clone.qcow2");
        json("{\"backing-file\": \"../spare.qcow2\", \"backing-format\": \"qcow2\"}")
                .put("/volumes/vm1/clone.qcow2")
                .then()
                .statusCode(201);
        json("{\"type\": \"check\", \"id\": \"nightly\", \"drive\": \"root\"}").post("/jobs");
    }

    private static RequestSpecification request(Example example, Map<String, Object> document) {
        RequestSpecification request = given();
        example.operation
                .parameters()
                .filter(parameter -> parameter.containsKey("example"))
                .forEach(parameter -> {
                    String name = String.valueOf(parameter.get("name"));
                    String value = String.valueOf(parameter.get("example"));
                    switch (String.valueOf(parameter.get("in"))) {
                        case "query" -> request.queryParam(name, value);
                        case "header" -> request.header(name, value);
                        default -> assertThat(parameter.get("in")).isEqualTo("path");
                    }
                });
        if (example.body == null) {
            return request;
        }
        request.contentType(example.mediaType);
        if (example.body instanceof String text && !example.mediaType.equals(OCTETS)) {
            return request.body(text.getBytes(StandardCharsets.US_ASCII));
        }
        if (example.mediaType.equals(OCTETS) && example.operation.path().startsWith("/files")) {
            return request.body(Objects.toString(example.body).getBytes(StandardCharsets.US_ASCII));
        }
        if (example.mediaType.equals(OCTETS)) {
            Map<String, Object> components = OpenApiDocumentTest.map(document.get("components"));
            Map<String, Object> range = OpenApiDocumentTest.map(
                    OpenApiDocumentTest.map(components.get("parameters")).get("Content-Range"));
            return request.header("Content-Range", String.valueOf(range.get("example")))
                    .body(Objects.toString(example.body).getBytes(StandardCharsets.US_ASCII));
        }
        return request.body(JSON.writeValueAsString(example.body));
    }
}
