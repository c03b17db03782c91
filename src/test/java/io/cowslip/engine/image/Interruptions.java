package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.CrashState;
import io.cowslip.testing.CrashStates;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Tries a piece of work on files in memory, with the power cut at any point, on a host that refuses, and stopped by who
 * asked for it; what is left of each try is judged.
 */
public final class Interruptions {
    private static final int MOST_REFUSALS = 50;

    private final Map<Path, byte[]> before;
    private final Work work;
    private final Judge judge;
    private final SplittableRandom random;

    /** @param before the files that the work finds */
    public Interruptions(Map<Path, byte[]> before, Work work, Judge judge, SplittableRandom random) {
        this.before = before;
        this.work = work;
        this.judge = judge;
        this.random = random;
    }

    /** What is tried. */
    @FunctionalInterface
    public interface Work {
        void run(ImageEnvironment environment, WorkObserver observer) throws IOException;
    }

    /** Who says whether files may be left so. */
    @FunctionalInterface
    public interface Judge {
        void judge(Map<Path, byte[]> left) throws IOException;
    }

    /** All files of a folder. */
    public static Map<Path, byte[]> filesOf(Path folder) throws IOException {
        List<Path> files;
        try (Stream<Path> entries = Files.list(folder)) {
            files = entries.filter(Files::isRegularFile).toList();
        }
        Map<Path, byte[]> contents = new HashMap<>();
        for (Path file : files) {
            contents.put(file, Files.readAllBytes(file));
        }
        return contents;
    }

    /** Judges about so many crash states; returns how many there were. */
    public int cutPower(int states) throws IOException {
        CrashingHostFiles files = new CrashingHostFiles(before);
        work.run(TestImages.environment(files), WorkObserver.NONE);
        CrashStates crash = new CrashStates(files);
        List<CrashState> chosen = crash.choose(states, random);
        for (CrashState state : chosen) {
            judging(crash.files(state), () -> " in " + state + crash.around(state.point()));
        }
        return chosen.size();
    }

    /** Has the host refuse operations, so many times over. */
    public void refuse(int times) throws IOException {
        for (int i = 0; i < times; i++) {
            CrashingHostFiles memory = new CrashingHostFiles(before);
            FaultyHostFiles files = new FaultyHostFiles(memory);
            ImageException.Kind kind = random.nextBoolean() ? ImageException.Kind.IO : ImageException.Kind.NO_SPACE;
            int after = random.nextInt(150);
            files.failAfter(after, random.nextBoolean() ? 1 : MOST_REFUSALS, kind);
            String refused = "nothing";
            try {
                work.run(TestImages.environment(files), WorkObserver.NONE);
            } catch (ImageException failure) {
                refused = String.valueOf(failure.getMessage());
            }
            String told = refused;
            judging(left(memory), () -> " after " + kind + " at operation " + after + ", told as: " + told);
        }
    }

    /** Stops the work at one report after the other, as long as there are more. */
    public void cancel() throws IOException {
        boolean stopped = true;
        for (int reports = 0; stopped; reports++) {
            CrashingHostFiles files = new CrashingHostFiles(before);
            AtomicInteger left = new AtomicInteger(reports);
            stopped = false;
            try {
                work.run(TestImages.environment(files), (done, total) -> {
                    if (left.getAndDecrement() <= 0) {
                        throw new CancellationException("enough");
                    }
                });
            } catch (CancellationException cancelled) {
                stopped = true;
            }
            int number = reports;
            judging(left(files), () -> " when stopped at report " + number);
        }
    }

    private Map<Path, byte[]> left(CrashingHostFiles files) {
        Map<Path, byte[]> left = new HashMap<>();
        before.keySet().forEach(path -> left.put(path, files.contentOf(path)));
        return left;
    }

    private void judging(Map<Path, byte[]> left, Supplier<String> where) throws IOException {
        try {
            judge.judge(left);
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(e.getMessage() + where.get(), e);
        }
    }

    /** Insists on no more than leaks in a qcow2 image, by the engine's own check. */
    public static void requireLeaksAtMost(Path image, Map<Path, byte[]> files) throws IOException {
        CheckReport report =
                ImageCheck.check(image, WorkObserver.NONE, TestImages.environment(new CrashingHostFiles(files)));
        if (report.corruptions() > 0 || report.checkErrors() > 0) {
            throw new AssertionError("corrupt: " + report);
        }
    }

    /** What a disk holds, read from files in memory. */
    public static byte[] read(Path image, ImageOptions options, Map<Path, byte[]> files) throws IOException {
        ImageEnvironment environment = TestImages.environment(new CrashingHostFiles(files));
        try (DiskImage disk = DiskImage.open(image, options.withReadOnly(true), environment)) {
            return TestImages.read(disk, 0, Math.toIntExact(disk.virtualSizeBytes()));
        }
    }
}
