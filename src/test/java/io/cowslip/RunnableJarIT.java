package io.cowslip;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The jar as it is handed out: it starts with {@code java -jar} alone, without a word of the JVM's, and stops. */
final class RunnableJarIT {
    private static final Pattern STARTED = Pattern.compile("Tomcat started on port (\\d+)");
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int STOPPED_BY_SIGNAL = 128 + 15;

    @TempDir
    Path folder;

    @Test
    void startsWithoutWarningsOfTheJvmAnswersAndStops() throws Exception {
        Path output = folder.resolve("output");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-jar",
                        theJar().toString(),
                        "--server.port=0")
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            URI health = URI.create("http://127.0.0.1:" + port(process, output) + "/actuator/health");
            try (HttpClient client = HttpClient.newHttpClient()) {
                var answer = client.send(HttpRequest.newBuilder(health).build(), BodyHandlers.ofString());
                assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
            }

            assertThat(Files.readString(output)).doesNotContain("WARNING:", "VM warning");

            process.destroy();

            assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isEqualTo(STOPPED_BY_SIGNAL);
        } finally {
            process.destroyForcibly();
        }
    }

    private static Path theJar() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("target"))) {
            List<Path> jars = files.filter(file -> file.getFileName().toString().matches("cowslip-.*\\.jar"))
                    .toList();
            assertThat(jars).hasSize(1);
            return jars.getFirst().toAbsolutePath();
        }
    }

    private static int port(Process process, Path output) throws IOException, InterruptedException {
        Instant deadline = Instant.now().plus(LIMIT);
        while (Instant.now().isBefore(deadline) && process.isAlive()) {
            Matcher started = STARTED.matcher(Files.readString(output));
            if (started.find()) {
                return Integer.parseInt(started.group(1));
            }
            Thread.sleep(100);
        }
        throw new AssertionError("The service did not start:\n" + Files.readString(output));
    }
}
