package io.cowslip.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * What this process has of what the garbage collector gives back late or never.
 *
 * @param threads platform threads, those that web servers and clients keep a while for the next request left out
 * @param imageFiles descriptors of files in folders of images
 * @param mappings mappings of memory
 * @param directBytes memory of direct buffers
 */
public record ProcessUse(long threads, long imageFiles, long mappings, long directBytes) {
    private static final int ROUNDS = 20;

    /** Buffers and mappings that the JDK and its collectors keep, more at times than at others. */
    private static final long MAPPINGS_APART = 100;

    private static final long DIRECT_BYTES_APART = 32 << 20;

    /** The least of a few looks, with the garbage taken away in between. */
    public static ProcessUse settled() {
        ProcessUse least = now();
        for (int round = 0; round < ROUNDS; round++) {
            System.gc();
            pause();
            ProcessUse next = now();
            least = new ProcessUse(
                    Math.min(least.threads, next.threads),
                    Math.min(least.imageFiles, next.imageFiles),
                    Math.min(least.mappings, next.mappings),
                    Math.min(least.directBytes, next.directBytes));
        }
        return least;
    }

    private static void pause() {
        try {
            // Threads and buffers end some time after their last use.
            Thread.sleep(100);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private static ProcessUse now() {
        long direct = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
                .mapToLong(BufferPoolMXBean::getMemoryUsed)
                .sum();
        return new ProcessUse(threadCount(), imageFileCount(), mappingCount(), direct);
    }

    private static long threadCount() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name ->
                        !name.contains("exec") && !name.startsWith("HttpClient") && !name.startsWith("ForkJoin"))
                .count();
    }

    private static long imageFileCount() {
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            return descriptors
                    .filter(descriptor -> {
                        try {
                            String target = Files.readSymbolicLink(descriptor).toString();
                            return List.of(".qcow2", ".raw", ".data", ".part").stream()
                                    .anyMatch(target::contains);
                        } catch (IOException gone) {
                            return false;
                        }
                    })
                    .count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long mappingCount() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
            return lines.count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Nothing has grown but by what comes and goes. */
    public void requireNoMoreThan(ProcessUse before) {
        assertThat(imageFiles).as("open image files").isLessThanOrEqualTo(before.imageFiles);
        assertThat(threads).as("threads").isLessThanOrEqualTo(before.threads + 2);
        assertThat(mappings).as("mappings").isLessThanOrEqualTo(before.mappings + MAPPINGS_APART);
        assertThat(directBytes).as("direct memory").isLessThanOrEqualTo(before.directBytes + DIRECT_BYTES_APART);
    }
}
