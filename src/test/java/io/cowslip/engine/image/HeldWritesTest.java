package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.testing.Background;
import io.cowslip.testing.HeldOperations;
import io.cowslip.testing.HeldOperations.Hold;
import io.cowslip.testing.HeldOperations.Kind;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One write or sync hangs in the host. What needs not wait for it goes on, and what must wait waits. */
@Timeout(60)
final class HeldWritesTest {
    private static final int CLUSTER = 65536;
    private static final int FLUSHES = 8;

    /** A cluster that is there from the start, and with it the one L2 table. */
    private static final int OWN = 200;

    @TempDir
    Path folder;

    private final HeldOperations files = new HeldOperations();
    private final List<Thread> threads = new ArrayList<>();
    private Path file;
    private DiskImage image;

    @BeforeEach
    void open() throws IOException {
        file = folder.resolve("image.qcow2");
        ImageCreator.create(file, CreateOptions.qcow2(512L * CLUSTER), TestEnvironments.plain());
        image = DiskImage.open(
                file, TestImages.withCaches(ImageOptions.defaults().caches(), false), TestImages.environment(files));
        write(OWN, 1);
        image.flush();
    }

    @AfterEach
    void close() throws IOException {
        image.close();
    }

    private void closeAndCheck() throws IOException {
        image.close();
        ImageAssertions.assertThat(file).passesAudit();
    }

    @Test
    void writersOfOtherClustersGoOn() throws Exception {
        Hold hold = files.holdNext(Kind.WRITE);
        CompletableFuture<Void> held = run(() -> write(0, 7));
        hold.awaitReached();

        write(1, 8);
        write(OWN, 9);
        image.zero(5L * CLUSTER, 3L * CLUSTER);
        image.discard((long) OWN * CLUSTER, CLUSTER);
        image.flush();

        assertHolds(0, 0);
        assertHolds(1, 8);
        assertThat(held).isNotDone();
        hold.release();
        held.join();
        assertHolds(0, 7);
        closeAndCheck();
    }

    @Test
    void aSecondWriterOfTheClusterComesAfterTheFirst() throws Exception {
        Hold hold = files.holdNext(Kind.WRITE);
        CompletableFuture<Void> held = run(() -> TestImages.write(image, 0, new byte[] {1, 1}));
        hold.awaitReached();
        CompletableFuture<Void> second = run(() -> TestImages.write(image, 1, new byte[] {2, 2}));
        awaitAllWaiting();

        assertThat(TestImages.read(image, 0, 3)).containsExactly(0, 0, 0);
        hold.release();

        held.join();
        second.join();
        assertThat(TestImages.read(image, 0, 4)).containsExactly(1, 2, 2, 0);
        closeAndCheck();
    }

    @Test
    void aRunEndsBeforeAClusterThatAnotherWrites() throws Exception {
        Hold hold = files.holdNext(Kind.WRITE);
        CompletableFuture<Void> held = run(() -> write(2, 7));
        hold.awaitReached();
        byte[] five = new byte[5 * CLUSTER];
        Arrays.fill(five, (byte) 8);
        CompletableFuture<Void> over = run(() -> TestImages.write(image, 0, five));
        awaitAllWaiting();

        assertHolds(1, 8);
        assertHolds(2, 0);
        hold.release();

        held.join();
        over.join();
        assertThat(TestImages.read(image, 0, 5 * CLUSTER)).isEqualTo(five);
        closeAndCheck();
    }

    /** A write that is under way when a sync fails ends, and so does the one that waits for its cluster. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void afterAFailedSyncNobodyWaitsInVain(boolean compress) throws Exception {
        image.reconfigure(image.options().withWrites(WriteOptions.DEFAULTS.withCompress(compress)));
        Hold hold = files.holdNext(Kind.WRITE);
        CompletableFuture<Void> held = run(() -> write(0, 7));
        hold.awaitReached();
        CompletableFuture<Void> second = run(() -> TestImages.write(image, 1, new byte[] {2, 2}));
        awaitAllWaiting();
        write(OWN, 9);
        Hold sync = files.holdNext(Kind.SYNC);
        CompletableFuture<Void> flush = run(image::flush);
        sync.awaitReached();
        sync.refuse();
        assertThatExceptionOfType(CompletionException.class).isThrownBy(flush::join);

        hold.release();

        assertThatExceptionOfType(CompletionException.class).isThrownBy(held::join);
        assertThatExceptionOfType(CompletionException.class).isThrownBy(second::join);
        assertHolds(0, 0);
        assertThatExceptionOfType(ImageException.class).isThrownBy(image::close);
    }

    @Test
    void discardingAndZeroingTheClusterComeAfterTheWrite() throws Exception {
        Hold hold = files.holdNext(Kind.WRITE);
        CompletableFuture<Void> held = run(() -> write(0, 7));
        hold.awaitReached();
        CompletableFuture<Void> discarding = run(() -> image.discard(0, CLUSTER));
        CompletableFuture<Void> zeroing = run(() -> image.zero(0, CLUSTER));
        awaitAllWaiting();
        hold.release();

        CompletableFuture.allOf(held, discarding, zeroing).join();
        assertHolds(0, 0);
        closeAndCheck();
    }

    @Test
    void aWriteOntoAZeroedClusterIsSeenWhenItIsWhole() throws Exception {
        write(0, 5);
        image.zero(0, CLUSTER);
        Hold hold = files.holdNext(Kind.WRITE);
        CompletableFuture<Void> held = run(() -> TestImages.write(image, 100, new byte[] {7}));
        hold.awaitReached();
        image.flush();
        assertHolds(0, 0);
        hold.release();
        held.join();
        assertThat(TestImages.read(image, 99, 3)).containsExactly(0, 7, 0);
        closeAndCheck();
    }

    @Test
    void aWriteThatFailsInTheEndLeavesNothingAndStopsNobody() throws Exception {
        Hold hold = files.holdNext(Kind.WRITE);
        CompletableFuture<Void> held = run(() -> write(0, 7));
        hold.awaitReached();
        write(1, 8);
        image.flush();
        CompletableFuture<Void> second = run(() -> write(0, 9));
        awaitAllWaiting();
        hold.refuse();

        assertRefused(held);
        second.join();
        assertHolds(0, 9);
        assertHolds(1, 8);
        closeAndCheck();
    }

    /** The write began with one slice for all of the disk, and ends with slices of 64 clusters. */
    @Test
    void smallerSlicesComeIntoForceInTheMiddle() throws Exception {
        byte[] four = new byte[4 * CLUSTER];
        Arrays.fill(four, (byte) 7);
        Hold hold = files.holdNext(Kind.WRITE);
        CompletableFuture<Void> held = run(() -> TestImages.write(image, 62L * CLUSTER, four));
        hold.awaitReached();
        CompletableFuture<Void> reconfiguring = run(() -> image.reconfigure(TestImages.smallestCaches(512)));
        awaitAllWaiting();
        write(1, 8);
        hold.release();
        CompletableFuture.allOf(held, reconfiguring).join();
        assertThat(TestImages.read(image, 62L * CLUSTER, four.length)).isEqualTo(four);
        assertHolds(1, 8);
        closeAndCheck();
    }

    @Test
    void aSyncOfDataHoldsNobodyUp() throws Exception {
        write(OWN, 2);
        Hold hold = files.holdNext(Kind.SYNC);
        CompletableFuture<Void> flushing = run(image::flush);
        hold.awaitReached();

        write(OWN, 3);
        write(0, 7);
        image.discard(0, CLUSTER);
        write(1, 8);

        assertThat(flushing).isNotDone();
        hold.release();
        flushing.join();
        assertHolds(1, 8);
        closeAndCheck();
    }

    /** Nor does the first sync, when there is so much that it takes long. */
    @Test
    void aSyncOfMuchNewDataHoldsNobodyUp() throws Exception {
        TestImages.write(image, 210L * CLUSTER, new byte[300 * CLUSTER]);
        Hold hold = files.holdNext(Kind.SYNC);
        CompletableFuture<Void> flushing = run(image::flush);
        hold.awaitReached();
        write(199, 8);
        assertThat(flushing).isNotDone();
        hold.release();
        flushing.join();
        assertHolds(199, 8);
        closeAndCheck();
    }

    @Test
    void flushesInPlaceShareOneSync() throws Exception {
        assertThat(syncsOfFlushesBehindOne(true)).isEqualTo(1);
        closeAndCheck();
    }

    /** Of the data and counts, and of the entries. */
    @Test
    void flushesAfterAllocationsShareTwoSyncs() throws Exception {
        assertThat(syncsOfFlushesBehindOne(false)).isEqualTo(2);
        closeAndCheck();
    }

    /** How many syncs flushes take that come while another one's is under way, each after a write of its own. */
    private int syncsOfFlushesBehindOne(boolean inPlace) throws Exception {
        write(OWN, 2);
        Hold hold = files.holdNext(Kind.SYNC);
        List<CompletableFuture<Void>> flushes = new ArrayList<>();
        flushes.add(run(image::flush));
        hold.awaitReached();
        for (int number = 0; number < FLUSHES; number++) {
            int cluster = inPlace ? OWN : number;
            flushes.add(run(() -> {
                write(cluster, 5);
                image.flush();
            }));
        }
        awaitAllWaiting();
        int before = files.syncs();
        hold.release();
        flushes.forEach(CompletableFuture::join);
        return files.syncs() - before;
    }

    @Test
    void aCommitThatFailsFailsForAllThatItWasFor() throws Exception {
        write(OWN, 2);
        Hold first = files.holdNext(Kind.SYNC);
        CompletableFuture<Void> before = run(image::flush);
        first.awaitReached();
        Hold second = files.holdNext(Kind.SYNC);
        List<CompletableFuture<Void>> flushes = new ArrayList<>();
        for (int number = 0; number < FLUSHES; number++) {
            flushes.add(run(() -> {
                write(OWN, 5);
                image.flush();
            }));
        }
        awaitAllWaiting();
        first.release();
        before.join();
        second.awaitReached();
        second.refuse();

        flushes.forEach(HeldWritesTest::assertRefused);
        assertThatExceptionOfType(ImageException.class).isThrownBy(() -> write(OWN, 1));
        assertThatExceptionOfType(ImageException.class).isThrownBy(() -> write(0, 1));
        assertThatExceptionOfType(ImageException.class).isThrownBy(image::close);
    }

    private static void assertRefused(CompletableFuture<Void> request) {
        assertThatExceptionOfType(CompletionException.class)
                .isThrownBy(request::join)
                .havingRootCause()
                .isInstanceOfSatisfying(
                        ImageException.class,
                        refusal -> assertThat(refusal.kind()).isEqualTo(ImageException.Kind.IO));
    }

    private void write(int cluster, int value) throws IOException {
        byte[] bytes = new byte[CLUSTER];
        Arrays.fill(bytes, (byte) value);
        TestImages.write(image, (long) cluster * CLUSTER, bytes);
    }

    private void assertHolds(int cluster, int value) throws IOException {
        byte[] expected = new byte[CLUSTER];
        Arrays.fill(expected, (byte) value);
        assertThat(TestImages.read(image, (long) cluster * CLUSTER, CLUSTER)).isEqualTo(expected);
    }

    /** Returns once every thread that this test began, and that is not over, waits for something. */
    private void awaitAllWaiting() {
        for (Thread thread : threads) {
            while (thread.isAlive()
                    && thread.getState() != Thread.State.WAITING
                    && thread.getState() != Thread.State.BLOCKED
                    && thread.getState() != Thread.State.TIMED_WAITING) {
                Thread.onSpinWait();
            }
        }
    }

    private CompletableFuture<Void> run(Background.Action action) {
        return Background.run(action, threads::add);
    }
}
