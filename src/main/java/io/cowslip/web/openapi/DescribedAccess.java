package io.cowslip.web.openapi;

import io.cowslip.access.Scope;
import io.cowslip.security.Access;
import io.cowslip.security.EndpointRules;
import io.cowslip.web.problem.ProblemType;
import io.swagger.v3.oas.models.OpenAPI;
import io.swagger.v3.oas.models.Operation;
import io.swagger.v3.oas.models.examples.Example;
import io.swagger.v3.oas.models.media.Content;
import io.swagger.v3.oas.models.media.MediaType;
import io.swagger.v3.oas.models.media.Schema;
import io.swagger.v3.oas.models.responses.ApiResponse;
import io.swagger.v3.oas.models.responses.ApiResponses;
import io.swagger.v3.oas.models.security.SecurityRequirement;
import io.swagger.v3.oas.models.security.SecurityScheme;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;
import org.springframework.http.server.PathContainer;

/** Says in the description what each operation asks of its callers, by the rules that are in force. */
record DescribedAccess(EndpointRules rules) {
    private static final String BEARER = "bearer";

    static SecurityScheme scheme() {
        return new SecurityScheme()
                .type(SecurityScheme.Type.HTTP)
                .scheme("bearer")
                .description(
                        "An API key, or a token (JWT) that the service's issuer signed for it. An operation names the"
                                + " scopes that let a caller in. A service that is configured with neither listens on loopback"
                                + " alone and asks nobody.");
    }

    /** Adds to all operations. */
    void describe(OpenAPI api) {
        api.getComponents().addSecuritySchemes(BEARER, scheme());
        api.getPaths()
                .forEach((path, item) -> item.readOperationsMap()
                        .forEach((method, operation) -> describe(
                                operation,
                                rules.find(method.name(), example(path)).orElseThrow())));
    }

    private static PathContainer example(String path) {
        return PathContainer.parsePath(path.replaceAll("\\{[^}]*}", "x"));
    }

    private static void describe(Operation operation, Access access) {
        if (!(access instanceof Access.AnyOf wanted)) {
            operation.setSecurity(List.of());
            return;
        }
        operation.setSecurity(wanted.scopes().stream()
                .sorted()
                .map(Scope::wireName)
                .map(scope -> new SecurityRequirement().addList(BEARER, scope))
                .toList());
        add(operation, ProblemType.UNAUTHENTICATED);
        add(operation, ProblemType.FORBIDDEN);
        ApiResponses inOrder = new ApiResponses();
        inOrder.putAll(new TreeMap<>(operation.getResponses()));
        operation.setResponses(inOrder);
    }

    private static void add(Operation operation, ProblemType type) {
        String status = String.valueOf(type.status().value());
        ApiResponse response = operation.getResponses().get(status);
        if (response == null) {
            MediaType problem = new MediaType().schema(new Schema<>().$ref(OpenApiConfiguration.PROBLEM_REFERENCE));
            response = new ApiResponse()
                    .description(type.title())
                    .content(new Content().addMediaType(OpenApiConfiguration.PROBLEM_JSON, problem));
            operation.getResponses().addApiResponse(status, response);
        } else {
            response.setDescription(response.getDescription() + "; " + type.title());
        }
        Objects.requireNonNull(response.getContent().get(OpenApiConfiguration.PROBLEM_JSON))
                .addExamples(type.wireName(), new Example().$ref("#/components/examples/" + type.wireName()));
    }
}
