package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.access.Scope;
import io.cowslip.security.Access;
import io.cowslip.security.EndpointRules;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.http.server.PathContainer;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.servlet.mvc.method.RequestMappingInfo;
import org.springframework.web.servlet.mvc.method.RequestMappingInfoHandlerMapping;

/** Every endpoint that there is, Actuator's included, has its rule, and the rule is what counts. */
class EndpointRulesTest extends SecuredService {
    @Autowired
    private List<RequestMappingInfoHandlerMapping> mappings;

    @Autowired
    private EndpointRules rules;

    private record Endpoint(String method, String path) implements Comparable<Endpoint> {
        @Override
        public int compareTo(Endpoint other) {
            return (path + " " + method).compareTo(other.path + " " + other.method);
        }

        /** The path with something in each place for a value. */
        String example() {
            return path.replaceAll("/\\{\\*[^}]*}", "/x/y")
                    .replaceAll("\\{[^}]*}", "x")
                    .replace("/**", "/x");
        }

        @Override
        public String toString() {
            return method + " " + path;
        }
    }

    private Set<Endpoint> endpoints() {
        return mappings.stream()
                .flatMap(mapping -> mapping.getHandlerMethods().keySet().stream())
                .flatMap(EndpointRulesTest::endpoints)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Stream<Endpoint> endpoints(RequestMappingInfo mapping) {
        Set<RequestMethod> methods = mapping.getMethodsCondition().getMethods();
        Set<RequestMethod> all = methods.isEmpty() ? Set.of(RequestMethod.GET) : methods;
        return Objects.requireNonNull(mapping.getPathPatternsCondition()).getPatternValues().stream()
                .flatMap(path -> all.stream().map(method -> new Endpoint(method.name(), path)));
    }

    private Access rule(Endpoint endpoint) {
        return rules.find(endpoint.method, PathContainer.parsePath(endpoint.example()))
                .orElseThrow(() -> new AssertionError(endpoint + " has no line in EndpointRules"));
    }

    @Test
    void thereAreEndpoints() {
        assertThat(endpoints()).hasSizeGreaterThan(70);
        assertThat(endpoints()).extracting(Endpoint::path).anyMatch(path -> path.startsWith("/actuator/loggers"));
    }

    @Test
    void whatEverybodyMayIsAShortList() {
        assertThat(endpoints().stream()
                        .filter(endpoint -> !(rule(endpoint) instanceof Access.AnyOf))
                        .map(Endpoint::toString))
                .containsExactlyInAnyOrder(
                        "GET /actuator/health",
                        "GET /actuator/health/**",
                        "GET /error",
                        "GET /problems/{name}",
                        "GET /swagger-ui.html",
                        "GET /v3/api-docs",
                        "GET /v3/api-docs.yaml",
                        "GET /v3/api-docs/swagger-config",
                        "GET /images/{ticket}",
                        "HEAD /images/{ticket}",
                        "OPTIONS /images/{ticket}",
                        "PUT /images/{ticket}",
                        "PATCH /images/{ticket}",
                        "GET /images/{ticket}/extents",
                        "GET /images/{ticket}/checksum");
    }

    @Test
    void whoOnlyLooksChangesNothing() {
        assertThat(endpoints().stream()
                        .filter(endpoint -> !Set.of("GET", "HEAD", "OPTIONS").contains(endpoint.method))
                        .filter(endpoint -> rule(endpoint) instanceof Access.AnyOf any
                                && (any.scopes().contains(Scope.READ)
                                        || any.scopes().contains(Scope.MONITOR)))
                        .map(Endpoint::toString))
                .as("what these change depends on their body")
                .containsExactlyInAnyOrder(
                        "POST /jobs",
                        "DELETE /jobs/{id}",
                        "POST /jobs/{id}/restart",
                        "POST /drives/{id}/tickets",
                        "PATCH /drives/{id}/tickets/{ticket}",
                        "DELETE /drives/{id}/tickets/{ticket}");
    }

    @Test
    void whatThereIsNoRuleForNobodyMay() {
        as(OPERATOR).get("/nothing").then().statusCode(403);
        as(OPERATOR).post("/nothing").then().statusCode(403);
        as(OPERATOR).put("/drives").then().statusCode(403);
        given().get("/nothing").then().statusCode(401);
    }

    @TestFactory
    Stream<DynamicTest> rulesCount() {
        pointToService();
        return endpoints().stream()
                .map(endpoint -> DynamicTest.dynamicTest(endpoint.toString(), () -> requireEnforced(endpoint)));
    }

    private void requireEnforced(Endpoint endpoint) {
        switch (rule(endpoint)) {
            case Access.Everyone everyone ->
                assertThat(problem(endpoint, given())).isNotIn("unauthenticated", "forbidden");
            case Access.Ticket ticket -> assertThat(problem(endpoint, given())).isNotIn("unauthenticated", "forbidden");
            case Access.AnyOf any -> {
                assertThat(problem(endpoint, given())).isEqualTo("unauthenticated");
                assertThat(problem(endpoint, bearing("nobody-has-this"))).isEqualTo("unauthenticated");
                for (Scope scope : Scope.values()) {
                    String problem = problem(endpoint, as(scope.name().toLowerCase(Locale.ROOT)));
                    if (any.scopes().contains(scope)) {
                        assertThat(problem).as("%s with %s", endpoint, scope).isNotIn("unauthenticated", "forbidden");
                    } else {
                        assertThat(problem).as("%s with %s", endpoint, scope).isEqualTo("forbidden");
                    }
                }
                if (any.wholeService()) {
                    assertThat(problem(endpoint, as(TENANT_A))).isEqualTo("forbidden");
                }
            }
        }
    }

    /** The type of the problem that the request is answered with, by its status; empty: another answer. */
    private static String problem(Endpoint endpoint, RequestSpecification request) {
        Response response = request.request(endpoint.method, endpoint.example());
        if (response.statusCode() == 401) {
            assertThat(response.header("WWW-Authenticate")).startsWith("Bearer");
        }
        if (endpoint.method.equals("HEAD")) {
            return switch (response.statusCode()) {
                case 401 -> "unauthenticated";
                case 403 -> endpoint.path.startsWith("/images") ? "ticket-refused" : "forbidden";
                default -> "";
            };
        }
        if (!response.contentType().startsWith("application/problem+json")) {
            assertThat(response.statusCode()).isNotIn(401, 403);
            return "";
        }
        return Objects.requireNonNullElse(response.jsonPath().getString("type"), "")
                .replace("/problems/", "");
    }
}
