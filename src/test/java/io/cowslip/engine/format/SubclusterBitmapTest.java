package io.cowslip.engine.format;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The arithmetic of subcluster bitmaps against a list of 32 states. */
final class SubclusterBitmapTest {

    static LongStream seeds() {
        return LongStream.range(0, 200);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void behavesAsAListOfStates(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        char[] states = " ".repeat(SubclusterBitmap.SUBCLUSTERS).toCharArray();
        long bitmap = 0;
        for (int change = 0; change < 12; change++) {
            int first = random.nextInt(SubclusterBitmap.SUBCLUSTERS);
            int end = random.nextInt(first, SubclusterBitmap.SUBCLUSTERS) + 1;
            boolean zero = random.nextBoolean();
            long bits = SubclusterBitmap.range(first, end);
            bitmap = zero ? SubclusterBitmap.withZero(bitmap, bits) : SubclusterBitmap.withAllocated(bitmap, bits);
            IntStream.range(first, end).forEach(subcluster -> states[subcluster] = zero ? '0' : 'x');
            assertThat(SubclusterBitmap.isValid(bitmap)).isTrue();
            for (int subcluster = 0; subcluster < SubclusterBitmap.SUBCLUSTERS; subcluster++) {
                assertThat(SubclusterBitmap.isAllocated(bitmap, subcluster)).isEqualTo(states[subcluster] == 'x');
                assertThat(SubclusterBitmap.isZero(bitmap, subcluster)).isEqualTo(states[subcluster] == '0');
                assertThat(SubclusterBitmap.alikeFrom(bitmap, subcluster)).isEqualTo(alikeFrom(states, subcluster));
            }
        }
    }

    private static int alikeFrom(char[] states, int first) {
        int end = first;
        while (end < states.length && states[end] == states[first]) {
            end++;
        }
        return end - first;
    }

    @Test
    void bothBitsOfOneSubclusterAreNotValid() {
        assertThat(SubclusterBitmap.isValid(1L << 7 | 1L << 39)).isFalse();
        assertThat(SubclusterBitmap.isValid(1L << 7 | 1L << 40)).isTrue();
    }
}
