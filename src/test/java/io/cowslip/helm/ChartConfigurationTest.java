package io.cowslip.helm;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.helm.Manifests.Node;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What the chart configures are properties that the service, Spring Boot and their starters know. */
@NeedsHelm
final class ChartConfigurationTest {

    @ParameterizedTest
    @ValueSource(strings = {"default", "full"})
    void everyKeyIsAProperty(String set) throws Exception {
        Map<String, String> known = knownProperties();

        List<String> unknown = keys("", Helm.render(set).configuration())
                .filter(key -> !known.containsKey(key))
                .filter(key -> maps(known).noneMatch(map -> key.startsWith(map + ".")))
                .toList();

        assertThat(unknown).isEmpty();
    }

    @Test
    void aMisspeltKeyWouldBeNoticed() throws Exception {
        Map<String, String> known = knownProperties();

        assertThat(known).containsKey("server.port").doesNotContainKey("server.prot");
        assertThat(maps(known)).contains("cowslip.drives", "logging.level").doesNotContain("server", "cowslip");
    }

    private static Stream<String> keys(String prefix, Node node) {
        if (!(node.value() instanceof Map<?, ?> map)) {
            return Stream.of(prefix);
        }
        return map.keySet().stream()
                .map(String.class::cast)
                .flatMap(key -> keys(prefix.isEmpty() ? key : prefix + "." + key, node.at(key)));
    }

    private static Stream<String> maps(Map<String, ?> properties) {
        return properties.entrySet().stream()
                .filter(property -> property.getValue() instanceof String type && type.startsWith("java.util.Map"))
                .map(Map.Entry::getKey);
    }

    /** Names and types of all properties, from the metadata that each jar on the class path brings. */
    private static Map<String, String> knownProperties() throws IOException {
        JsonMapper json = new JsonMapper();
        Map<String, String> known = new HashMap<>();
        for (URL metadata : Collections.list(ChartConfigurationTest.class
                .getClassLoader()
                .getResources("META-INF/spring-configuration-metadata.json"))) {
            try (InputStream stream = metadata.openStream()) {
                for (JsonNode property : json.readTree(stream).path("properties")) {
                    known.put(
                            property.path("name").asString(),
                            property.path("type").asString(""));
                }
            }
        }
        return known;
    }
}
