package io.cowslip.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The service as a process of its own, which can be killed. */
public final class ServiceProcess implements AutoCloseable {
    private static final Pattern STARTED = Pattern.compile("Tomcat started on port (\\d+)");
    private static final Duration LIMIT = Duration.ofMinutes(4);
    private static final List<String> JVM_OPTIONS = List.of(
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xmx256m");

    private final Process process;
    private final Path output;

    private ServiceProcess(Process process, Path output) {
        this.process = process;
        this.output = output;
    }

    /** Starts the service in {@code folder}, on a free port, with these arguments. */
    public static ServiceProcess start(Path folder, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(JVM_OPTIONS);
        command.addAll(List.of("-cp", classPath(), "io.cowslip.Cowslip", "--server.port=0"));
        command.addAll(List.of(arguments));
        try {
            Path output = Files.createTempFile(folder, "service", ".log");
            return new ServiceProcess(
                    Processes.start(new ProcessBuilder(command)
                            .directory(folder.toFile())
                            .redirectErrorStream(true)
                            .redirectOutput(output.toFile())),
                    output);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the tests run with; a runner may have it in a class loader of its own. */
    private static String classPath() {
        if (ServiceProcess.class.getClassLoader() instanceof URLClassLoader loader) {
            return Arrays.stream(loader.getURLs())
                    .map(url -> Path.of(url.getPath()).toAbsolutePath().toString())
                    .collect(Collectors.joining(":"));
        }
        return Arrays.stream(System.getProperty("java.class.path").split(":"))
                .map(entry -> Path.of(entry).toAbsolutePath().toString())
                .collect(Collectors.joining(":"));
    }

    /** The port that the service answers on, once it does. */
    public int port() {
        Instant deadline = Instant.now().plus(LIMIT);
        while (Instant.now().isBefore(deadline) && process.isAlive()) {
            Matcher started = STARTED.matcher(output());
            if (started.find()) {
                return Integer.parseInt(started.group(1));
            }
            pause();
        }
        throw new AssertionError("The service did not start:\n" + output());
    }

    private static void pause() {
        try {
            // Between two looks at its output, which is all that another process tells.
            Thread.sleep(50);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** All that the service has said. */
    public String output() {
        try {
            return Files.readString(output);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Ends it as {@code kill -9} does. */
    public void kill() {
        process.destroyForcibly();
        exitCode();
    }

    /** Tells it to stop; its exit code. */
    public int stop() {
        process.destroy();
        return exitCode();
    }

    /** Waits for its end; its exit code. */
    public int exitCode() {
        try {
            if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                throw new AssertionError("The service does not end:\n" + output());
            }
            return process.exitValue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        kill();
    }
}
