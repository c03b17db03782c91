package io.cowslip.engine.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RefcountBitsTest {

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6})
    void everyCountIsIndependentOfItsNeighbours(int refcountOrder) {
        byte[] block = new byte[512];
        MemorySegment segment = MemorySegment.ofArray(block);
        int counts = (512 * 8) >> refcountOrder;
        long[] expected = new long[counts];
        Random random = new Random(refcountOrder);
        for (int round = 0; round < 3 * counts; round++) {
            int index = random.nextInt(counts);
            expected[index] = random.nextLong() & RefcountBits.maxCount(refcountOrder);
            RefcountBits.set(segment, refcountOrder, index, expected[index]);
        }

        for (int index = 0; index < counts; index++) {
            assertThat(RefcountBits.get(segment, refcountOrder, index)).isEqualTo(expected[index]);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6})
    void countsAreCopiedFromAnywhere(int refcountOrder) {
        MemorySegment segment = MemorySegment.ofArray(new byte[512]);
        int counts = (512 * 8) >> refcountOrder;
        Random random = new Random(refcountOrder);
        for (int index = 0; index < counts; index++) {
            long count = random.nextLong() >>> random.nextInt(64) & RefcountBits.maxCount(refcountOrder);
            RefcountBits.set(segment, refcountOrder, index, count);
        }
        int first = counts / 4;
        int[] copied = new int[counts / 2 + 1];

        RefcountBits.copy(segment, refcountOrder, first, copied, counts / 2);

        for (int i = 0; i < counts / 2; i++) {
            long count = RefcountBits.get(segment, refcountOrder, first + i);
            assertThat(copied[i]).isEqualTo((int) Math.min(Integer.MAX_VALUE, count));
        }
        assertThat(copied[counts / 2]).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5, 6})
    void likeCountsAreSeenAtOnce(int refcountOrder) {
        MemorySegment segment = MemorySegment.ofArray(new byte[512]);
        for (int index = 3; index < 20; index++) {
            RefcountBits.set(segment, refcountOrder, index, 200);
        }

        assertThat(RefcountBits.areAlike(segment, refcountOrder, 3, 17)).isTrue();
        assertThat(RefcountBits.areAlike(segment, refcountOrder, 19, 1)).isTrue();
        assertThat(RefcountBits.areAlike(segment, refcountOrder, 2, 17)).isFalse();
        assertThat(RefcountBits.areAlike(segment, refcountOrder, 3, 18)).isFalse();
    }

    @Test
    void countsBelowAByteArePackedFromTheLeastSignificantBit() {
        byte[] block = new byte[8];
        MemorySegment segment = MemorySegment.ofArray(block);

        RefcountBits.set(segment, 0, 0, 1);
        RefcountBits.set(segment, 1, 5, 3);
        RefcountBits.set(segment, 2, 5, 9);

        assertThat(block).containsExactly(0x01, 0x0C, (byte) 0x90, 0, 0, 0, 0, 0);
    }

    @Test
    void widerCountsAreBigEndian() {
        byte[] block = new byte[8];

        RefcountBits.set(MemorySegment.ofArray(block), 4, 1, 0x1234);
        RefcountBits.set(MemorySegment.ofArray(block), 5, 1, 0xFFFF_FFFFL);

        assertThat(block).containsExactly(0, 0, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF);
        assertThat(RefcountBits.get(MemorySegment.ofArray(block), 5, 1)).isEqualTo(0xFFFF_FFFFL);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5})
    void aCountThatDoesNotFitIsRefused(int refcountOrder) {
        MemorySegment block = MemorySegment.ofArray(new byte[8]);
        long tooLarge = RefcountBits.maxCount(refcountOrder) + 1;

        assertThatIllegalArgumentException().isThrownBy(() -> RefcountBits.set(block, refcountOrder, 0, tooLarge));
        assertThatIllegalArgumentException().isThrownBy(() -> RefcountBits.set(block, refcountOrder, 0, -1));
    }
}
