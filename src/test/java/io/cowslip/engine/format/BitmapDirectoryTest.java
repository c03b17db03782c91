package io.cowslip.engine.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BitmapDirectoryTest {
    private static final ImageGeometry GEOMETRY = new ImageGeometry(16, 1 << 30, 4, false);

    @ParameterizedTest
    @CsvSource({
        "0, 64, 65536, counts",
        "65536, 2097152, 65536, counts",
        "-1, 64, 65536, counts",
        "3, 71, 65536, directory has",
        "1, -1, 65536, directory has",
        "1, 67108865, 65536, directory has",
        "1, 64, 0, directory is at",
        "1, 64, 65537, directory is at",
        "1, 64, -65536, directory is at",
        "1, 65537, 65536, directory is at",
        "1, 64, 131072, directory is at"
    })
    void refusesADirectoryThatCannotBe(int count, long sizeBytes, long hostOffset, String complaint) {
        MemorySegment extension = MemorySegment.ofArray(new byte[24]);
        extension.set(BigEndian.INT, 0, count);
        extension.set(BigEndian.LONG, 8, sizeBytes);
        extension.set(BigEndian.LONG, 16, hostOffset);

        ImageException refusal =
                catchThrowableOfType(ImageException.class, () -> BitmapDirectory.parse(extension, GEOMETRY, 2 * 65536));

        assertThat(refusal.kind()).isEqualTo(Kind.INVALID_FORMAT);
        assertThat(refusal).hasMessageContaining(complaint);
    }

    @Test
    void refusesAnEntryThatLeavesTheDirectory() {
        MemorySegment entries = MemorySegment.ofArray(new byte[64]);
        entries.set(BigEndian.SHORT, 18, (short) 1);
        entries.set(BigEndian.INT, 20, -1);

        ImageException refusal =
                catchThrowableOfType(ImageException.class, () -> new BitmapDirectory(65536, 64, 2).entries(entries));

        assertThat(refusal.kind()).isEqualTo(Kind.INVALID_FORMAT);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0, 64, name has 0",
        "1024, 0, 0, 2048, name has 1024",
        "1, 40, 0, 64, extra data",
        "1, 0, 134217729, 64, table has"
    })
    void refusesAnEntryThatCannotBe(int nameBytes, int extraBytes, int tableEntries, int sizeBytes, String complaint) {
        MemorySegment entries = MemorySegment.ofArray(new byte[sizeBytes]);
        entries.set(BigEndian.INT, 8, tableEntries);
        entries.set(BigEndian.SHORT, 18, (short) nameBytes);
        entries.set(BigEndian.INT, 20, extraBytes);

        ImageException refusal = catchThrowableOfType(
                ImageException.class, () -> new BitmapDirectory(65536, sizeBytes, 1).entries(entries));

        assertThat(refusal.kind()).isEqualTo(Kind.INVALID_FORMAT);
        assertThat(refusal).hasMessageContaining(complaint);
    }

    @Test
    void refusesTwoOfOneName() throws ImageException {
        byte[] twice = BitmapDirectory.toBytes(
                List.of(BitmapEntry.of("a", 16, 0, 65536, 1), BitmapEntry.of("a", 9, 0, 131072, 1)));

        assertThatThrownBy(() -> new BitmapDirectory(65536, twice.length, 2).entries(MemorySegment.ofArray(twice)))
                .hasMessageContaining("twice");
    }

    /** Extra data, and flags, types and granularities that are not known, are written as they were read. */
    @Test
    void keepsWhatItDoesNotKnow() throws ImageException {
        MemorySegment entry = MemorySegment.ofArray(new byte[48]);
        entry.set(BigEndian.LONG, 0, 0x30000);
        entry.set(BigEndian.INT, 8, 7);
        entry.set(BigEndian.INT, 12, 0x40000006);
        entry.set(BigEndian.INT, 16, 0x02300002);
        entry.set(BigEndian.INT, 20, 11);
        for (int index = 24; index < 37; index++) {
            entry.set(ValueLayout.JAVA_BYTE, index, (byte) (index * 37));
        }

        List<BitmapEntry> read = new BitmapDirectory(65536, 48, 1).entries(entry);

        assertThat(read.getFirst().isKnown()).isFalse();
        byte[] written = BitmapDirectory.toBytes(read);
        assertThat(written).isEqualTo(entry.asSlice(0, written.length).toArray(ValueLayout.JAVA_BYTE));
    }
}
