package io.cowslip.engine.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

final class SliceDirectoryTest {

    @Test
    void behavesAsAMap() {
        SplittableRandom random = new SplittableRandom(5);
        for (int rowBits : new int[] {0, 1, 4, 10}) {
            int keys = 777;
            SliceDirectory directory = new SliceDirectory(keys, rowBits);
            Map<Long, Integer> expected = new HashMap<>();
            for (int step = 0; step < 5_000; step++) {
                long key = random.nextInt(keys);
                if (expected.containsKey(key)) {
                    directory.remove(key);
                    expected.remove(key);
                } else {
                    directory.put(key, step);
                    expected.put(key, step);
                }
            }
            for (long key = 0; key < keys; key++) {
                assertThat(directory.slotOf(key)).isEqualTo(expected.getOrDefault(key, SliceDirectory.ABSENT));
            }
        }
    }

    @Test
    void slotNoughtIsAPlaceAsAnyOther() {
        SliceDirectory directory = new SliceDirectory(8, 2);
        assertThat(directory.slotOf(7)).isEqualTo(SliceDirectory.ABSENT);
        directory.put(7, 0);
        assertThat(directory.slotOf(7)).isZero();
        assertThat(directory.slotOf(6)).isEqualTo(SliceDirectory.ABSENT);
    }

    @Test
    void aDiskOfNothingHasADirectory() {
        assertThat(new SliceDirectory(0, 3).slotOf(0)).isEqualTo(SliceDirectory.ABSENT);
    }

    @Test
    void keysBeyondTheDiskAreAProgrammingError() {
        SliceDirectory directory = new SliceDirectory(16, 3);
        assertThatExceptionOfType(ArrayIndexOutOfBoundsException.class).isThrownBy(() -> directory.slotOf(16));
    }
}
