package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.SharedDisk;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Reads race allocating writes, zeroing, discards, evictions from caches of two entries, cleaning and reconfiguration.
 * Whatever a read finds must have been written there and not been replaced before the read began.
 */
@NeedsQemu
@Tag("long")
final class RacingRequestsTest {
    private static final int DISK_BYTES = 512 << 10;

    /** Eight bytes of ones. */
    private static final long FULL = -1;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(12, 60);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void readsOnlyWhatWasWritten(long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        int clusterBytes = 512 << random.nextInt(5);
        boolean empty = random.nextBoolean();
        Path file = empty ? makeEmpty(clusterBytes) : makeFull(clusterBytes, random.nextBoolean());
        SharedDisk disk = new SharedDisk(DISK_BYTES, empty ? 0 : FULL);
        try {
            race(file, clusterBytes, disk, random);
            ImageAssertions.assertThat(file).passesQemuCheck().passesAudit();
            try (DiskImage image = TestImages.openReadOnly(file)) {
                read(image, disk, 0, DISK_BYTES / 512);
            }
        } catch (Exception | AssertionError e) {
            throw new AssertionError(
                    Seeds.replay(getClass(), seed) + " (a race may need several): " + e.getMessage(), e);
        }
    }

    private Path makeEmpty(int clusterBytes) {
        return QemuTools.create(folder.resolve("disk.qcow2"), DISK_BYTES, "cluster_size=" + clusterBytes);
    }

    /** A disk of one long, compressed or over a raw file. */
    private Path makeFull(int clusterBytes, boolean compressed) throws IOException {
        byte[] content = new byte[DISK_BYTES];
        Arrays.fill(content, (byte) FULL);
        Path raw = Files.write(folder.resolve("full.raw"), content);
        Path file = folder.resolve("disk.qcow2");
        String options = "cluster_size=" + clusterBytes;
        return compressed
                ? QemuTools.convert(raw, "raw", file, "qcow2", "-c", "-o", options)
                : QemuTools.createOver(file, "full.raw", "raw", DISK_BYTES, options);
    }

    private static void race(Path file, int clusterBytes, SharedDisk disk, SplittableRandom random) throws Exception {
        try (DiskImage image =
                DiskImage.open(file, TestImages.smallestCaches(512), TestImages.environment(HostFiles.posix()))) {
            List<Callable<Integer>> guests = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                SplittableRandom mine = random.split();
                guests.add(() -> change(image, clusterBytes, disk, mine, 400));
                SplittableRandom readers = random.split();
                guests.add(() -> readAround(image, disk, readers, 800));
            }
            SplittableRandom keepers = random.split();
            guests.add(() -> keepHouse(image, keepers, 60));
            assertThat(runAll(guests)).isEqualTo(2 * 400 + 2 * 800 + 60);
            read(image, disk, 0, DISK_BYTES / 512);
        }
    }

    private static int runAll(List<Callable<Integer>> guests) throws InterruptedException, ExecutionException {
        int done = 0;
        try (ExecutorService threads = Executors.newFixedThreadPool(guests.size())) {
            for (Future<Integer> guest : threads.invokeAll(guests)) {
                done += guest.get();
            }
        }
        return done;
    }

    private static int change(DiskImage image, int clusterBytes, SharedDisk disk, SplittableRandom random, int times)
            throws IOException {
        for (int i = 0; i < times; i++) {
            int count = random.nextInt(1, 3 * clusterBytes / 512 + 2);
            int first = random.nextInt(DISK_BYTES / 512 - count + 1);
            switch (random.nextInt(6)) {
                case 0 -> zero(image, disk, first, count);
                case 1 -> discard(image, disk, clusterBytes, first, count);
                default -> write(image, disk, first, count);
            }
        }
        return times;
    }

    private static void write(DiskImage image, SharedDisk disk, int first, int count) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment from = arena.allocate(count * 512L, 8);
            SharedDisk.Change change = disk.beginWrite(first, count);
            for (long at = 0; at < from.byteSize(); at += Long.BYTES) {
                from.set(ValueLayout.JAVA_LONG, at, change.value());
            }
            image.write(first * 512L, from);
            disk.end(change);
        }
    }

    private static void zero(DiskImage image, SharedDisk disk, int first, int count) throws IOException {
        SharedDisk.Change change = disk.beginZero(first, count);
        image.zero(first * 512L, count * 512L);
        disk.end(change);
    }

    private static void discard(DiskImage image, SharedDisk disk, int clusterBytes, int first, int count)
            throws IOException {
        int perCluster = clusterBytes / 512;
        int from = Math.ceilDiv(first, perCluster) * perCluster;
        int to = (first + count) / perCluster * perCluster;
        SharedDisk.Change change = disk.beginZero(from, Math.max(0, to - from));
        image.discard(first * 512L, count * 512L);
        disk.end(change);
    }

    private static int readAround(DiskImage image, SharedDisk disk, SplittableRandom random, int times)
            throws IOException {
        for (int i = 0; i < times; i++) {
            int count = random.nextInt(1, 64);
            read(image, disk, random.nextInt(DISK_BYTES / 512 - count + 1), count);
        }
        return times;
    }

    private static void read(DiskImage image, SharedDisk disk, int first, int count) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment into = arena.allocate(count * 512L, 8);
            long begin = disk.now();
            image.read(first * 512L, into);
            disk.fault(first, into.toArray(ValueLayout.JAVA_LONG), begin).ifPresent(fault -> {
                throw new AssertionError(fault);
            });
        }
    }

    private static int keepHouse(DiskImage image, SplittableRandom random, int times) throws IOException {
        for (int i = 0; i < times; i++) {
            switch (random.nextInt(3)) {
                case 0 -> image.cleanCaches();
                case 1 -> image.flush();
                default -> {
                    long size = 512L * random.nextInt(12);
                    image.reconfigure(
                            TestImages.withCaches(new CacheOptions(size, 512L, 0L, null, random.nextBoolean()), false));
                }
            }
        }
        return times;
    }
}
