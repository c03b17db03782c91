package io.cowslip.engine.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of this machine: what is read, written and given back, and what opens at all. */
@Timeout(60)
final class PosixFileTest {
    private static final int MIB = 1 << 20;

    @TempDir
    Path folder;

    private final HostFiles files = HostFiles.posix();

    @Test
    void aReadStopsAtTheEndOfTheFile() throws IOException {
        try (HostFile file = fileOf(1000, (byte) 7)) {
            assertThat(read(file, 0, 1000)).hasSize(1000).containsOnly(7);
            assertThat(read(file, 990, 100)).hasSize(10).containsOnly(7);
            assertThat(read(file, 1000, 1)).isEmpty();
            assertThat(read(file, 5_000_000_000L, 10)).isEmpty();
            assertThat(read(file, 10, 0)).isEmpty();
        }
    }

    /** What lies behind the bytes that were read stays as it was. */
    @Test
    void aShortReadLeavesTheRestAlone() throws IOException {
        try (HostFile file = fileOf(10, (byte) 7);
                Arena arena = Arena.ofConfined()) {
            MemorySegment into = arena.allocate(20).fill((byte) 9);
            assertThat(file.read(5, into)).isEqualTo(5);
            byte[] expected = new byte[20];
            Arrays.fill(expected, (byte) 9);
            Arrays.fill(expected, 0, 5, (byte) 7);
            assertThat(into.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
        }
    }

    @Test
    void writesGrowTheFile() throws IOException {
        try (HostFile file = fileOf(0, (byte) 0)) {
            write(file, 5_000_000_000L, new byte[] {1, 2, 3});
            assertThat(file.sizeBytes()).isEqualTo(5_000_000_003L);
            assertThat(read(file, 4_999_999_999L, 10)).containsExactly(0, 1, 2, 3);
            assertThat(file.allocatedBytes()).isLessThan(MIB);
            write(file, 5_000_000_000L, new byte[0]);
            assertThat(file.sizeBytes()).isEqualTo(5_000_000_003L);
            file.sync();
        }
    }

    /** Below 256 KiB zeros are written; above, the file system is told. */
    @ParameterizedTest
    @ValueSource(ints = {1, 511, 64 << 10, (64 << 10) + 1, 256 << 10, (256 << 10) + 1, 3 * MIB + 17})
    void zeroesTheRangeAndNothingElse(int length) throws IOException {
        byte[] expected = new byte[5 * MIB];
        Arrays.fill(expected, (byte) 7);
        Arrays.fill(expected, 1001, 1001 + length, (byte) 0);
        try (HostFile file = fileOf(5 * MIB, (byte) 7)) {
            file.zero(1001, length);
            assertThat(read(file, 0, 6 * MIB)).isEqualTo(expected);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {100, MIB})
    void zeroingGrowsTheFile(int length) throws IOException {
        try (HostFile file = fileOf(50, (byte) 7)) {
            file.zero(40, length);
            assertThat(file.sizeBytes()).isEqualTo(40 + length);
            assertThat(read(file, 40, length)).hasSize(length).containsOnly(0);
            file.zero(10, 0);
            assertThat(read(file, 0, 40)).containsOnly(7);
        }
    }

    @Test
    void punchingGivesSpaceBackAndKeepsTheSize() throws IOException {
        try (HostFile file = fileOf(4 * MIB, (byte) 7)) {
            long before = file.allocatedBytes();
            file.punch(MIB, 2 * MIB);
            assertThat(file.sizeBytes()).isEqualTo(4 * MIB);
            assertThat(file.allocatedBytes()).isLessThanOrEqualTo(before - 2 * MIB + 65_536);
            assertThat(read(file, MIB, 2 * MIB)).containsOnly(0);
            assertThat(read(file, 0, MIB)).containsOnly(7);
            assertThat(read(file, 3 * MIB, MIB)).containsOnly(7);
            file.punch(3 * MIB, 10 * MIB);
            assertThat(file.sizeBytes()).isEqualTo(4 * MIB);
        }
    }

    @Test
    void truncatesBothWays() throws IOException {
        try (HostFile file = fileOf(1000, (byte) 7)) {
            file.truncate(100);
            assertThat(file.sizeBytes()).isEqualTo(100);
            file.truncate(200);
            assertThat(read(file, 100, 200)).hasSize(100).containsOnly(0);
        }
    }

    @Test
    void findsDataAndHoles() throws IOException {
        try (HostFile file = fileOf(0, (byte) 0)) {
            file.truncate(8 * MIB);
            write(file, 2 * MIB, new byte[MIB]);
            file.sync();
            assertThat(file.nextData(0)).isEqualTo(2 * MIB);
            assertThat(file.nextData(2 * MIB + 5)).isEqualTo(2 * MIB + 5);
            assertThat(file.nextHole(0)).isZero();
            assertThat(file.nextHole(2 * MIB)).isEqualTo(3 * MIB);
            assertThat(file.nextData(3 * MIB)).isEqualTo(8 * MIB);
            assertThat(file.nextHole(8 * MIB - 1)).isEqualTo(8 * MIB - 1);
            assertThat(file.nextData(9 * MIB)).isEqualTo(8 * MIB);
            assertThat(file.nextHole(9 * MIB)).isEqualTo(8 * MIB);
        }
    }

    @Test
    void aNewFileMustNotBeThereYet() throws IOException {
        Path path = folder.resolve("new");
        files.open(path, HostFiles.Mode.CREATE_NEW).close();
        assertRefused(Kind.ALREADY_EXISTS, path, HostFiles.Mode.CREATE_NEW);
        assertRefused(Kind.ALREADY_EXISTS, folder, HostFiles.Mode.CREATE_NEW);
        Path dangling = Files.createSymbolicLink(folder.resolve("dangling"), Path.of("nowhere"));
        assertRefused(Kind.ALREADY_EXISTS, dangling, HostFiles.Mode.CREATE_NEW);
        assertThat(Files.exists(folder.resolve("nowhere"))).isFalse();
    }

    @ParameterizedTest
    @EnumSource(
            value = HostFiles.Mode.class,
            names = {"READ", "READ_WRITE"})
    void onlyRegularFilesOpen(HostFiles.Mode mode) throws Exception {
        assertRefused(Kind.NOT_FOUND, folder.resolve("missing"), mode);
        assertRefused(Kind.NOT_FOUND, folder.resolve("missing/deeper"), mode);
        assertRefused(Kind.INVALID_FORMAT, folder, mode);
        assertRefused(Kind.INVALID_FORMAT, Path.of("/dev/null"), mode);
        Path loop = Files.createSymbolicLink(folder.resolve("loop"), Path.of("loop"));
        assertRefused(Kind.NOT_FOUND, loop, mode);
    }

    /** Opening a FIFO in the plain way waits for whoever opens its other end. */
    @ParameterizedTest
    @EnumSource(
            value = HostFiles.Mode.class,
            names = {"READ", "READ_WRITE"})
    @Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void aFifoIsRefusedWithoutWaitingForItsOtherEnd(HostFiles.Mode mode) throws Exception {
        Path fifo = folder.resolve("fifo");
        assertThat(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor())
                .isZero();
        assertRefused(Kind.INVALID_FORMAT, fifo, mode);
    }

    @Test
    void aPathThroughAFileIsNotFound() throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        assertRefused(Kind.NOT_FOUND, file.resolve("below"), HostFiles.Mode.READ);
    }

    @Test
    void refusedOpeningsLeaveNoDescriptor() throws IOException {
        long before = descriptors();
        for (int attempt = 0; attempt < 20; attempt++) {
            assertRefused(Kind.INVALID_FORMAT, folder, HostFiles.Mode.READ);
        }
        fileOf(1, (byte) 0).close();
        files.syncFolder(folder);
        assertThat(descriptors()).isLessThan(before + 20);
    }

    /** A descriptor's number goes to the next file that opens. */
    @Test
    void closingTwiceClosesNoOtherFile() throws IOException {
        HostFile file = fileOf(10, (byte) 7);
        file.close();
        try (HostFile next = fileOf(20, (byte) 8)) {
            file.close();
            assertThat(read(next, 0, 20)).hasSize(20).containsOnly(8);
        }
    }

    @Test
    void aFileOpenForReadingRefusesWrites() throws IOException {
        Path path = Files.write(folder.resolve("file"), new byte[10]);
        try (HostFile file = files.open(path, HostFiles.Mode.READ)) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> write(file, 0, new byte[1]))
                    .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(Kind.IO));
        }
    }

    @Test
    void identityIsOfTheFileAndNotOfThePath() throws IOException {
        try (HostFile file = fileOf(1, (byte) 0)) {
            Path link = Files.createLink(folder.resolve("link"), file.path());
            try (HostFile linked = files.open(link, HostFiles.Mode.READ);
                    HostFile other = files.open(folder.resolve("other"), HostFiles.Mode.CREATE_NEW)) {
                assertThat(linked.identity()).isEqualTo(file.identity()).isNotEqualTo(other.identity());
                assertThat(linked.path()).isEqualTo(link);
            }
        }
    }

    /** With a {@code FileChannel} the first interrupted read would close the file for all. */
    @Test
    void anInterruptedThreadHarmsNobody() throws Exception {
        try (HostFile file = fileOf(MIB, (byte) 7)) {
            CountDownLatch begun = new CountDownLatch(1);
            AtomicInteger interruptions = new AtomicInteger();
            FutureTask<Integer> reader = new FutureTask<>(() -> {
                int reads = 0;
                begun.countDown();
                while (interruptions.get() < 200 || reads < 200) {
                    assertThat(read(file, 0, MIB)).hasSize(MIB);
                    write(file, 0, new byte[] {7});
                    reads++;
                }
                return reads;
            });
            Thread thread = Thread.ofPlatform().daemon().start(reader);
            begun.await();
            while (interruptions.getAndIncrement() < 200) {
                thread.interrupt();
                Thread.yield();
            }
            assertThat(reader.get()).isGreaterThanOrEqualTo(200);
            assertThat(read(file, MIB - 1, 2)).containsExactly(7);
        }
    }

    @Test
    void aMissingFolderDoesNotSync() {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> files.syncFolder(folder.resolve("missing")))
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(Kind.IO));
    }

    private static long descriptors() throws IOException {
        try (var list = Files.list(Path.of("/proc/self/fd"))) {
            return list.count();
        }
    }

    private void assertRefused(Kind kind, Path path, HostFiles.Mode mode) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> files.open(path, mode).close())
                .satisfies(refusal -> {
                    assertThat(refusal.kind()).isEqualTo(kind);
                    assertThat(refusal.path()).isEqualTo(path);
                });
    }

    private HostFile fileOf(int sizeBytes, byte value) throws IOException {
        byte[] bytes = new byte[sizeBytes];
        Arrays.fill(bytes, value);
        return files.open(Files.write(folder.resolve("content"), bytes), HostFiles.Mode.READ_WRITE);
    }

    private static byte[] read(HostFile file, long hostOffset, int length) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment into = arena.allocate(length);
            long count = file.read(hostOffset, into);
            return into.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private static void write(HostFile file, long hostOffset, byte[] bytes) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            file.write(hostOffset, arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes));
        }
    }
}
