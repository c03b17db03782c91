package io.cowslip.engine.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.testing.FaultyHostFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tables in memory, in the file, and on their way between. */
final class ResidentTableTest {
    private static final int OFFSET = 1024;

    @TempDir
    Path folder;

    private final FaultyHostFiles files = new FaultyHostFiles(HostFiles.posix());

    /** Longer than a chunk of a read, and neither whole sectors nor whole chunks. */
    @Test
    void readsTablesOfAnyLength() throws IOException {
        for (int count : new int[] {0, 1, 63, 64, 65, 131_072, 131_073, 300_007}) {
            try (HostFile file = file(count)) {
                ResidentTable table = ResidentTable.read("table", file, OFFSET, count);
                assertThat(table.entryCount()).isEqualTo(count);
                assertThat(table.lengthBytes()).isEqualTo(8L * count);
                assertThat(table.hostOffset()).isEqualTo(OFFSET);
                for (int index = 0; index < count; index++) {
                    assertThat(table.entry(index)).isEqualTo(index * 3L);
                }
                assertThat(table.isDirty()).isFalse();
            }
        }
    }

    @Test
    void refusesATableThatTheFileEndsIn() throws IOException {
        try (HostFile file = file(100)) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> ResidentTable.read("L1 table", file, OFFSET, 101))
                    .withMessageContaining("L1 table")
                    .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(ImageException.Kind.CORRUPT));
        }
    }

    @Test
    void writesTheChangedSectorsAndNothingElse() throws IOException {
        int count = 300_007;
        try (HostFile file = file(count)) {
            ResidentTable table = ResidentTable.read("table", file, OFFSET, count);
            // Were an unchanged sector written, it would undo what is in the file by now.
            byte[] expected = new byte[OFFSET + 8 * count];
            Arrays.fill(expected, (byte) 7);
            Files.write(file.path(), expected);
            ByteBuffer view = ByteBuffer.wrap(expected);
            for (int changed : new int[] {0, 64, 65, 200_000, count - 1}) {
                table.set(changed, -changed);
                int sector = changed / 64 * 64;
                for (int index = sector; index < Math.min(sector + 64, count); index++) {
                    view.putLong(OFFSET + 8 * index, table.entry(index));
                }
            }
            assertThat(table.isDirty()).isTrue();
            table.writeBack(file);
            assertThat(table.isDirty()).isFalse();
            assertThat(Files.readAllBytes(file.path())).isEqualTo(expected);
        }
    }

    @Test
    void aRefusedWriteStaysDirty() throws IOException {
        int count = 1000;
        try (HostFile file = file(count)) {
            ResidentTable table = ResidentTable.read("table", file, OFFSET, count);
            table.set(3, 33);
            table.set(900, 99);
            files.failAfter(1, 1, ImageException.Kind.NO_SPACE);
            assertThatExceptionOfType(ImageException.class).isThrownBy(() -> table.writeBack(file));
            assertThat(table.isDirty()).isTrue();
            table.writeBack(file);
            ResidentTable again = ResidentTable.read("table", file, OFFSET, count);
            assertThat(again.entry(3)).isEqualTo(33);
            assertThat(again.entry(900)).isEqualTo(99);
        }
    }

    @Test
    void aMovedTableIsWrittenWhole() throws IOException {
        try (HostFile file = file(100)) {
            ResidentTable old = ResidentTable.read("table", file, OFFSET, 100);
            old.set(5, 55);
            ResidentTable moved = old.movedTo(8192, 400_000);
            moved.set(399_999, 9);
            assertThat(moved.isDirty()).isTrue();
            moved.writeBack(file);
            assertThat(moved.isDirty()).isFalse();

            ResidentTable again = ResidentTable.read("table", file, 8192, 400_000);
            assertThat(again.entry(5)).isEqualTo(55);
            assertThat(again.entry(99)).isEqualTo(297);
            assertThat(again.entry(100)).isZero();
            assertThat(again.entry(399_999)).isEqualTo(9);
            assertThat(old.isDirty()).isTrue();
            assertThat(file.sizeBytes()).isEqualTo(8192 + 8 * 400_000);
        }
    }

    private HostFile file(int count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(OFFSET + 8 * count);
        bytes.position(OFFSET);
        for (int index = 0; index < count; index++) {
            bytes.putLong(index * 3L);
        }
        return files.open(Files.write(folder.resolve("file"), bytes.array()), HostFiles.Mode.READ_WRITE);
    }
}
