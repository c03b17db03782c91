package io.cowslip.engine.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.cowslip.engine.ImageException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A file system of 256 KiB, where the tests may mount one: it fills up, and knows no zeroing of ranges. */
final class FullHostTest {
    private static final int SIZE_BYTES = 256 << 10;

    @TempDir
    Path folder;

    private boolean mounted;

    @BeforeEach
    void mount() throws Exception {
        mounted = succeeds("mount", "-t", "tmpfs", "-o", "size=" + SIZE_BYTES, "none", folder.toString());
        assumeTrue(mounted, "mounting a file system takes rights that are not there");
    }

    @AfterEach
    void unmount() throws Exception {
        if (mounted) {
            assertThat(succeeds("umount", folder.toString())).isTrue();
        }
    }

    @Test
    void aFullHostIsToldFromABrokenOne() throws IOException {
        try (HostFile file = HostFiles.posix().open(folder.resolve("file"), HostFiles.Mode.CREATE_NEW);
                Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(SIZE_BYTES * 2).fill((byte) 7);
            assertNoSpace(() -> file.write(0, data));
            assertNoSpace(() -> file.write(SIZE_BYTES, data.asSlice(0, 4096)));
            assertNoSpace(() -> file.zero(SIZE_BYTES * 4, 1));
            assertNoSpace(() -> file.zero(0, SIZE_BYTES * 4L));

            // What there is can still be changed, and space that was given back is space again.
            file.write(0, data.asSlice(0, 4096));
            file.punch(0, 64 << 10);
            file.write(SIZE_BYTES, data.asSlice(0, 4096));
        }
    }

    @Test
    void zerosAreWrittenWhereTheFileSystemCannotZeroARange() throws IOException {
        int length = 200 << 10;
        try (HostFile file = HostFiles.posix().open(folder.resolve("file"), HostFiles.Mode.CREATE_NEW);
                Arena arena = Arena.ofConfined()) {
            file.truncate(1L << 40);
            file.write(4096, arena.allocate(length).fill((byte) 7));
            file.zero(4096, length);
            MemorySegment read = arena.allocate(length);
            assertThat(file.read(4096, read)).isEqualTo(length);
            assertThat(read.mismatch(arena.allocate(length))).isEqualTo(-1);
        }
    }

    private static void assertNoSpace(ThrowingCallable call) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(call)
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(ImageException.Kind.NO_SPACE));
    }

    private static boolean succeeds(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start()
                        .waitFor()
                == 0;
    }
}
