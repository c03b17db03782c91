package io.cowslip.web.openapi;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import io.cowslip.drive.DriveId;
import io.cowslip.job.JobId;
import io.cowslip.security.EndpointRules;
import io.cowslip.web.json.ByteSize;
import io.cowslip.web.json.StrictJson;
import io.cowslip.web.problem.ProblemType;
import io.swagger.v3.core.jackson.ModelResolver;
import io.swagger.v3.oas.models.Components;
import io.swagger.v3.oas.models.OpenAPI;
import io.swagger.v3.oas.models.Operation;
import io.swagger.v3.oas.models.Paths;
import io.swagger.v3.oas.models.examples.Example;
import io.swagger.v3.oas.models.info.Info;
import io.swagger.v3.oas.models.info.License;
import io.swagger.v3.oas.models.media.Content;
import io.swagger.v3.oas.models.media.IntegerSchema;
import io.swagger.v3.oas.models.media.MediaType;
import io.swagger.v3.oas.models.media.ObjectSchema;
import io.swagger.v3.oas.models.media.Schema;
import io.swagger.v3.oas.models.media.StringSchema;
import io.swagger.v3.oas.models.parameters.HeaderParameter;
import io.swagger.v3.oas.models.parameters.Parameter;
import io.swagger.v3.oas.models.responses.ApiResponse;
import io.swagger.v3.oas.models.servers.Server;
import io.swagger.v3.oas.models.tags.Tag;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.springdoc.core.customizers.OpenApiCustomizer;
import org.springdoc.core.customizers.OperationCustomizer;
import org.springdoc.core.utils.SpringDocUtils;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** The description of the API, generated from the controllers. {@code openapi/cowslip.yaml} is a copy of it. */
@Configuration(proxyBeanMethods = false)
class OpenApiConfiguration {
    private static final String PROBLEM = "Problem";
    static final String PROBLEM_JSON = "application/problem+json";
    static final String PROBLEM_REFERENCE = "#/components/schemas/" + PROBLEM;

    static {
        SpringDocUtils.getConfig()
                .replaceWithSchema(DriveId.class, new StringSchema())
                .replaceWithSchema(JobId.class, new StringSchema())
                .replaceWithSchema(
                        ByteSize.class,
                        new Schema<>()
                                .types(new LinkedHashSet<>(List.of("integer", "string")))
                                .description("A number of bytes; in requests also a text with a suffix, such as 64K"));
    }

    @Bean
    OpenAPI cowslipApi() {
        return new OpenAPI()
                .info(new Info()
                        .title("Cowslip")
                        .version("1")
                        .description(
                                "Serves the bytes of qcow2 virtual disks, with QEMU's own cache options. The version"
                                        + " may be given in the API-Version header.")
                        .license(new License().name("Apache-2.0")))
                .servers(List.of(new Server().url("/")))
                .components(new Components()
                        .addSchemas(PROBLEM, problemSchema())
                        .parameters(parameters())
                        .examples(examples()));
    }

    /** The naming of {@link StrictJson} once more, for a describer that brings its own mapper. */
    @Bean
    ModelResolver modelResolver() {
        return new ModelResolver(new ObjectMapper().setPropertyNamingStrategy(PropertyNamingStrategies.KEBAB_CASE));
    }

    private static Schema<?> problemSchema() {
        return new ObjectSchema()
                .description("A problem (RFC 9457)")
                .addProperty("type", new StringSchema().format("uri-reference"))
                .addProperty("title", new StringSchema())
                .addProperty("status", new IntegerSchema())
                .addProperty("detail", new StringSchema())
                .addProperty("instance", new StringSchema().format("uri-reference"))
                .addProperty("option", new StringSchema().description("The option, parameter or key at fault"));
    }

    private static Map<String, Parameter> parameters() {
        Map<String, Parameter> parameters = new TreeMap<>();
        parameters.put(
                SharedParameters.IF_MATCH, header(SharedParameters.IF_MATCH, "Only if the ETag is still this one"));
        parameters.put(
                SharedParameters.IF_NONE_MATCH,
                header(SharedParameters.IF_NONE_MATCH, "Only if the ETag is none of these"));
        parameters.put(
                SharedParameters.IF_RANGE, header(SharedParameters.IF_RANGE, "The Range counts only for this ETag"));
        parameters.put(
                SharedParameters.CONTENT_RANGE,
                header(SharedParameters.CONTENT_RANGE, "Where the body goes").example("bytes 512-527/*"));
        parameters.put(
                SharedParameters.CONTENT_DIGEST,
                header(SharedParameters.CONTENT_DIGEST, "RFC 9530: checked before anything is written"));
        return parameters;
    }

    private static Parameter header(String name, String description) {
        return new HeaderParameter().name(name).description(description).schema(new StringSchema());
    }

    /** Adds what an operation {@link Fails} with: a response for each status, an example for each type. */
    @Bean
    OperationCustomizer problems() {
        return (operation, method) -> {
            new OperationAnnotations(method.getMethod())
                    .problems().stream()
                            .collect(Collectors.groupingBy(ProblemType::status, TreeMap::new, Collectors.toList()))
                            .forEach((status, types) -> addResponse(operation, String.valueOf(status.value()), types));
            return operation;
        };
    }

    private static void addResponse(Operation operation, String status, List<ProblemType> types) {
        MediaType problem = new MediaType().schema(new Schema<>().$ref(PROBLEM_REFERENCE));
        for (ProblemType type : types) {
            problem.addExamples(type.wireName(), new Example().$ref("#/components/examples/" + type.wireName()));
        }
        String titles = types.stream().map(ProblemType::title).collect(Collectors.joining("; "));
        operation
                .getResponses()
                .addApiResponse(
                        status,
                        new ApiResponse()
                                .description(titles)
                                .content(new Content().addMediaType(PROBLEM_JSON, problem)));
    }

    /**
     * Puts parameters that stand beside {@code @Operation} in the order in which they stand, after those that stand in
     * it and before those of the path.
     */
    @Bean
    OperationCustomizer parametersInOrder() {
        return (operation, method) -> {
            List<String> names = new OperationAnnotations(method.getMethod()).parameterNames();
            if (!names.isEmpty()) {
                operation.getParameters().sort(Comparator.comparingInt(parameter -> place(parameter, names)));
            }
            return operation;
        };
    }

    private static int place(Parameter parameter, List<String> names) {
        if ("path".equals(parameter.getIn())) {
            return names.size();
        }
        String reference = parameter.get$ref();
        return names.indexOf(
                reference == null ? parameter.getName() : reference.substring(reference.lastIndexOf('/') + 1));
    }

    private static Map<String, Example> examples() {
        Map<String, Example> examples = new TreeMap<>();
        for (ProblemType type : ProblemType.values()) {
            Map<String, Object> problem = new LinkedHashMap<>();
            problem.put("type", type.uri().toString());
            problem.put("title", type.title());
            problem.put("status", type.status().value());
            problem.put("detail", type.explanation());
            examples.put(type.wireName(), new Example().value(problem));
        }
        return examples;
    }

    /**
     * Puts paths and schemas in an order that does not depend on the order of beans. OpenAPI has no patterns that span
     * segments, so the path of a volume is one plain parameter.
     */
    @Bean
    OpenApiCustomizer settledOrder(EndpointRules rules) {
        return api -> {
            new DescribedAccess(rules).describe(api);
            Paths paths = new Paths();
            new TreeMap<>(api.getPaths()).forEach((path, item) -> paths.addPathItem(path.replace("{*", "{"), item));
            api.setPaths(paths);
            api.getComponents().setSchemas(new TreeMap<>(api.getComponents().getSchemas()));
            api.getTags().sort(Comparator.comparing(Tag::getName));
        };
    }
}
