package io.cowslip.engine.format;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** L1 and L2 entries against values dumped from images that QEMU made. */
class TableEntryTest {
    private static final long DATA = 0x8000_0000_0005_0000L;
    private static final long ZERO_WITH_CLUSTER = 0x8000_0000_0005_0001L;
    private static final long ZERO_PLAIN = 1;

    @Test
    void theStatesOfAnL2Entry() {
        assertThat(L2Entry.hostOffset(DATA)).isEqualTo(0x5_0000);
        assertThat(L2Entry.isCopied(DATA)).isTrue();
        assertThat(L2Entry.isZero(DATA)).isFalse();
        assertThat(L2Entry.isCompressed(DATA)).isFalse();
        assertThat(L2Entry.hostOffset(ZERO_WITH_CLUSTER)).isEqualTo(0x5_0000);
        assertThat(L2Entry.isZero(ZERO_WITH_CLUSTER)).isTrue();
        assertThat(L2Entry.hostOffset(ZERO_PLAIN)).isZero();
        assertThat(L2Entry.isZero(ZERO_PLAIN)).isTrue();
        assertThat(L2Entry.ofCopiedData(0x5_0000)).isEqualTo(DATA);
    }

    @Test
    void reservedBitsOfAnL2Entry() {
        assertThat(L2Entry.reservedBitsAreClear(DATA, 3)).isTrue();
        assertThat(L2Entry.reservedBitsAreClear(ZERO_WITH_CLUSTER, 3)).isTrue();
        assertThat(L2Entry.reservedBitsAreClear(ZERO_WITH_CLUSTER, 2)).isFalse();
        assertThat(L2Entry.reservedBitsAreClear(DATA | 1L << 8, 3)).isFalse();
        assertThat(L2Entry.reservedBitsAreClear(DATA | 1L << 56, 3)).isFalse();
        assertThat(L2Entry.reservedBitsAreClear(DATA | 1L << 61, 3)).isFalse();
    }

    @Test
    void anL1Entry() {
        assertThat(L1Entry.tableOffset(DATA)).isEqualTo(0x5_0000);
        assertThat(L1Entry.isCopied(DATA)).isTrue();
        assertThat(L1Entry.ofCopiedTable(0x5_0000)).isEqualTo(DATA);
        assertThat(L1Entry.reservedBitsAreClear(DATA)).isTrue();
        assertThat(L1Entry.reservedBitsAreClear(DATA | 1)).isFalse();
        assertThat(L1Entry.reservedBitsAreClear(DATA | 1L << 62)).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        // cluster bits, host offset, length, sectors touched, payload bound
        "16, 0x50000, 1, 1, 512",
        "16, 0x50000, 512, 1, 512",
        "16, 0x50000, 513, 2, 1024",
        "16, 0x501ff, 1, 1, 1",
        "16, 0x501ff, 2, 2, 513",
        "16, 0x5ff00, 65535, 129, 65792",
        "9, 0x3ffffffffffe00, 511, 1, 512",
        "9, 0x3fffffffffff00, 511, 2, 768",
        "21, 0x1ffffffe00000, 2097151, 4096, 2097152"
    })
    void aCompressedEntryKeepsOffsetAndLength(
            int clusterBits, String hostOffset, int lengthBytes, int sectors, int payloadBytes) {
        long offset = Long.decode(hostOffset);

        long entry = L2Entry.ofCompressed(offset, lengthBytes, clusterBits);

        assertThat(L2Entry.isCompressed(entry)).isTrue();
        assertThat(L2Entry.isCopied(entry)).isFalse();
        assertThat(L2Entry.compressedHostOffset(entry, clusterBits)).isEqualTo(offset);
        assertThat(L2Entry.compressedSectors(entry, clusterBits)).isEqualTo(sectors);
        assertThat(L2Entry.compressedPayloadBytes(entry, clusterBits)).isEqualTo(payloadBytes);
    }
}
