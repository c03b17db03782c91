package io.cowslip.web.openapi;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/** One operation of an OpenAPI document. */
record DocumentedOperation(String method, String path, Map<String, Object> members) {

    static Stream<DocumentedOperation> allOf(Map<String, Object> document) {
        return OpenApiDocumentTest.map(document.get("paths")).entrySet().stream()
                .flatMap(path -> OpenApiDocumentTest.map(path.getValue()).entrySet().stream()
                        .map(method -> new DocumentedOperation(
                                method.getKey().toUpperCase(Locale.ROOT),
                                path.getKey(),
                                OpenApiDocumentTest.map(method.getValue()))));
    }

    String name() {
        return method + " " + path;
    }

    String id() {
        return text("operationId");
    }

    String text(String member) {
        return Objects.toString(members.get(member), "");
    }

    Map<String, Object> responses() {
        return OpenApiDocumentTest.map(members.get("responses"));
    }

    /** The request's bodies by media type. */
    Map<String, Object> bodies() {
        return OpenApiDocumentTest.map(
                OpenApiDocumentTest.map(members.get("requestBody")).get("content"));
    }

    Stream<Map<String, Object>> pathParameters() {
        return parameters().filter(parameter -> "path".equals(parameter.get("in")));
    }

    /** Parameters that stand here, not those referred to. */
    Stream<Map<String, Object>> parameters() {
        return ((List<?>) Objects.requireNonNullElse(members.get("parameters"), List.of()))
                .stream().map(OpenApiDocumentTest::map);
    }

    /** The path with its examples filled in. */
    String examplePath() {
        String filled = path;
        for (Map<String, Object> parameter : pathParameters().toList()) {
            filled = filled.replace("{" + parameter.get("name") + "}", String.valueOf(parameter.get("example")));
        }
        return filled;
    }
}
