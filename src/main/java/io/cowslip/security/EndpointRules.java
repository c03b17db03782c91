package io.cowslip.security;

import static io.cowslip.access.Scope.MANAGE;
import static io.cowslip.access.Scope.MONITOR;
import static io.cowslip.access.Scope.READ;
import static io.cowslip.access.Scope.WRITE;

import io.cowslip.access.Scope;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.springframework.http.server.PathContainer;
import org.springframework.web.util.pattern.PathPattern;
import org.springframework.web.util.pattern.PathPatternParser;

/**
 * What each endpoint asks of its callers: the whole table. The first line that fits counts, and what no line fits nobody
 * may; so a new endpoint is closed until it has its line here, and a test says so.
 */
public final class EndpointRules {
    private static final String GET = "GET HEAD";
    private static final String ANY = "GET HEAD OPTIONS PUT POST PATCH DELETE";
    private static final String CHANGE = "PUT POST PATCH DELETE";

    private final List<Rule> rules = new ArrayList<>();

    private record Rule(Set<String> methods, PathPattern path, Access access) {}

    /** @param actuators the paths that Actuator is at */
    public EndpointRules(List<String> actuators) {
        everyone("/problems/{name}", "/v3/api-docs/**", "/v3/api-docs.yaml", "/swagger-ui.html", "/swagger-ui/**");
        everyone("/error");
        add(ANY, "/images/{ticket}", new Access.Ticket());
        add(ANY, "/images/{ticket}/extents", new Access.Ticket());
        add(ANY, "/images/{ticket}/checksum", new Access.Ticket());
        drives();
        volumes();
        jobs();
        actuators.forEach(this::actuator);
        add("OPTIONS", "/**", READ, WRITE, MANAGE, MONITOR);
    }

    private void drives() {
        // The data first: it is asked for most.
        add("GET HEAD", "/drives/{id}/data", READ);
        add("PUT PATCH", "/drives/{id}/data", WRITE);
        add(GET, "/drives/{id}/data/*", READ);
        add(GET, "/drives/{id}/image", READ);
        add(GET, "/drives", READ);
        add("POST", "/drives", MANAGE);
        add(GET, "/drives/{id}", READ);
        add("PATCH DELETE", "/drives/{id}", MANAGE);
        add("POST", "/drives/{id}/reopen", MANAGE);
        // Which of them depends on the ticket's ops.
        add(ANY, "/drives/{id}/tickets/**", READ, WRITE);
        add(GET, "/drives/{id}/key-slots", READ);
        add("POST", "/drives/{id}/key-slots", MANAGE);
        add("DELETE", "/drives/{id}/key-slots/{slot}", MANAGE);
        for (String kind : List.of("snapshots", "bitmaps")) {
            add(GET, "/drives/{id}/" + kind + "/**", READ);
            add(CHANGE, "/drives/{id}/" + kind + "/**", WRITE);
        }
    }

    private void volumes() {
        add(GET, "/volumes/**", READ);
        add(CHANGE, "/volumes/**", MANAGE);
        // Who uploads has to know how much has come.
        add("HEAD OPTIONS", "/files/**", READ, MANAGE);
        add("GET", "/files/**", READ);
        add(CHANGE, "/files/**", MANAGE);
        add(GET, "/uploads", READ, MANAGE);
    }

    /** Which of the scopes depends on what the job does. */
    private void jobs() {
        add(ANY, "/jobs/**", READ, MANAGE);
    }

    private void actuator(String base) {
        everyone(base + "/health", base + "/health/**");
        add(GET, base + "/**", new Access.AnyOf(Set.of(MONITOR, MANAGE), true));
        add(CHANGE, base + "/**", new Access.AnyOf(Set.of(MANAGE), true));
    }

    private void everyone(String... paths) {
        for (String path : paths) {
            add("GET HEAD OPTIONS", path, new Access.Everyone());
        }
    }

    private void add(String methods, String path, Scope... anyOf) {
        add(methods, path, new Access.AnyOf(Set.of(anyOf), false));
    }

    private void add(String methods, String path, Access access) {
        rules.add(new Rule(Set.of(methods.split(" ")), PathPatternParser.defaultInstance.parse(path), access));
    }

    /** What a request asks for; empty: nobody may. */
    public Optional<Access> find(String method, PathContainer path) {
        for (Rule rule : rules) {
            if (rule.methods.contains(method) && rule.path.matches(path)) {
                return Optional.of(rule.access);
            }
        }
        return Optional.empty();
    }
}
