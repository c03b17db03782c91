package io.cowslip.engine.image.layer;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Streams that write in turns each lie in few pieces, as QEMU maps them. */
@NeedsQemu
@Timeout(120)
final class StreamAllocationTest {
    private static final int CLUSTER = 4096;
    private static final int CLUSTERS_PER_STREAM = 2048;

    /** Clusters that are meant to lie together; see StreamWindows. */
    private static final int PIECE = 128;

    @TempDir
    Path folder;

    private Path file() {
        return folder.resolve("streams.qcow2");
    }

    private DiskImage create(int streams) throws IOException {
        long diskBytes = (long) streams * CLUSTERS_PER_STREAM * CLUSTER;
        return TestImages.open(QemuTools.create(file(), diskBytes, "cluster_size=" + CLUSTER));
    }

    @ParameterizedTest(name = "{0} streams, {1} bytes at once")
    @CsvSource({"1,4096", "1,1024", "1,262144", "4,4096", "4,2048", "4,262144", "12,4096"})
    void streamsInTurns(int streams, int atOnce) throws IOException {
        try (DiskImage image = create(streams)) {
            int streamBytes = CLUSTERS_PER_STREAM * CLUSTER;
            byte[] data = filled(atOnce);
            for (int at = 0; at < streamBytes; at += atOnce) {
                for (int stream = 0; stream < streams; stream++) {
                    TestImages.write(image, (long) stream * streamBytes + at, data);
                }
            }
        }
        assertFewPieces(streams);
    }

    @Test
    void streamsSideBySide() throws Exception {
        int streams = 4;
        try (DiskImage image = create(streams);
                ExecutorService threads = Executors.newFixedThreadPool(streams)) {
            List<Callable<Integer>> work = new ArrayList<>();
            for (int stream = 0; stream < streams; stream++) {
                long start = (long) stream * CLUSTERS_PER_STREAM * CLUSTER;
                work.add(() -> {
                    for (int cluster = 0; cluster < CLUSTERS_PER_STREAM; cluster++) {
                        TestImages.write(image, start + (long) cluster * CLUSTER, filled(CLUSTER));
                    }
                    return CLUSTERS_PER_STREAM;
                });
            }
            for (Future<Integer> done : threads.invokeAll(work)) {
                assertThat(done.get()).isEqualTo(CLUSTERS_PER_STREAM);
            }
        }
        assertFewPieces(streams);
    }

    /** One stream whose writes come out of order, as from a client with several requests under way. */
    @Test
    void aStreamOutOfOrder() throws IOException {
        try (DiskImage image = create(1)) {
            int[] order = {1, 0, 3, 2, 6, 4, 7, 5};
            for (int cluster = 0; cluster < CLUSTERS_PER_STREAM; cluster++) {
                int shuffled = cluster / order.length * order.length + order[cluster % order.length];
                TestImages.write(image, (long) shuffled * CLUSTER, filled(CLUSTER));
            }
        }
        // At each window's start some clusters may go elsewhere.
        assertThat(QemuTools.map(file()).size()).isLessThan(CLUSTERS_PER_STREAM / PIECE * 8);
    }

    private void assertFewPieces(int streams) {
        int piecesPerStream = CLUSTERS_PER_STREAM / PIECE + CLUSTERS_PER_STREAM / 512 + 4;
        assertThat(QemuTools.map(file()).size()).isLessThanOrEqualTo(streams * piecesPerStream);
        assertThat(QemuTools.check(file()).clean()).isTrue();
    }

    private static byte[] filled(int length) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) 5);
        return bytes;
    }
}
