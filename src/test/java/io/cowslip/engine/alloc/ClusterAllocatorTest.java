package io.cowslip.engine.alloc;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.alloc.ClusterAllocator.Run;
import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Where clusters come from and where they go, judged by the counts that end up in the file. */
@Tag("long")
final class ClusterAllocatorTest {
    private static final int WIDEST = 6;

    @TempDir
    Path folder;

    private final BitSet owned = new BitSet();

    static LongStream seeds() {
        return Seeds.seeds(6, 100);
    }

    @Test
    void runsAreConsecutiveAndFollowEachOther() throws IOException {
        try (CountedFile counted = create(4)) {
            assertThat(counted.allocator.allocate(1)).isEqualTo(run(3, 1));
            assertThat(counted.allocator.allocate(10)).isEqualTo(run(4, 10));
            assertThat(counted.allocator.allocate(5)).isEqualTo(run(14, 5));
            assertThat(counted.refcounts.count(18)).isOne();
            assertThat(counted.refcounts.count(19)).isZero();
        }
    }

    @Test
    void aRunEndsWhereTheNextClusterIsUsed() throws IOException {
        try (CountedFile counted = create(4)) {
            CountedFile.own(owned, counted.allocator.allocate(20));
            counted.allocator.giveBack(take(run(5, 2)));
            assertThat(CountedFile.own(owned, counted.allocator.allocate(10))).isEqualTo(run(5, 2));
            assertThat(CountedFile.own(owned, counted.allocator.allocate(10))).isEqualTo(run(23, 10));
            counted.verifyCounts(owned);
        }
    }

    @Test
    void aNewBlockTakesTheFirstClusterOfItsRange() throws IOException {
        try (CountedFile counted = create(WIDEST)) {
            assertThat(CountedFile.own(owned, counted.allocator.allocate(1000))).isEqualTo(run(3, 61));
            assertThat(CountedFile.own(owned, counted.allocator.allocate(1000))).isEqualTo(run(65, 63));
            assertThat(counted.refcounts.table().entry(1)).isEqualTo(64 * 512);
            counted.verifyCounts(owned);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6})
    void theTableGrowsWithCountsOfAnyWidth(int refcountOrder) throws IOException {
        try (CountedFile counted = create(refcountOrder)) {
            long oldTable = counted.refcounts.table().hostOffset();
            fill(counted, counted.countable() + 3L * counted.countsPerBlock());
            assertThat(counted.refcounts.tableMoved()).isTrue();
            assertThat(counted.refcounts.table().entryCount()).isGreaterThan(64);
            counted.verifyCounts(owned);
            // The old table's cluster is free again.
            assertThat(CountedFile.own(owned, counted.allocator.allocate(1)).hostOffset())
                    .isEqualTo(oldTable);
            counted.verifyCounts(owned);
        }
    }

    @Test
    void theTableGrowsAgainAndAgain() throws IOException {
        try (CountedFile counted = create(WIDEST)) {
            for (int growth = 0; growth < 5; growth++) {
                int before = counted.refcounts.table().entryCount();
                fill(counted, counted.countable() + 1);
                assertThat(counted.refcounts.table().entryCount()).isGreaterThanOrEqualTo(before + before / 2);
                counted.verifyCounts(owned);
            }
        }
    }

    /** An odd table of three clusters, and clusters taken out of its middle before it grows. */
    @Test
    void aTableOfOddLengthGrows() throws IOException {
        try (CountedFile counted = CountedFile.create(folder.resolve("odd"), WIDEST, 3)) {
            fill(counted, counted.countable() + 70);
            counted.verifyCounts(owned);
        }
    }

    @Test
    void whatTheHostRefusesIsRolledBack() throws IOException {
        int refused = 0;
        int step = 0;
        do {
            refused = refuse(step, 1);
            step++;
        } while (refused > 0);
        assertThat(step).isGreaterThan(8);
    }

    @Test
    void aHostThatRefusesForAWhileIsOutlived() throws IOException {
        for (int step = 0; step < 8; step++) {
            refuse(step, 4);
        }
    }

    /** The table grows while {@code times} operations fail after {@code step} more; nothing is lost or taken twice. */
    private int refuse(int step, int times) throws IOException {
        owned.clear();
        try (CountedFile counted = CountedFile.create(folder.resolve("refused" + step + "-" + times), WIDEST)) {
            fill(counted, counted.countable() - 100);
            long end = counted.countable() + 200;
            counted.files.failAfter(step, times, ImageException.Kind.NO_SPACE);
            while (owned.length() < end) {
                try {
                    CountedFile.own(owned, counted.allocator.allocate(40));
                } catch (ImageException full) {
                    assertThat(full.kind()).isEqualTo(ImageException.Kind.NO_SPACE);
                    commitIfPossible(counted);
                }
            }
            int refused = counted.files.refused();
            counted.files.heal();
            counted.verifyCounts(owned);
            return refused;
        }
    }

    /** What failed must have left nothing behind that a commit in between could trip over. */
    private static void commitIfPossible(CountedFile counted) throws IOException {
        try {
            counted.commit();
        } catch (ImageException full) {
            assertThat(full.kind()).isEqualTo(ImageException.Kind.NO_SPACE);
        }
    }

    @Test
    void whatIsGivenBackIsTheNextToGo() throws IOException {
        try (CountedFile counted = create(4)) {
            Run first = counted.allocator.allocate(5);
            counted.allocator.allocate(5);
            counted.allocator.giveBack(first);
            assertThat(counted.allocator.allocate(5)).isEqualTo(first);
        }
    }

    @Test
    void freedClustersWaitForTheBarrierAndTheRequests() throws IOException {
        try (CountedFile counted = create(4)) {
            Run freed = counted.allocator.allocate(5);
            int request = counted.requests.enter();
            counted.allocator.free(freed.hostOffset(), 5 * 512, false);
            assertThat(counted.allocator.allocate(1)).isEqualTo(run(8, 1));
            counted.commit();
            assertThat(counted.allocator.allocate(1)).isEqualTo(run(9, 1));
            counted.requests.leave(request);
            assertThat(counted.allocator.allocate(9)).isEqualTo(freed);
        }
    }

    /** As a compressed cluster does, which begins and ends anywhere. */
    @Test
    void everyClusterThatTheBytesTouchIsFreed() throws IOException {
        try (CountedFile counted = create(4)) {
            CountedFile.own(owned, counted.allocator.allocate(4));
            counted.allocator.free(4 * 512 + 500, 13, false);
            take(run(4, 2));
            counted.verifyCounts(owned);
        }
    }

    @Test
    void aClusterWithAnotherReferenceStaysCountedAndUnpunched() throws IOException {
        try (CountedFile counted = create(4);
                Arena arena = Arena.ofConfined()) {
            Run run = CountedFile.own(owned, counted.allocator.allocate(3));
            counted.refcounts.raise(4);
            counted.file.write(run.hostOffset(), arena.allocate(3 * 512).fill((byte) 7));
            counted.allocator.free(run.hostOffset(), 3 * 512, true);
            counted.commit();
            counted.allocator.reclaim();
            take(run(3, 1));
            take(run(5, 1));
            counted.verifyCounts(owned);

            MemorySegment read = arena.allocate(3 * 512);
            counted.file.read(run.hostOffset(), read);
            assertThat(read.get(ValueLayout.JAVA_BYTE, 600)).isEqualTo((byte) 7);
            assertThat(counted.allocator.allocate(9)).isEqualTo(run(3, 1));
            assertThat(counted.allocator.allocate(1)).isEqualTo(run(5, 1));
        }
    }

    @Test
    void aHostThatRefusesAReclaimMakesNothingLeak() throws IOException {
        for (int step = 0; step < 12; step++) {
            owned.clear();
            try (CountedFile counted = CountedFile.create(folder.resolve("reclaim" + step), WIDEST)) {
                fill(counted, 64L * 20);
                for (int block = 1; block < 15; block++) {
                    counted.allocator.free((64L * block + 3) * 512, 512, block % 2 == 0);
                    owned.clear(64 * block + 3);
                }
                counted.commit();
                counted.files.failAfter(step, 1, ImageException.Kind.IO);
                try {
                    counted.allocator.reclaim();
                } catch (ImageException refused) {
                    assertThat(refused.kind()).isEqualTo(ImageException.Kind.IO);
                }
                counted.files.heal();
                counted.verifyCounts(owned);
            }
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void noClusterHasTwoOwners(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        try (CountedFile counted = create(random.nextInt(7))) {
            new Model(counted, random).run(3_000);
        } catch (IOException | AssertionError e) {
            throw new AssertionError(Seeds.replay(getClass(), seed) + ": " + e.getMessage(), e);
        }
    }

    /** Random requests, against the set of clusters that have an owner or that a request or the file may still know. */
    private static final class Model {
        private final CountedFile counted;
        private final SplittableRandom random;
        private final List<Run> live = new ArrayList<>();
        private final BitSet owned = new BitSet();
        private final long[] streams = {1000, 2000, 3000};
        private final List<Request> requests = new ArrayList<>();
        private final List<Freed> freed = new ArrayList<>();

        /** Clusters let go of while requests were in flight; {@code committed} once the file has forgotten them too. */
        private record Freed(BitSet clusters, List<Request> requests, boolean committed) {}

        private record Request(int number, int parity) {}

        Model(CountedFile counted, SplittableRandom random) {
            this.counted = counted;
            this.random = random;
        }

        void run(int steps) throws IOException {
            for (int step = 0; step < steps; step++) {
                switch (random.nextInt(8)) {
                    case 0 -> requests.add(new Request(step, counted.requests.enter()));
                    case 1 -> leave();
                    case 2 -> commit();
                    case 3, 4 -> release();
                    default -> allocate();
                }
            }
            while (!requests.isEmpty()) {
                leave();
            }
            counted.verifyCounts(owned);
        }

        private void commit() throws IOException {
            counted.commit();
            freed.replaceAll(one -> new Freed(one.clusters, one.requests, true));
        }

        /** The oldest request ends, or any other: they take as long as they take. */
        private void leave() {
            if (!requests.isEmpty()) {
                Request request = requests.remove(random.nextBoolean() ? 0 : random.nextInt(requests.size()));
                counted.requests.leave(request.parity);
                freed.forEach(one -> one.requests.remove(request));
            }
        }

        private void allocate() throws IOException {
            int wanted = random.nextInt(1, 60);
            Run run = random.nextBoolean() ? counted.allocator.allocate(wanted) : allocateInStream(wanted);
            assertThat(run.clusters()).isBetween(1, wanted);
            CountedFile.own(owned, run);
            freed.removeIf(one -> one.committed && one.requests.isEmpty());
            BitSet taken = clusters(run);
            for (Freed one : freed) {
                assertThat(one.clusters.intersects(taken))
                        .as("given out in quarantine, committed " + one.committed + ", requests " + one.requests)
                        .isFalse();
            }
            live.add(run);
        }

        /** Three streams, and at times one that begins anew. */
        private Run allocateInStream(int wanted) throws IOException {
            int stream = random.nextInt(streams.length);
            if (random.nextInt(30) == 0) {
                streams[stream] = random.nextInt(100_000);
            }
            Run run = counted.allocator.allocateFor(streams[stream], wanted);
            streams[stream] += run.clusters();
            return run;
        }

        private void release() {
            if (live.isEmpty()) {
                return;
            }
            Run run = live.remove(random.nextInt(live.size()));
            owned.andNot(clusters(run));
            if (random.nextInt(4) == 0) {
                counted.allocator.giveBack(run);
                return;
            }
            counted.allocator.free(run.hostOffset(), run.clusters() * 512L, random.nextBoolean());
            freed.add(new Freed(clusters(run), new ArrayList<>(requests), false));
        }

        private static BitSet clusters(Run run) {
            BitSet clusters = new BitSet();
            int first = (int) (run.hostOffset() / 512);
            clusters.set(first, first + run.clusters());
            return clusters;
        }
    }

    private void fill(CountedFile counted, long clusters) throws IOException {
        while (owned.length() < clusters) {
            CountedFile.own(owned, counted.allocator.allocate((int) Math.min(5_000, clusters)));
        }
    }

    private Run take(Run run) {
        int first = (int) (run.hostOffset() / 512);
        owned.clear(first, first + run.clusters());
        return run;
    }

    private static Run run(long cluster, int clusters) {
        return new Run(cluster * 512, clusters);
    }

    private CountedFile create(int refcountOrder) throws IOException {
        return CountedFile.create(folder.resolve("counted"), refcountOrder);
    }
}
