package io.cowslip.testing;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.Stream;

/** Runs programs of the host to their end, or kills them when they take too long. */
public final class Processes {
    private static final ExecutorService READERS = Executors.newVirtualThreadPerTaskExecutor();

    private static final ReadWriteLock STARTS = new ReentrantReadWriteLock();

    private Processes() {}

    /**
     * Returns once no program is being started that was before. Until it runs, a new process has all files open that this
     * one has, and keeps QEMU's locks on those that are closed here meanwhile.
     */
    public static void awaitStarts() {
        STARTS.writeLock().lock();
        STARTS.writeLock().unlock();
    }

    static Process start(ProcessBuilder program) throws IOException {
        STARTS.readLock().lock();
        try {
            return program.start();
        } finally {
            STARTS.readLock().unlock();
        }
    }

    /** What a program said and how it ended. */
    public record Output(List<String> command, int exitCode, String out, String err) {

        /** The same output, having insisted that the program succeeded. */
        public Output succeeded() {
            if (exitCode != 0) {
                throw new AssertionError(String.join(" ", command) + " exited with " + exitCode + ": " + err + out);
            }
            return this;
        }
    }

    static Optional<Path> find(String program) {
        String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
        return Stream.of(path.split(File.pathSeparator))
                .map(folder -> Path.of(folder, program))
                .filter(Files::isExecutable)
                .findFirst();
    }

    public static Output run(Duration limit, List<String> command) {
        try {
            Process process = start(new ProcessBuilder(command));
            process.getOutputStream().close();
            Future<String> out = READERS.submit(() -> readAll(process.getInputStream()));
            Future<String> err = READERS.submit(() -> readAll(process.getErrorStream()));
            if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
                throw new AssertionError(String.join(" ", command) + " took longer than " + limit);
            }
            return new Output(command, process.exitValue(), out.get(), err.get());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String readAll(InputStream stream) throws IOException {
        try (stream) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
