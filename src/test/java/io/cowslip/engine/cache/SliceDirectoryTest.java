package io.cowslip.engine.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.format.L2Entry;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
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
                    directory.putSlot(key, step);
                    expected.put(key, step);
                }
            }
            for (long key = 0; key < keys; key++) {
                long word = directory.word(key);
                assertThat(SliceDirectory.isRun(word)).isFalse();
                assertThat(SliceDirectory.isSlot(word)).isEqualTo(expected.containsKey(key));
                if (SliceDirectory.isSlot(word)) {
                    assertThat(SliceDirectory.slot(word)).isEqualTo(expected.get(key));
                }
            }
        }
    }

    @Test
    void slotNoughtIsAPlaceAsAnyOther() {
        SliceDirectory directory = new SliceDirectory(8, 2);
        assertThat(directory.word(7)).isEqualTo(SliceDirectory.ABSENT);
        directory.putSlot(7, 0);
        assertThat(SliceDirectory.isSlot(directory.word(7))).isTrue();
        assertThat(SliceDirectory.slot(directory.word(7))).isZero();
        assertThat(directory.word(6)).isEqualTo(SliceDirectory.ABSENT);
    }

    @Test
    void aRunKeepsItsFirstEntryHoweverItIsUsed() {
        SliceDirectory directory = new SliceDirectory(8, 2);
        for (long entry : new long[] {
            0, L2Entry.ZERO, L2Entry.COPIED | L2Entry.OFFSET_MASK, 0x30000, L2Entry.COPIED | 0x200 | L2Entry.ZERO
        }) {
            assertThat(SliceDirectory.canBeRun(entry)).isTrue();
            directory.putRun(5, entry, 1);
            for (int epoch = 1; epoch < 9; epoch++) {
                long word = directory.word(5);
                assertThat(SliceDirectory.isRun(word)).isTrue();
                assertThat(SliceDirectory.isSlot(word)).isFalse();
                assertThat(SliceDirectory.runEntry(word)).isEqualTo(entry);
                directory.touchRun(5, word, epoch);
            }
        }
        assertThat(SliceDirectory.canBeRun(L2Entry.COMPRESSED | 0x10000)).isFalse();
        assertThat(SliceDirectory.canBeRun(0x10002)).isFalse();
        assertThat(SliceDirectory.canBeRun(1L << 60)).isFalse();
    }

    @Test
    void aTouchThatComesTooLateChangesNothing() {
        SliceDirectory directory = new SliceDirectory(8, 2);
        directory.putRun(5, 0x10000, 1);
        long seen = directory.word(5);
        directory.remove(5);
        directory.touchRun(5, seen, 2);
        assertThat(directory.word(5)).isEqualTo(SliceDirectory.ABSENT);
        directory.putSlot(5, 3);
        directory.touchRun(5, seen, 2);
        assertThat(SliceDirectory.slot(directory.word(5))).isEqualTo(3);
    }

    @Test
    void runsNotUsedInTheEpochGoAndSoDoEmptyRows() {
        SliceDirectory directory = new SliceDirectory(32, 2);
        directory.putRun(1, 0x10000, 1);
        directory.putRun(2, 0x20000, 1);
        directory.putSlot(3, 9);
        directory.putRun(20, 0x30000, 1);
        assertThat(directory.removeIdleRuns(1)).isZero();
        directory.touchRun(2, directory.word(2), 2);
        assertThat(directory.removeIdleRuns(2)).isEqualTo(2);
        assertThat(directory.word(1)).isEqualTo(SliceDirectory.ABSENT);
        assertThat(SliceDirectory.runEntry(directory.word(2))).isEqualTo(0x20000);
        assertThat(SliceDirectory.slot(directory.word(3))).isEqualTo(9);
        assertThat(directory.word(20)).isEqualTo(SliceDirectory.ABSENT);
        directory.putRun(21, 0x40000, 2);
        assertThat(SliceDirectory.runEntry(directory.word(21))).isEqualTo(0x40000);
    }

    @Test
    void theHandPassesWhatWasUsedOnce() {
        SliceDirectory directory = new SliceDirectory(64, 2);
        for (long key = 0; key < 64; key += 7) {
            directory.putRun(key, key << 16, 1);
        }
        directory.touchRun(7, directory.word(7), 1);
        directory.touchRun(21, directory.word(21), 1);
        List<Long> gone = new ArrayList<>();
        for (long key = directory.removeRunFrom(0, true); key >= 0; key = directory.removeRunFrom(key + 1, true)) {
            gone.add(key);
        }
        assertThat(gone).containsExactly(0L, 14L, 28L, 35L, 42L, 49L, 56L, 63L);
        assertThat(directory.removeRunFrom(0, true)).isEqualTo(7);
        directory.touchRun(21, directory.word(21), 1);
        assertThat(directory.removeRunFrom(0, false)).isEqualTo(21);
        assertThat(directory.removeRunFrom(0, false)).isEqualTo(-1);
    }

    @Test
    void aDiskOfNothingHasADirectory() {
        assertThat(new SliceDirectory(0, 3).word(0)).isEqualTo(SliceDirectory.ABSENT);
    }

    @Test
    void keysBeyondTheDiskAreAProgrammingError() {
        SliceDirectory directory = new SliceDirectory(16, 3);
        assertThatExceptionOfType(ArrayIndexOutOfBoundsException.class).isThrownBy(() -> directory.word(16));
    }
}
