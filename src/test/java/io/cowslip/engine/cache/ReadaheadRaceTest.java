package io.cowslip.engine.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A slice that is read ahead comes in, is changed, written back and dropped by others while the file is being read: what
 * was read before the change must not be taken for it.
 */
@Tag("long")
@Timeout(600)
final class ReadaheadRaceTest {
    private static final int SLICE_BYTES = 4096;
    private static final int PER_SLICE = SLICE_BYTES / 8;
    private static final int ROUNDS = Seeds.longRun() ? 40_000 : 2_000;
    private static final int OVER = -1;

    /** The first entry of each slice, as the file has it. */
    private final long[] file = new long[2048];

    private final AtomicBoolean put = new AtomicBoolean();
    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicInteger ended = new AtomicInteger();

    @Test
    void nothingOlderThanAPutIsReadAhead() throws Exception {
        ImageGeometry geometry = new ImageGeometry(16, 64L << 30, 4, false);
        L2SliceCache[] own = new L2SliceCache[1];
        CacheBudget budget = new CacheBudget(SLICE_BYTES, 16, 1 << 16, 4, false);
        TableSource source = (key, count, into) -> load(own[0], key, count, into);
        try (L2SliceCache cache = new L2SliceCache(budget, geometry, source, new CacheCounters())) {
            own[0] = cache;
            Racers.race(List.of(() -> read(cache), () -> put(cache)));
        }
    }

    private void load(L2SliceCache cache, long key, int count, MemorySegment into) throws IOException {
        for (int piece = 0; piece < count; piece++) {
            into.asSlice((long) piece * SLICE_BYTES, SLICE_BYTES).fill((byte) 0x11);
            into.set(BigEndian.LONG, (long) piece * SLICE_BYTES, file[(int) key + piece]);
        }
        if (count > 1 && put.get()) {
            forgetAll(cache);
        }
    }

    private void forgetAll(L2SliceCache cache) throws IOException {
        cache.writeBack((key, from) -> file[(int) key] = from.get(BigEndian.LONG, 0));
        cache.clean();
        cache.clean();
    }

    /** Three misses that follow each other: the third reads one slice ahead, the one that is put meanwhile. */
    private long read(L2SliceCache cache) throws IOException {
        SplittableRandom random = new SplittableRandom(1);
        try {
            for (int round = 1; round <= ROUNDS; round++) {
                cache.entry(0);
                cache.entry(PER_SLICE);
                begun.set(round);
                pause(random);
                cache.entry(2L * PER_SLICE);
                await(ended, round);
                assertThat(cache.entry(3L * PER_SLICE)).as("round %d", round).isEqualTo((long) round << 16);
                put.set(false);
                forgetAll(cache);
            }
            return ROUNDS;
        } finally {
            begun.set(OVER);
        }
    }

    private long put(L2SliceCache cache) throws IOException {
        SplittableRandom random = new SplittableRandom(2);
        try {
            for (int round = 1; await(begun, round); round++) {
                pause(random);
                cache.put(3L * PER_SLICE, (long) round << 16);
                put.set(true);
                ended.set(round);
            }
            return ROUNDS;
        } finally {
            ended.set(OVER);
        }
    }

    /** Whether the other has come to this round, and not to its end. */
    private static boolean await(AtomicInteger other, int round) {
        while (other.get() != round) {
            if (other.get() == OVER) {
                return false;
            }
            Thread.yield();
        }
        return true;
    }

    private static void pause(SplittableRandom random) {
        for (int spins = random.nextInt(60); spins > 0; spins--) {
            Thread.onSpinWait();
        }
    }
}
