package io.cowslip.engine.image.export;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.Seeds;
import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Sets of clusters, each compared with a plain bit set, whatever form it takes in memory. */
class ClusterSetTest {
    private static final int CLUSTERS = 8192;
    private static final long BITS_BYTES = CLUSTERS / Byte.SIZE;

    private final ClusterSet.Builder builder = new ClusterSet.Builder(CLUSTERS);

    @Test
    void setsAreWhatWasAdded() {
        Seeds.seeds(200, 5000).forEach(seed -> {
            SplittableRandom random = new SplittableRandom(seed);
            BitSet model = new BitSet();
            int longestRun = 1 << random.nextInt(13);
            int longestGap = 1 << random.nextInt(13);
            int from = random.nextInt(longestGap);
            while (from < CLUSTERS) {
                int to = Math.min(CLUSTERS, from + random.nextInt(longestRun) + 1);
                builder.add(from, to);
                model.set(from, to);
                // Two pieces of one cluster are two runs that share it.
                from = random.nextBoolean() ? to - 1 + random.nextInt(2) : to + random.nextInt(longestGap);
                from = Math.max(from, to == CLUSTERS ? CLUSTERS : 0);
            }
            ClusterSet set = builder.build();
            assertThat(builder.isEmpty()).isTrue();
            assertThat(set.size()).as(Seeds.replay(getClass(), seed)).isEqualTo(model.cardinality());
            for (int cluster = 0; cluster <= CLUSTERS; cluster++) {
                assertThat(set.next(cluster))
                        .as("%d: %s", cluster, Seeds.replay(getClass(), seed))
                        .isEqualTo(model.nextSetBit(cluster));
            }
            assertThat(set.memoryBytes()).isLessThan(BITS_BYTES + 64);
        });
    }

    @Test
    void fewRunsTakeLittle() {
        builder.add(0, CLUSTERS);
        assertThat(builder.build().memoryBytes()).isLessThan(64);
        for (int cluster = 0; cluster < CLUSTERS; cluster += 2) {
            builder.add(cluster, cluster + 1);
        }
        assertThat(builder.build().size()).isEqualTo(CLUSTERS / 2);
    }
}
