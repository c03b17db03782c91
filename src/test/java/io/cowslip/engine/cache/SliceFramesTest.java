package io.cowslip.engine.cache;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Slots in frames that change hands, looked at from where a reader is in the middle. */
final class SliceFramesTest {
    private static final int CLUSTER_BITS = 16;

    private final SliceDirectory directory = new SliceDirectory(1024, 0);

    /** A reader that has found slot 3 of 4 goes on in a frame that is shared by 2: it reads nonsense, and knows. */
    @Test
    void theLastFrameMayBeGivenToOthersUnderAReader() throws IOException {
        int frameBytes = 64 << 10;
        try (SliceFrames frames = frames(frameBytes, 1);
                Arena arena = Arena.ofConfined()) {
            MemorySegment zeros = arena.allocate(frameBytes, 8);
            for (int key = 0; key < 4; key++) {
                fill(frames, key, zeros, 4);
            }
            int slot = SliceDirectory.slot(directory.word(3));
            int version = frames.versionFor(slot, 3);
            assertThat(version & 1).isZero();

            fill(frames, 9, zeros, 2);
            frames.entry(slot, frameBytes / 8 - 1);

            assertThat(frames.isStill(slot, version)).isFalse();
            assertThat(directory.word(3)).isEqualTo(SliceDirectory.ABSENT);
        }
    }

    /** Frames are taken, shared, freed, cleaned and lent at random; a slot is never two pieces', and none gets lost. */
    @Test
    void noSlotIsTwoPiecesAndNoneIsLost() throws IOException {
        SplittableRandom random = new SplittableRandom(7);
        int frameCount = 5;
        try (SliceFrames frames = frames(4096, frameCount);
                Arena arena = Arena.ofConfined()) {
            MemorySegment zeros = arena.allocate(4096, 8);
            List<Long> resident = new ArrayList<>();
            int lent = 0;
            for (int step = 0; step < 200_000; step++) {
                long key = random.nextLong(1024);
                switch (random.nextInt(20)) {
                    case 0 -> frames.clean(step);
                    case 1 -> lent += lent < 2 && frames.lendFrame() ? 1 : 0;
                    case 2 -> {
                        frames.endLoans(lent);
                        lent = 0;
                    }
                    case 3, 4, 5 -> {
                        if (SliceDirectory.isSlot(directory.word(key))) {
                            frames.free(SliceDirectory.slot(directory.word(key)));
                        }
                    }
                    default -> {
                        if (directory.word(key) == SliceDirectory.ABSENT) {
                            fill(frames, key, zeros, 1 + random.nextInt(4));
                        }
                    }
                }
                if (step % 1000 == 0) {
                    resident.clear();
                    for (long each = 0; each < 1024; each++) {
                        if (directory.word(each) != SliceDirectory.ABSENT) {
                            int slot = SliceDirectory.slot(directory.word(each));
                            assertThat(frames.versionFor(slot, each) & 1).isZero();
                            resident.add((long) slot);
                        }
                    }
                    assertThat(resident).doesNotHaveDuplicates().hasSize(frames.residentCount());
                    assertThat(frames.residentBytes()).isLessThanOrEqualTo((frameCount - lent) * 4096L);
                }
            }
            frames.endLoans(lent);
            frames.clean(-1);
            assertThat(frames.residentCount()).isZero();
            assertThat(frames.residentBytes()).isZero();
            for (int key = 0; key < 4 * frameCount; key++) {
                fill(frames, key, zeros, 4);
            }
            assertThat(frames.residentCount()).isEqualTo(4 * frameCount);
        }
    }

    private SliceFrames frames(int frameBytes, int frameCount) throws IOException {
        return new SliceFrames(frameBytes, frameCount, true, CLUSTER_BITS, directory, new CacheCounters());
    }

    private static void fill(SliceFrames frames, long key, MemorySegment entries, int sharers) {
        int slot = frames.take(sharers);
        assertThat(slot).isNotEqualTo(SliceFrames.NO_SLOT);
        frames.fill(slot, entries, new SliceForm(sharers, 0));
        frames.settle(slot, key, 1);
    }
}
