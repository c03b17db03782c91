package io.cowslip;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.web.problem.ProblemType;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What the README names is there, under that name and with that default, and what is there is named. */
final class ReadmeTest {
    private static final Pattern QUOTED = Pattern.compile("`([^`]+)`");
    private static final Pattern PROBLEM = Pattern.compile("\\b[45]\\d\\d(?:, | \\(| )`([a-z]+(?:-[a-z]+)*)`");
    private static final Pattern TEST_CLASS = Pattern.compile("`(\\w+Test)`");
    private static final Pattern CALL = Pattern.compile("`([A-Z]+)` ");

    private static String text = "";
    private static Map<String, Path> tests = Map.of();

    @BeforeAll
    static void read() throws IOException {
        text = Files.readString(Path.of("README.md"));
        try (Stream<Path> files = Files.walk(Path.of("src", "test", "java"))) {
            tests = files.filter(file -> file.toString().endsWith("Test.java"))
                    .collect(Collectors.toMap(
                            file -> file.getFileName().toString().replace(".java", ""), file -> file));
        }
    }

    @Test
    void everyCallIsListed() throws IOException {
        Set<String> listed = new TreeSet<>();
        rows("All calls")
                .forEach(row -> quoted(row.getFirst())
                        .forEach(path -> CALL.matcher(row.get(1))
                                .results()
                                .forEach(call -> listed.add(call.group(1) + " " + path))));
        Set<String> documented = new TreeSet<>();
        try (InputStream stream = Files.newInputStream(Path.of("openapi", "cowslip.yaml"))) {
            Map<String, Map<String, Map<String, Object>>> document = new Yaml().load(stream);
            document.getOrDefault("paths", Map.of())
                    .forEach((path, operations) -> operations
                            .keySet()
                            .forEach(method -> documented.add(method.toUpperCase(Locale.ROOT) + " " + path)));
        }
        assertThat(listed).isNotEmpty().isEqualTo(documented);
    }

    /** The options of {@code cowslip.drive-defaults} are those of a drive, and have a test of their own. */
    @Test
    void everyPropertyIsListedWithItsDefault() throws IOException {
        Map<String, String> listed = new TreeMap<>();
        Stream.of("Configuration", "Limits").flatMap(ReadmeTest::rows).forEach(row -> addProperties(row, listed));
        Map<String, String> known = properties();
        known.keySet().removeIf(name -> name.startsWith("cowslip.drive-defaults."));
        assertThat(listed.keySet()).isEqualTo(known.keySet());
        known.forEach((name, value) -> {
            if (!value.isEmpty()) {
                assertThat(listed).containsEntry(name, value);
            }
        });
    }

    /** A row has one property, or several that share its beginning, and one default for all or one for each. */
    private static void addProperties(List<String> row, Map<String, String> listed) {
        List<String> names = quoted(row.getFirst()).toList();
        if (!names.getFirst().startsWith("cowslip.") || names.getFirst().endsWith(".*")) {
            if (names.getFirst().equals("cowslip.drives.<id>.*")) {
                listed.put("cowslip.drives", "");
            }
            return;
        }
        if (names.getFirst().startsWith("cowslip.security.api-keys.<name>.")) {
            listed.put("cowslip.security.api-keys", "");
            return;
        }
        String parent = names.getFirst().substring(0, names.getFirst().lastIndexOf('.'));
        List<String> defaults = List.of(row.get(2).replace("`", "").split(", ", -1));
        for (int index = 0; index < names.size(); index++) {
            String name = names.get(index);
            listed.put(
                    name.startsWith(".") ? parent + name : name,
                    defaults.get(defaults.size() == names.size() ? index : 0));
        }
    }

    /** The service's properties and their defaults, or nothing where there is none. */
    private static Map<String, String> properties() throws IOException {
        Map<String, String> known = new TreeMap<>();
        Path metadata = Path.of("target", "classes", "META-INF", "spring-configuration-metadata.json");
        for (JsonNode property : new JsonMapper().readTree(metadata.toFile()).path("properties")) {
            String name = property.path("name").asString();
            if (name.startsWith("cowslip.")) {
                known.put(name, property.path("defaultValue").asString(""));
            }
        }
        return known;
    }

    @Test
    void everyProblemIsKnown() {
        Set<String> named = found(PROBLEM);
        assertThat(named)
                .hasSizeGreaterThan(5)
                .allMatch(name -> ProblemType.named(name).isPresent());
    }

    @Test
    void everyTestIsThere() {
        assertThat(found(TEST_CLASS)).hasSizeGreaterThan(50).isSubsetOf(tests.keySet());
    }

    /** What the long run does stands where a test of the row is in it, and nowhere else. */
    @Test
    void whatTheLongRunDoesIsInIt() {
        List<String> wrong = new ArrayList<>();
        rows("Reliability").filter(row -> row.size() == 4).forEach(row -> {
            List<String> classes = TEST_CLASS
                    .matcher(row.getFirst())
                    .results()
                    .map(name -> name.group(1))
                    .toList();
            Predicate<String> isLong = name -> sourceOf(name).contains("@Tag(\"long\")");
            if (row.get(2).isEmpty() == classes.stream().anyMatch(isLong)) {
                wrong.add(classes + " " + row.get(2));
            }
        });
        assertThat(wrong).isEmpty();
    }

    private static String sourceOf(String test) {
        try {
            @Nullable Path file = tests.get(test);
            return file == null ? "" : Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The cells of the rows of the tables in a section, without those of their heads. */
    private static Stream<List<String>> rows(String section) {
        String heading =
                Pattern.compile("(?m)^#+ " + Pattern.quote(section) + "$").split(text, 2)[1];
        String body = Pattern.compile("(?m)^## |^### ").split(heading, 2)[0];
        return Pattern.compile("(?m)^\\| (?!---)(.*) \\|$")
                .matcher(body.replaceAll("(?m)^\\| .*\\n\\| ---.*$", ""))
                .results()
                .map(row -> Stream.of(row.group(1).replace("\\|", "/").split("\\|", -1))
                        .map(String::strip)
                        .toList());
    }

    private static Stream<String> quoted(String cell) {
        return QUOTED.matcher(cell).results().map(name -> name.group(1));
    }

    private static Set<String> found(Pattern pattern) {
        return pattern.matcher(text)
                .results()
                .map(match -> match.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
