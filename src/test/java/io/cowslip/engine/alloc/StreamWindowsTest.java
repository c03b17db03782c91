package io.cowslip.engine.alloc;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.alloc.ClusterAllocator.Run;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where streams of writes go, and what becomes of the room that they do not use. Clusters have 512 bytes. */
final class StreamWindowsTest {
    private static final int WINDOW = 128;

    @TempDir
    Path folder;

    private final BitSet owned = new BitSet();

    private CountedFile create() throws IOException {
        return CountedFile.create(folder.resolve("counted"), 4);
    }

    private Run allocate(CountedFile counted, long guestCluster, int wanted) throws IOException {
        return CountedFile.own(owned, counted.allocator.allocateFor(guestCluster, wanted));
    }

    private static Run run(long cluster, int clusters) {
        return new Run(cluster * 512, clusters);
    }

    @Test
    void aLoneStreamNeedsNoWindow() throws IOException {
        try (CountedFile counted = create()) {
            for (int cluster = 0; cluster < 200; cluster++) {
                assertThat(allocate(counted, cluster, 1)).isEqualTo(run(3 + cluster, 1));
            }
            assertThat(CountedFile.own(owned, counted.allocator.allocate(1))).isEqualTo(run(203, 1));
            counted.verifyCounts(owned);
        }
    }

    @Test
    void anInterruptedStreamGoesOnInAWindow() throws IOException {
        try (CountedFile counted = create()) {
            allocate(counted, 0, 1);
            allocate(counted, 1000, 1);
            assertThat(allocate(counted, 1, 1)).isEqualTo(run(5, 1));
            assertThat(allocate(counted, 1001, 1)).isEqualTo(run(5 + WINDOW, 1));
            assertThat(allocate(counted, 2, 10)).isEqualTo(run(6, 10));
            assertThat(CountedFile.own(owned, counted.allocator.allocate(1))).isEqualTo(run(5 + 2 * WINDOW, 1));
            // In any order, and as far as the window goes.
            assertThat(allocate(counted, 100, 100)).isEqualTo(run(104, 29));
            assertThat(allocate(counted, 12, 100)).isEqualTo(run(16, 88));
            counted.verifyCounts(owned);
        }
    }

    @Test
    void writesWithoutNeighboursFillTheFileFromTheStart() throws IOException {
        try (CountedFile counted = create()) {
            for (int write = 0; write < 100; write++) {
                assertThat(allocate(counted, write * 7919L % 100_000, 1)).isEqualTo(run(3 + write, 1));
            }
        }
    }

    @Test
    void aTakenPlaceInAWindowIsReplaced() throws IOException {
        try (CountedFile counted = create()) {
            allocate(counted, 0, 1);
            allocate(counted, 1000, 1);
            allocate(counted, 1, 1);
            counted.refcounts.raise(6);
            owned.set(6);
            assertThat(allocate(counted, 2, 4)).isEqualTo(run(5 + WINDOW, 4));
            assertThat(allocate(counted, 6, 1)).isEqualTo(run(10, 1));
            counted.verifyCounts(owned);
        }
    }

    /** Many short streams cost no more room than the windows of those that are remembered. */
    @Test
    void whatForgottenWindowsLeaveIsUsed() throws IOException {
        try (CountedFile counted = create()) {
            for (int stream = 0; stream < 100; stream++) {
                allocate(counted, stream * 10_000L, 1);
                allocate(counted, 5_000_000 + stream * 10_000L, 1);
                allocate(counted, stream * 10_000L + 1, 1);
            }
            int end = owned.length();
            int refcountBlocks = end / 256 + 1;
            int stillInWindows = 17 * WINDOW;
            assertThat(owned.cardinality() + refcountBlocks + stillInWindows).isLessThan(end);
            while (owned.cardinality() + refcountBlocks + stillInWindows < end) {
                CountedFile.own(owned, counted.allocator.allocate(1));
            }
            assertThat(owned.length()).isEqualTo(end);
            counted.verifyCounts(owned);
        }
    }

    @Test
    void whatIsGivenBackInAWindowIsGivenOutAgain() throws IOException {
        try (CountedFile counted = create()) {
            allocate(counted, 0, 1);
            allocate(counted, 1000, 1);
            allocate(counted, 1, 1);
            Run run = counted.allocator.allocateFor(2, 5);
            counted.allocator.giveBack(run);
            assertThat(allocate(counted, 2, 5)).isEqualTo(run);
            counted.verifyCounts(owned);
        }
    }
}
