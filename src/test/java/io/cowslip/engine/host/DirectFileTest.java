package io.cowslip.engine.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files past the page cache: any offset, length and address goes, and nothing beside what was asked for changes. With
 * blocks of 4096 bytes as well as of 512, whatever this machine's device asks for.
 */
@Timeout(120)
final class DirectFileTest {
    private static final int BLOCK = 4096;
    private static final int ROUNDS = 400;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(12, 300);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void isTheSameAsAnArray(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        int block = random.nextBoolean() ? 512 : BLOCK;
        byte[] model = bytes(random, random.nextInt(300_000));
        try (HostFile file = open(model, block);
                Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(5 << 20, 4096);
            for (int step = 0; step < 150; step++) {
                int length = random.nextInt(10) == 0 ? random.nextInt(2 << 20) : random.nextInt(20_000);
                int offset = random.nextInt(Math.max(1, model.length + 10_000));
                if (random.nextBoolean()) {
                    offset = offset / block * block;
                    length = length / 512 * 512;
                }
                MemorySegment at = memory.asSlice(random.nextBoolean() ? 0 : random.nextInt(5000), length);
                model = step(random, file, model, offset, at);
                assertThat(file.sizeBytes()).isEqualTo(model.length);
            }
            assertThat(Arrays.mismatch(Files.readAllBytes(file.path()), model)).isEqualTo(-1);
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private static byte[] step(SplittableRandom random, HostFile file, byte[] model, int offset, MemorySegment at)
            throws IOException {
        int length = (int) at.byteSize();
        int end = offset + length;
        switch (random.nextInt(9)) {
            case 0 -> {
                file.zero(offset, length);
                return with(model, offset, new byte[length]);
            }
            case 1 -> {
                file.punch(offset, Math.max(1, length));
                int punched = Math.clamp(model.length - offset, 0, Math.max(1, length));
                return with(model, Math.min(offset, model.length), new byte[punched]);
            }
            case 2 -> {
                file.truncate(Math.min(end, 600_000));
                return Arrays.copyOf(model, Math.min(end, 600_000));
            }
            case 3, 4, 5 -> {
                byte[] bytes = bytes(random, length);
                at.copyFrom(MemorySegment.ofArray(bytes));
                file.write(offset, at);
                return with(model, offset, bytes);
            }
            default -> {
                at.fill((byte) 0x5A);
                long count = file.read(offset, at);
                assertThat(count).isEqualTo(Math.clamp(model.length - offset, 0, length));
                if (count > 0) {
                    MemorySegment expected = MemorySegment.ofArray(model).asSlice(offset, count);
                    assertThat(at.asSlice(0, count).mismatch(expected)).isEqualTo(-1);
                }
                return model;
            }
        }
    }

    private static byte[] with(byte[] model, int offset, byte[] bytes) {
        boolean grows = bytes.length > 0 && offset + bytes.length > model.length;
        byte[] changed = grows ? Arrays.copyOf(model, offset + bytes.length) : model;
        System.arraycopy(bytes, 0, changed, offset, bytes.length);
        return changed;
    }

    @ParameterizedTest
    @ValueSource(ints = {512, BLOCK})
    void aFileThatEndsWithinABlockKeepsItsSize(int block) throws IOException {
        byte[] content = new byte[3 * BLOCK + 1000];
        Arrays.fill(content, (byte) 7);
        try (HostFile file = open(content, block)) {
            write(file, 3 * BLOCK + 100, new byte[100]);
            assertThat(Files.size(file.path())).isEqualTo(3 * BLOCK + 1000);
            write(file, 3 * BLOCK + 900, new byte[200]);
            assertThat(Files.size(file.path())).isEqualTo(3 * BLOCK + 1100);
            file.zero(3 * BLOCK + 1100, 1);
            assertThat(Files.size(file.path())).isEqualTo(3 * BLOCK + 1101);
            Arrays.fill(content, 3 * BLOCK + 100, 3 * BLOCK + 200, (byte) 0);
            Arrays.fill(content, 3 * BLOCK + 900, 3 * BLOCK + 1000, (byte) 0);
            assertThat(Files.readAllBytes(file.path())).isEqualTo(Arrays.copyOf(content, 3 * BLOCK + 1101));
        }
    }

    /** Each of two threads writes its own half of every block, byte by byte value known. */
    @Test
    void neighboursInABlockDoNotUndoEachOther() throws Exception {
        try (HostFile file = open(new byte[BLOCK], BLOCK)) {
            for (int round = 1; round <= ROUNDS; round++) {
                byte value = (byte) round;
                race(() -> write(file, 0, filled(1000, value)), () -> write(file, 1000, filled(BLOCK - 1000, value)));
                assertThat(Files.readAllBytes(file.path())).containsOnly(value);
            }
        }
    }

    @Test
    void aPartialWriteDoesNotUndoAWholeOne() throws Exception {
        try (HostFile file = open(new byte[BLOCK], BLOCK);
                Arena arena = Arena.ofShared()) {
            MemorySegment whole = arena.allocate(BLOCK, BLOCK);
            for (int round = 1; round <= ROUNDS; round++) {
                byte value = (byte) round;
                whole.fill(value);
                race(() -> file.write(0, whole), () -> write(file, 100, filled(50, value)));
                assertThat(Files.readAllBytes(file.path())).containsOnly(value);
            }
        }
    }

    @Test
    void aPartialWriteAtTheEndDoesNotCutOffAnothersGrowth() throws Exception {
        try (HostFile file = open(new byte[0], BLOCK);
                Arena arena = Arena.ofShared()) {
            MemorySegment whole = arena.allocate(BLOCK, BLOCK).fill((byte) 2);
            for (int round = 1; round <= ROUNDS; round++) {
                file.truncate(0);
                race(() -> write(file, 0, filled(100, (byte) 1)), () -> file.write(BLOCK, whole));
                byte[] found = Files.readAllBytes(file.path());
                assertThat(found).hasSize(2 * BLOCK);
                assertThat(Arrays.copyOf(found, 100)).containsOnly(1);
                assertThat(Arrays.copyOfRange(found, BLOCK, 2 * BLOCK)).containsOnly(2);
            }
        }
    }

    /** {@code /proc} has regular files and no direct I/O. */
    @Test
    void aFileSystemWithoutDirectIoIsNamed() {
        Path path = Path.of("/proc/self/status");
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> HostFiles.posix()
                        .open(path, HostFiles.Mode.READ, HostFiles.PageCache.BYPASSED)
                        .close())
                .satisfies(refusal -> {
                    assertThat(refusal.kind()).isEqualTo(Kind.INVALID_OPTION);
                    assertThat(refusal.option()).isEqualTo("cache.direct");
                    assertThat(refusal.path()).isEqualTo(path);
                });
    }

    @ParameterizedTest
    @ValueSource(strings = {"0 0", "512 0", "0 512", "512 1000", "8192 4096", "512 131072"})
    void oddAlignmentsAreNotUsed(String alignment) {
        String[] bytes = alignment.split(" ");
        assertThat(new DirectAlignment(Integer.parseInt(bytes[0]), Integer.parseInt(bytes[1])).isUsable())
                .isFalse();
    }

    @Test
    void usualAlignmentsAreUsed() {
        assertThat(new DirectAlignment(4, 512).isUsable()).isTrue();
        assertThat(new DirectAlignment(512, 65536).isUsable()).isTrue();
        assertThat(DirectAlignment.of(null)).isEqualTo(new DirectAlignment(4096, 4096));
    }

    @Test
    void aNewFileIsNotMadeThisWay() {
        Path path = folder.resolve("new");
        assertThatExceptionOfType(IllegalArgumentException.class)
                .isThrownBy(
                        () -> HostFiles.posix().open(path, HostFiles.Mode.CREATE_NEW, HostFiles.PageCache.BYPASSED));
        assertThat(path).doesNotExist();
    }

    @Test
    void identityAndPathAreTheFiles() throws IOException {
        try (HostFile file = open(new byte[10], BLOCK);
                HostFile same = HostFiles.posix().open(file.path(), HostFiles.Mode.READ)) {
            assertThat(file.identity()).isEqualTo(same.identity());
            assertThat(file.path()).isEqualTo(same.path());
            file.sync();
        }
    }

    private HostFile open(byte[] content, int block) throws IOException {
        Path path = Files.write(folder.resolve("content"), content);
        PosixFile file = PosixFile.open(PosixFiles::descriptor, path, HostFiles.Mode.READ_WRITE, Posix.O_DIRECT);
        return new DirectFile(file, new DirectAlignment(512, block));
    }

    private static byte[] bytes(SplittableRandom random, int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    private static byte[] filled(int length, byte value) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, value);
        return bytes;
    }

    private static void write(HostFile file, long hostOffset, byte[] bytes) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            file.write(hostOffset, arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes));
        }
    }

    @FunctionalInterface
    private interface Racer {
        void run() throws IOException;
    }

    /** Runs both at once, as far as that can be had. */
    private static void race(Racer first, Racer second) throws Exception {
        CyclicBarrier start = new CyclicBarrier(2);
        try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
            Future<?> one = threads.submit(() -> {
                start.await();
                first.run();
                return null;
            });
            Future<?> two = threads.submit(() -> {
                start.await();
                second.run();
                return null;
            });
            one.get();
            two.get();
        }
    }
}
