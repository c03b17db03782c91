package io.cowslip.engine.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.lang.foreign.MemorySegment;
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
        entries.set(BigEndian.INT, 20, -1);

        ImageException refusal =
                catchThrowableOfType(ImageException.class, () -> new BitmapDirectory(65536, 64, 2).markInUse(entries));

        assertThat(refusal.kind()).isEqualTo(Kind.INVALID_FORMAT);
    }
}
