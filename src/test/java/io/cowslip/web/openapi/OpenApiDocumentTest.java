package io.cowslip.web.openapi;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.web.RunningService;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;

/** The contract that is checked in is the one that the controllers have, and it says all that a caller needs. */
class OpenApiDocumentTest extends RunningService {
    private static final Path CHECKED_IN = Path.of("openapi", "cowslip.yaml");
    private static final String WRITE = "cowslip.openapi.write";

    @Test
    void theCheckedInDocumentIsTheGeneratedOne() throws IOException {
        String generated = generated();
        if (Boolean.getBoolean(WRITE)) {
            Files.createDirectories(CHECKED_IN.getParent());
            Files.writeString(CHECKED_IN, generated);
        }
        assertThat(CHECKED_IN)
                .as("openapi/cowslip.yaml differs from the controllers; ./mvnw verify -D%s=true writes it anew", WRITE)
                .content(StandardCharsets.UTF_8)
                .isEqualTo(generated);
    }

    @Test
    void everyOperationSaysWhatItDoesAndHowItFails() {
        List<String> lacking = new ArrayList<>();
        operations().forEach(operation -> {
            if (operation.text("operationId").isEmpty()
                    || operation.text("summary").isEmpty()) {
                lacking.add(operation.name() + " has no operationId or summary");
            }
            if (operation.responses().keySet().stream().noneMatch(status -> status.startsWith("2"))) {
                lacking.add(operation.name() + " has no success");
            }
            if (!isPlainList(operation) && problems(operation).isEmpty()) {
                lacking.add(operation.name() + " has no problem");
            }
        });
        assertThat(lacking).isEmpty();
    }

    /** What takes nothing and opens nothing cannot go wrong. */
    private static boolean isPlainList(DocumentedOperation operation) {
        return List.of("GET /drives", "GET /jobs", "GET /uploads", "OPTIONS /files/{path}")
                .contains(operation.name());
    }

    @Test
    void everyPlaceForAValueHasAnExample() {
        List<String> lacking = new ArrayList<>();
        operations().forEach(operation -> {
            operation
                    .pathParameters()
                    .filter(parameter -> !parameter.containsKey("example"))
                    .forEach(parameter -> {
                        lacking.add(operation.name() + " parameter " + parameter.get("name"));
                    });
            operation.bodies().forEach((type, body) -> {
                if (!map(body).containsKey("examples") && !map(body).containsKey("example")) {
                    lacking.add(operation.name() + " body " + type);
                }
            });
        });
        assertThat(lacking).isEmpty();
    }

    @Test
    void everyReferenceLeadsSomewhere() {
        String generated = generated();
        Map<String, Object> document = map(new Yaml().load(generated));
        List<String> references = Pattern.compile("\\$ref: \"#/([^\"]+)\"")
                .matcher(generated)
                .results()
                .map(match -> match.group(1))
                .distinct()
                .toList();
        assertThat(references).isNotEmpty().allSatisfy(reference -> {
            Map<String, Object> place = document;
            for (String step : List.of(reference.split("/", -1))) {
                assertThat(place).containsKey(step);
                place = map(place.get(step));
            }
        });
    }

    private static String generated() {
        return given().get("/v3/api-docs.yaml").then().statusCode(200).extract().asString();
    }

    private static List<String> problems(DocumentedOperation operation) {
        return operation.responses().entrySet().stream()
                .filter(response ->
                        response.getKey().startsWith("4") || response.getKey().startsWith("5"))
                .filter(response ->
                        map(map(response.getValue()).get("content")).containsKey("application/problem+json"))
                .map(Map.Entry::getKey)
                .toList();
    }

    private static Stream<DocumentedOperation> operations() {
        return DocumentedOperation.allOf(map(new Yaml().load(generated())));
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> map(@Nullable Object value) {
        return (Map<String, Object>) Objects.requireNonNullElse(value, Map.of());
    }
}
