package io.cowslip.engine.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.L2Entry;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.function.IntToLongFunction;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which form a slice gets, and that each form gives back what went in. */
final class SliceFormTest {
    private static final int CLUSTER_BITS = 16;
    private static final int ENTRIES = 512;
    private static final long CLUSTER = 1L << CLUSTER_BITS;

    @Test
    void clustersThatFollowEachOtherAreARun() {
        assertThat(formOf(index -> L2Entry.COPIED | (7 + index) * CLUSTER).isRun())
                .isTrue();
        assertThat(formOf(index -> (7 + index) * CLUSTER).isRun()).isTrue();
        assertThat(formOf(index -> 0).isRun()).isTrue();
        assertThat(formOf(index -> L2Entry.ZERO).isRun()).isTrue();
        assertThat(formOf(index -> L2Entry.COPIED | L2Entry.ZERO | (7 + index) * CLUSTER)
                        .isRun())
                .isTrue();
    }

    @Test
    void oneThatDiffersMakesItNoRun() {
        for (int odd : new int[] {0, 1, 255, 511}) {
            assertThat(formOf(index -> index == odd ? 0 : L2Entry.COPIED | (7 + index) * CLUSTER)
                            .slicesPerFrame())
                    .isEqualTo(4);
            assertThat(formOf(index -> (index == odd ? 0 : L2Entry.COPIED) | (7 + index) * CLUSTER)
                            .slicesPerFrame())
                    .isEqualTo(SliceForm.PLAIN);
        }
    }

    @Test
    void whatTheFormatForbidsStaysAsItIs() {
        assertThat(formOf(index -> 2).slicesPerFrame()).isNotEqualTo(SliceForm.RUN);
        assertThat(formOf(index -> L2Entry.COMPRESSED | (7 + index) * CLUSTER).isRun())
                .isFalse();
        assertThat(formOf(index -> 512 + (7 + index) * CLUSTER).isRun()).isTrue();
        assertThat(formOf(index -> index % 2 * 512L + (7 + index) * CLUSTER)).isEqualTo(SliceForm.AS_IN_FILE);
    }

    @Test
    void theSpreadDecidesHowManyShareAFrame() {
        assertThat(formOf(spread((1 << 16) - 2)).slicesPerFrame()).isEqualTo(4);
        assertThat(formOf(spread((1 << 16) - 1)).slicesPerFrame()).isEqualTo(3);
        assertThat(formOf(spread((1 << 21) - 2)).slicesPerFrame()).isEqualTo(3);
        assertThat(formOf(spread((1 << 21) - 1)).slicesPerFrame()).isEqualTo(2);
        assertThat(formOf(spread((1L << 32) - 2)).slicesPerFrame()).isEqualTo(2);
        assertThat(formOf(spread((1L << 32) - 1)).slicesPerFrame()).isEqualTo(SliceForm.PLAIN);
    }

    /** Packed entries among others in one frame: each place gives back its own, to the bit. */
    @ParameterizedTest
    @ValueSource(ints = {64, 512, 4096})
    void packedEntriesComeBack(int entryCount) {
        SplittableRandom random = new SplittableRandom(entryCount);
        int frameBytes = entryCount * Long.BYTES;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment frame = arena.allocate(frameBytes + Long.BYTES, 8);
            for (int round = 0; round < 60; round++) {
                int sharers = 2 + round % 3;
                MemorySegment[] slices = new MemorySegment[sharers];
                SliceForm[] forms = new SliceForm[sharers];
                for (int place :
                        random.ints(0, sharers).distinct().limit(sharers).toArray()) {
                    long most = (1L << SliceForm.entryBits(sharers)) - 2;
                    slices[place] = arena.allocate(frameBytes, 8);
                    fill(slices[place], scattered(random, entryCount, most, random.nextBoolean()));
                    forms[place] = SliceForm.packed(slices[place], CLUSTER_BITS);
                    assertThat(forms[place].slicesPerFrame()).isGreaterThanOrEqualTo(sharers);
                    forms[place] = new SliceForm(sharers, forms[place].base());
                    forms[place].pack(slices[place], CLUSTER_BITS, frame, (long) place * (frameBytes / sharers));
                }
                for (int place = 0; place < sharers; place++) {
                    long offset = (long) place * (frameBytes / sharers);
                    for (int index = 0; index < entryCount; index++) {
                        assertThat(SliceForm.unpack(frame, offset, index, sharers, forms[place].base(), CLUSTER_BITS))
                                .isEqualTo(slices[place].getAtIndex(BigEndian.LONG, index));
                    }
                }
            }
        }
    }

    private static long[] scattered(SplittableRandom random, int count, long most, boolean holes) {
        long base = (L2Entry.COPIED | CLUSTER) + random.nextInt(1 << 20) * CLUSTER;
        long[] entries = LongStream.range(0, count)
                .map(index -> holes && random.nextInt(3) == 0 ? 0 : base + random.nextLong(most + 1) * CLUSTER)
                .toArray();
        entries[random.nextInt(count)] = base + most * CLUSTER;
        return entries;
    }

    private static IntToLongFunction spread(long most) {
        return index -> L2Entry.COPIED | CLUSTER + (index == 100 ? most : index % 2) * CLUSTER;
    }

    private static SliceForm formOf(IntToLongFunction entry) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment entries = arena.allocate(ENTRIES * Long.BYTES, 8);
            long[] values = new long[ENTRIES];
            for (int index = 0; index < ENTRIES; index++) {
                values[index] = entry.applyAsLong(index);
            }
            fill(entries, values);
            return SliceForm.of(entries, CLUSTER_BITS);
        }
    }

    private static void fill(MemorySegment entries, long[] values) {
        for (int index = 0; index < values.length; index++) {
            entries.setAtIndex(BigEndian.LONG, index, values[index]);
        }
    }
}
