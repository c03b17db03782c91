package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.host.HostFiles;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every combination of what {@code qemu-img create} offers, with a snapshot, a bitmap, or both: made by QEMU, read whole
 * by the engine, changed at random, closed, and judged by QEMU. A build runs a sample; {@code
 * -Dcowslip.matrix=all} runs all, which takes the better part of an hour, and {@code
 * -Dcowslip.matrix=ID} the one that a failure names.
 */
@NeedsQemu
final class QemuMatrixTest {
    private static final int SAMPLE = 160;
    private static final String ALL = "all";
    private static final int REFUSED_SAMPLE = 60;
    private static final int FAILURES_SHOWN = 10;
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(20, 40, 15, 15, 5, 0);
    private static final String ONE = System.getProperty("cowslip.matrix", "");

    @TempDir
    Path folder;

    /** Something to do with one combination in a folder of its own. */
    @FunctionalInterface
    private interface Trial {
        void run(MatrixCase wanted, Path folder, SplittableRandom random) throws IOException;
    }

    @Test
    void opensAndChangesAllThatQemuMakes() throws InterruptedException {
        List<MatrixCase> cases = made().toList();
        if (!ONE.isEmpty() && !ONE.equals(ALL)) {
            cases = cases.stream().filter(wanted -> wanted.id().equals(ONE)).toList();
        } else if (ONE.isEmpty()) {
            cases = sample(cases, SAMPLE);
        }
        List<String> failures = runAll(cases, this::openChangeAndJudge);
        System.out.println("Matrix: " + cases.size() + " of " + made().count()
                + " combinations that qemu-img makes ran, " + failures.size() + " failed");
        assertThat(failures.stream().limit(FAILURES_SHOWN)).isEmpty();
        assertThat(cases).isNotEmpty();
    }

    /** The rules that say which combinations there are leave none out that QEMU makes. */
    @Test
    void leavesOutOnlyWhatQemuRefuses() throws InterruptedException {
        List<MatrixCase> cases = MatrixCase.all()
                .filter(wanted -> !wanted.isCreatable() || !wanted.isMadeWhole())
                .toList();
        List<MatrixCase> tried = sample(cases, REFUSED_SAMPLE);
        List<String> failures = runAll(
                tried,
                (wanted, own, random) -> assertThat(MatrixDisk.isMadeByQemu(wanted, own, random))
                        .as("whether QEMU makes it")
                        .isFalse());
        System.out.println(
                "Matrix: " + tried.size() + " of " + cases.size() + " combinations that qemu-img refuses tried");
        assertThat(failures.stream().limit(FAILURES_SHOWN)).isEmpty();
    }

    private static Stream<MatrixCase> made() {
        return MatrixCase.all().filter(wanted -> wanted.isCreatable() && wanted.isMadeWhole());
    }

    private static List<MatrixCase> sample(List<MatrixCase> cases, int count) {
        long seed = Long.getLong("cowslip.seed", 1);
        System.out.println("Matrix: sample of seed " + seed);
        List<MatrixCase> shuffled = new ArrayList<>(cases);
        Collections.shuffle(shuffled, new java.util.Random(seed));
        return shuffled.subList(0, Math.min(count, shuffled.size()));
    }

    private List<String> runAll(List<MatrixCase> cases, Trial trial) throws InterruptedException {
        ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();
        try (ExecutorService threads =
                Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
            for (MatrixCase wanted : cases) {
                threads.execute(() -> run(wanted, trial, failures));
            }
        }
        return List.copyOf(failures);
    }

    private void run(MatrixCase wanted, Trial trial, ConcurrentLinkedQueue<String> failures) {
        try {
            Path own = Files.createTempDirectory(folder, "case");
            try {
                trial.run(wanted, own, new SplittableRandom(wanted.id().hashCode()));
            } catch (IOException | RuntimeException | AssertionError e) {
                failures.add(wanted.id() + ": " + e + "; replay with: mvn test -Dtest=QemuMatrixTest -Dcowslip.matrix="
                        + wanted.id());
            } finally {
                deleteAll(own);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void deleteAll(Path own) throws IOException {
        try (Stream<Path> files = Files.list(own)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(own);
    }

    private void openChangeAndJudge(MatrixCase wanted, Path own, SplittableRandom random) throws IOException {
        MatrixDisk disk = MatrixDisk.make(wanted, own, random);
        boolean discardKeepsData = wanted.version() == 2 && wanted.backing() != MatrixCase.Backing.NONE;
        GuestSession.Disk image = new GuestSession.Disk(disk.file(), wanted.clusterBytes(), discardKeepsData);
        try (GuestSession guest =
                GuestSession.open(image, options(wanted), TestImages.environment(HostFiles.posix()), disk.model())) {
            guest.read(0, guest.sizeBytes());
            if (wanted.isWritable()) {
                new GuestOperations(guest, random, 4 * wanted.clusterBytes()).run(20, MIX);
                guest.flush();
                guest.read(0, guest.sizeBytes());
            }
        }
        disk.requireSoundForQemu();
    }

    private static ImageOptions options(MatrixCase wanted) {
        ImageOptions options = ImageOptions.defaults().withReadOnly(!wanted.isWritable());
        return wanted.encryption() == MatrixCase.Encryption.NONE
                ? options
                : options.withEncrypt(new EncryptOptions(null, Secret.of(MatrixCase.SECRET), null));
    }
}
