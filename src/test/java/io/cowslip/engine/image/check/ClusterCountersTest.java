package io.cowslip.engine.image.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.Seeds;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Counts of clusters, held against plain longs. */
final class ClusterCountersTest {
    private static final int CLUSTERS = 2 * ClusterCounters.CHUNK_CLUSTERS + 100;

    /** What the threads add in is the two ends of a chunk, so that they meet. */
    private static final int[] CROWDED = {0, ClusterCounters.CHUNK_CLUSTERS - 60, 2 * ClusterCounters.CHUNK_CLUSTERS};

    private static final int[] AMOUNTS = {1, 1, 1, 1, 2, 3, 100, 127, 128, 255, 256, 300, 70_000};

    static LongStream seeds() {
        return Seeds.seeds(8, 60);
    }

    private record Addition(int first, int length, int amount) {}

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void whatSeveralThreadsAddIsAllThere(long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        ClusterCounters counters = new ClusterCounters(CLUSTERS);
        long[] expected = new long[CLUSTERS];
        List<Callable<Void>> threads = new ArrayList<>();
        for (int thread = 0; thread < 4; thread++) {
            List<Addition> additions = additions(random, random.nextInt(1, AMOUNTS.length));
            additions.forEach(addition -> addTo(expected, addition));
            threads.add(() -> {
                additions.forEach(a -> counters.add(a.first, a.length, a.amount));
                return null;
            });
        }
        runAll(threads);

        for (int cluster = 0; cluster < CLUSTERS; cluster++) {
            assertThat(counters.get(cluster))
                    .as("cluster %d; %s", cluster, Seeds.replay(getClass(), seed))
                    .isEqualTo((int) expected[cluster]);
        }
        assertLengthsAlike(counters, expected, random, seed);
    }

    private static void runAll(List<Callable<Void>> threads) throws Exception {
        try (ExecutorService executor = Executors.newFixedThreadPool(threads.size())) {
            for (Future<Void> future : executor.invokeAll(threads)) {
                future.get();
            }
        }
    }

    /** What is added is taken away again, now and then: no count is ever below 0. */
    private static List<Addition> additions(SplittableRandom random, int amounts) {
        List<Addition> additions = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            int first = CROWDED[random.nextInt(CROWDED.length)] + random.nextInt(40);
            int length = random.nextInt(4) == 0 ? random.nextInt(1, 60) : 1;
            Addition addition = new Addition(first, length, AMOUNTS[random.nextInt(amounts)]);
            additions.add(addition);
            if (random.nextInt(8) == 0) {
                additions.add(new Addition(first, length, -addition.amount));
            }
        }
        return additions;
    }

    private static void addTo(long[] expected, Addition addition) {
        for (int i = 0; i < addition.length; i++) {
            expected[addition.first + i] += addition.amount;
        }
    }

    private void assertLengthsAlike(ClusterCounters counters, long[] expected, SplittableRandom random, long seed) {
        for (int i = 0; i < 2000; i++) {
            int first = CROWDED[random.nextInt(CROWDED.length)] + random.nextInt(60);
            int length = random.nextInt(1, 40);
            int alike = counters.lengthAlike(first, length);
            assertThat(alike).as(Seeds.replay(getClass(), seed)).isBetween(1, length);
            for (int j = 1; j < alike; j++) {
                assertThat(expected[first + j])
                        .as(Seeds.replay(getClass(), seed))
                        .isEqualTo(expected[first]);
            }
        }
    }

    @Test
    void likeCountsAreFoundTogetherAcrossWordsButNotAcrossChunks() throws Exception {
        ClusterCounters counters = new ClusterCounters(CLUSTERS);
        counters.add(3, 1000, 1);
        counters.add(500, 1, 1);

        assertThat(counters.lengthAlike(3, 2000)).isEqualTo(497);
        assertThat(counters.lengthAlike(500, 2000)).isEqualTo(1);
        assertThat(counters.lengthAlike(501, 2000)).isEqualTo(502);
        assertThat(counters.lengthAlike(501, 7)).isEqualTo(7);
        counters.add(ClusterCounters.CHUNK_CLUSTERS - 9, 100, 1);
        assertThat(counters.lengthAlike(ClusterCounters.CHUNK_CLUSTERS - 9, 100))
                .isEqualTo(9);
    }

    @Test
    void countsStopAtTheLargestInt() throws Exception {
        ClusterCounters counters = new ClusterCounters(1);
        for (int i = 0; i < 5; i++) {
            counters.add(0, 1, Integer.MAX_VALUE - i);
        }

        assertThat(counters.get(0)).isEqualTo(Integer.MAX_VALUE);
    }

    @Test
    void chunksAreComparedAsAWhole() throws Exception {
        ClusterCounters one = new ClusterCounters(CLUSTERS);
        ClusterCounters other = new ClusterCounters(CLUSTERS);
        one.add(1, 300, 1);
        assertThat(one.sameInChunk(0, other)).isFalse();
        assertThat(one.sameInChunk(1, other)).isTrue();
        other.add(1, 300, 1);
        assertThat(one.sameInChunk(0, other)).isTrue();
        other.add(1, 1, 256);
        assertThat(one.sameInChunk(0, other)).isFalse();
    }
}
