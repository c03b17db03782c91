package io.cowslip.engine.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.format.ImageGeometry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Counts in blocks, within the four blocks that the cache has at least. */
final class RefcountBlockCacheTest {
    private static final int CLUSTER_BYTES = 512;

    private final Map<Long, byte[]> blocks = new HashMap<>();
    private final List<Long> loads = new ArrayList<>();
    private final List<Long> stores = new ArrayList<>();

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6})
    void countsAsAnArrayDoes(int refcountOrder) throws IOException {
        SplittableRandom random = new SplittableRandom(refcountOrder);
        ImageGeometry geometry = geometry(refcountOrder);
        int perBlock = 1 << geometry.refcountsPerBlockBits();
        long most = refcountOrder == 0 ? 1 : Math.min(1L << 40, (1L << Math.min(40, 1 << refcountOrder)) - 1);
        long[] expected = new long[20 * perBlock];
        try (RefcountBlockCache cache = cache(geometry)) {
            for (int step = 0; step < 5_000; step++) {
                int index = random.nextInt(expected.length);
                long block = index / perBlock;
                assertThat(cache.count(block, index % perBlock)).isEqualTo(expected[index]);
                if (cache.mustWriteBackBeforeChangeOf(block)) {
                    cache.writeBack(this::store);
                }
                expected[index] = random.nextLong(most + 1);
                cache.setCount(block, index % perBlock, expected[index]);
                if (step % 97 == 0) {
                    cache.clean();
                }
            }
            cache.writeBack(this::store);
        }
        try (RefcountBlockCache cache = cache(geometry)) {
            for (int index = 0; index < expected.length; index++) {
                assertThat(cache.count(index / perBlock, index % perBlock)).isEqualTo(expected[index]);
            }
        }
    }

    @Test
    void eachLookupIsOneHitOrOneMissAndAChangeNeither() throws IOException {
        try (RefcountBlockCache cache = cache(geometry(4))) {
            cache.count(0, 0);
            cache.count(0, 1);
            cache.count(1, 0);
            cache.setCount(0, 0, 1);
            CacheStats stats = cache.stats(1 << 20);
            assertThat(stats.hits()).isOne();
            assertThat(stats.misses()).isEqualTo(2);
            assertThat(stats.loads()).isEqualTo(2);
            assertThat(stats.bytesLoaded()).isEqualTo(2L * CLUSTER_BYTES);
            assertThat(stats.entriesResident()).isEqualTo(2);
            assertThat(stats.entriesDirty()).isOne();
            assertThat(stats.entries()).isEqualTo(4);
        }
    }

    /** They lie anywhere in the file: what follows one there is not the next. */
    @Test
    void blocksAreLoadedOneAtATime() throws IOException {
        List<Integer> together = new ArrayList<>();
        TableSource source = (block, count, into) -> {
            together.add(count);
            into.fill((byte) (block + 1));
        };
        CacheBudget budget = new CacheBudget(512, 2, CLUSTER_BYTES, 64, false);
        try (RefcountBlockCache cache = new RefcountBlockCache(budget, geometry(4), source, new CacheCounters())) {
            for (int block = 0; block < 32; block++) {
                assertThat(cache.count(block, 5)).isEqualTo((block + 1) * 0x101L);
            }
            assertThat(together).hasSize(32).containsOnly(1);
        }
    }

    @Test
    void twoBlocksOfFourMayBeDirty() throws IOException {
        try (RefcountBlockCache cache = cache(geometry(4))) {
            cache.setCount(5, 0, 1);
            assertThat(cache.mustWriteBackBeforeChangeOf(6)).isFalse();
            cache.setCount(6, 0, 1);
            assertThat(cache.mustWriteBackBeforeChangeOf(5)).isFalse();
            assertThat(cache.mustWriteBackBeforeChangeOf(7)).isTrue();
            for (long block = 10; block < 30; block++) {
                assertThat(cache.count(block, 0)).isZero();
            }
            assertThat(cache.count(5, 0)).isOne();
            assertThat(cache.count(6, 0)).isOne();
            assertThat(stores).isEmpty();
            cache.writeBack(this::store);
            assertThat(stores).containsExactly(5L, 6L);
        }
    }

    /** Blocks that did not come into being must be found neither in the cache nor in a write-back. */
    @Test
    void whatIsForgottenIsLoadedAgain() throws IOException {
        try (RefcountBlockCache cache = cache(geometry(4))) {
            cache.setCount(5, 0, 1);
            cache.setCount(6, 0, 1);
            cache.count(7, 0);
            cache.forgetFrom(6, 10);
            assertThat(cache.stats(0).entriesResident()).isOne();
            assertThat(cache.stats(0).entriesDirty()).isOne();
            assertThat(cache.mustWriteBackBeforeChangeOf(7)).isFalse();
            assertThat(cache.count(6, 0)).isZero();
            assertThat(cache.count(7, 0)).isZero();
            assertThat(loads).containsExactly(5L, 6L, 7L, 6L, 7L);
            cache.writeBack(this::store);
            assertThat(stores).containsExactly(5L);
            cache.forgetFrom(5, 3);
            assertThat(cache.stats(0).entriesResident()).isZero();
            assertThat(cache.count(5, 0)).isOne();
        }
    }

    private static ImageGeometry geometry(int refcountOrder) {
        return new ImageGeometry(9, 1 << 20, refcountOrder, false);
    }

    private RefcountBlockCache cache(ImageGeometry geometry) throws IOException {
        return new RefcountBlockCache(
                new CacheBudget(512, 2, CLUSTER_BYTES, 4, false), geometry, this::load, new CacheCounters());
    }

    private void load(long key, int one, MemorySegment into) {
        loads.add(key);
        byte[] bytes = blocks.getOrDefault(key, new byte[CLUSTER_BYTES]);
        MemorySegment.copy(bytes, 0, into, ValueLayout.JAVA_BYTE, 0, bytes.length);
    }

    private void store(long key, MemorySegment from) {
        stores.add(key);
        blocks.put(key, from.toArray(ValueLayout.JAVA_BYTE));
    }
}
