package io.cowslip.engine.image;

import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Something to try with combinations of the matrix, on all cores: a sample in a build, and all of them in the long
 * profile, with other random requests each time. {@code -Dcowslip.matrix=all} runs all in a build as well, and {@code
 * -Dcowslip.matrix=ID} the one that a failure names.
 */
final class MatrixRun {
    private static final String ALL = "all";
    private static final String WANTED = System.getProperty("cowslip.matrix", "");
    private static final int FAILURES_SHOWN = 10;

    private final Class<?> test;
    private final Path folder;
    private final long seed = Seeds.seeds(1, 1).findFirst().getAsLong();
    private final ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();

    /** Each combination gets a folder of its own below {@code folder}. */
    MatrixRun(Class<?> test, Path folder) {
        this.test = test;
        this.folder = folder;
    }

    /** What is done once in a folder for all combinations that are created alike, and yields what is done with each. */
    @FunctionalInterface
    interface Preparation {
        Trial prepare(MatrixCase created, Path folder, SplittableRandom random) throws IOException;
    }

    /** What is done with one combination. */
    @FunctionalInterface
    interface Trial {
        void run(MatrixCase wanted, SplittableRandom random) throws IOException;
    }

    /** A preparation that does nothing yet. */
    @FunctionalInterface
    interface Lone {
        void run(MatrixCase wanted, Path folder, SplittableRandom random) throws IOException;

        default Preparation asPreparation() {
            return (created, folder, unused) -> (wanted, random) -> run(wanted, folder, random);
        }
    }

    /** The combinations to try: those asked for, or all in a long run, or {@code sample} of them. */
    List<MatrixCase> choose(Stream<MatrixCase> from, int sample) {
        List<MatrixCase> cases = new ArrayList<>(from.toList());
        if (!WANTED.isEmpty() && !WANTED.equals(ALL)) {
            return cases.stream().filter(wanted -> wanted.id().equals(WANTED)).toList();
        }
        return Seeds.longRun() || WANTED.equals(ALL) ? cases : sample(cases, sample);
    }

    List<MatrixCase> sample(List<MatrixCase> from, int count) {
        List<MatrixCase> shuffled = new ArrayList<>(from);
        Collections.shuffle(shuffled, new Random(seed));
        return shuffled.subList(0, Math.min(count, shuffled.size()));
    }

    /** Tries all {@code cases}, says in a line how many {@code what} that were, and fails if one does. */
    void run(List<MatrixCase> cases, String what, Preparation preparation) throws InterruptedException {
        long begun = System.nanoTime();
        Map<MatrixCase, List<MatrixCase>> alike = cases.stream().collect(Collectors.groupingBy(MatrixCase::asCreated));
        // Processes are waited for much of the time.
        try (ExecutorService threads =
                Executors.newFixedThreadPool(1 + Runtime.getRuntime().availableProcessors())) {
            alike.forEach((created, those) -> threads.execute(() -> run(created, those, preparation)));
        }
        System.out.printf(
                "Matrix: %,d %s, %d failed; %d s, seed %d%n",
                cases.size(), what, failures.size(), TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begun), seed);
        if (!failures.isEmpty()) {
            throw new AssertionError(
                    failures.stream().sorted().limit(FAILURES_SHOWN).collect(Collectors.joining("\n")));
        }
    }

    private void run(MatrixCase created, List<MatrixCase> cases, Preparation preparation) {
        try {
            Path own = Files.createTempDirectory(folder, "case");
            try {
                Trial trial = preparation.prepare(created, own, random(created));
                cases.forEach(wanted -> run(wanted, trial));
            } catch (IOException | RuntimeException | AssertionError e) {
                failed(created.id() + " is not even created: " + e + replay(cases.getFirst()));
            } finally {
                deleteAll(own);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void run(MatrixCase wanted, Trial trial) {
        try {
            trial.run(wanted, random(wanted));
        } catch (IOException | RuntimeException | AssertionError e) {
            failed(wanted.id() + ": " + e + replay(wanted));
        }
    }

    /** Told at once, for the whole takes minutes. */
    private void failed(String how) {
        failures.add(how);
        System.out.println("Matrix: " + how);
    }

    private SplittableRandom random(MatrixCase wanted) {
        return new SplittableRandom(seed ^ (long) wanted.id().hashCode() << Integer.SIZE);
    }

    private String replay(MatrixCase wanted) {
        return "; " + Seeds.replay(test, seed) + " -Dcowslip.matrix=" + wanted.id();
    }

    private static void deleteAll(Path own) throws IOException {
        try (Stream<Path> files = Files.list(own)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(own);
    }
}
