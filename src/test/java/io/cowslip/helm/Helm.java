package io.cowslip.helm;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The chart as Helm renders it. */
final class Helm {
    static final Path CHART = Path.of("helm/cowslip");
    static final String RELEASE = "disks-release";
    static final String NAMESPACE = "disks-namespace";

    private Helm() {}

    /** Helm on the PATH, or else as {@code helm/check.sh} has fetched it. */
    static Optional<Path> find() {
        String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
        return Stream.concat(Stream.of(path.split(File.pathSeparator)), Stream.of("target/helm"))
                .map(folder -> Path.of(folder, "helm"))
                .filter(Files::isRegularFile)
                .filter(Files::isExecutable)
                .findFirst();
    }

    /** What the chart comes to with the values of {@code ci/<set>-values.yaml}, and with {@code key=value} settings. */
    static Manifests render(String set, String... settings) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                find().orElseThrow().toString(), "template", RELEASE, CHART.toString(), "--namespace", NAMESPACE));
        command.addAll(
                List.of("--values", CHART.resolve("ci/" + set + "-values.yaml").toString()));
        for (String setting : settings) {
            command.addAll(List.of("--set", setting));
        }
        Path errors = Files.createTempFile("helm", ".err");
        try {
            Process process =
                    new ProcessBuilder(command).redirectError(errors.toFile()).start();
            String rendered = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new AssertionError(String.join(" ", command) + ": " + Files.readString(errors));
            }
            return Manifests.parse(rendered);
        } finally {
            Files.delete(errors);
        }
    }
}
