package io.cowslip.engine.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.format.LuksHeader.KeySlot;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A LUKS header comes from an untrusted file: nothing in it may make the engine work, read or allocate without bound. */
final class LuksHeaderTest {
    private static final long AREA_BYTES = 4040 * 512;

    @Test
    void whatIsWrittenIsRead() throws ImageException {
        LuksHeader header = sound();

        LuksHeader read = LuksHeader.parse(MemorySegment.ofArray(header.toBytes()), AREA_BYTES);

        assertThat(read.toBytes()).isEqualTo(header.toBytes());
        assertThat(read.cipherMode()).isEqualTo("xts-plain64");
        assertThat(read.materialOffset(1)).isEqualTo(512 * 512);
        assertThat(read.slots().get(1).active()).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0x12345678, INVALID_FORMAT, does not start with",
        "4, 0xBABE0002, UNSUPPORTED_FEATURE, version 2",
        "108, 0, INVALID_FORMAT, volume key has 0 bytes",
        "108, 65, INVALID_FORMAT, volume key has 65 bytes",
        "108, -1, INVALID_FORMAT, volume key has 4294967295 bytes",
        "164, 0, INVALID_FORMAT, the digest has 0 iterations",
        "164, 0x7fffffff, INVALID_FORMAT, the digest has 2147483647 iterations",
        "208, 7, INVALID_FORMAT, state of a key slot",
        "212, -1, INVALID_FORMAT, key slot 0 has 4294967295 iterations",
        "212, 100000000, INVALID_FORMAT, all key slots together",
        "248, 0, INVALID_FORMAT, begins at sector 0",
        "248, 4000, INVALID_FORMAT, begins at sector 4000",
        "248, -1, INVALID_FORMAT, begins at sector 4294967295",
        "248, 510, INVALID_FORMAT, overlaps",
        "252, 4001, INVALID_FORMAT, 4001 stripes",
        "252, -1, INVALID_FORMAT, 4294967295 stripes"
    })
    void whatCannotBeIsRefused(int offset, String value, Kind kind, String why) {
        MemorySegment bytes = MemorySegment.ofArray(sound().toBytes());
        bytes.set(BigEndian.INT, offset, Long.decode(value).intValue());

        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> LuksHeader.parse(bytes, AREA_BYTES))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(kind))
                .withMessageContaining(why);
    }

    @Test
    void anAreaThatIsTooShortIsRefused() {
        MemorySegment bytes = MemorySegment.ofArray(sound().toBytes());
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> LuksHeader.parse(bytes.asSlice(0, 591), AREA_BYTES))
                .withMessageContaining("too short");
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> LuksHeader.parse(bytes, 3 << 16))
                .withMessageContaining("end of its area");
    }

    private static LuksHeader sound() {
        List<KeySlot> slots = new ArrayList<>();
        for (int slot = 0; slot < LuksHeader.SLOTS; slot++) {
            slots.add(new KeySlot(slot == 0, slot == 0 ? 1000 : 0, bytes(32), 8 + 504 * slot, 4000));
        }
        return new LuksHeader("aes", "xts-plain64", "sha256", 4040, 64, bytes(20), bytes(32), 1000, "u-u-i-d", slots);
    }

    private static MemorySegment bytes(int length) {
        return MemorySegment.ofArray(new byte[length]).fill((byte) 3);
    }
}
