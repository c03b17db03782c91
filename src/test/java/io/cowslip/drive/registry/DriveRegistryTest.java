package io.cowslip.drive.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.layer.LayerStats;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.ImageOptions.DiscardMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class DriveRegistryTest {
    private static final DriveId A = new DriveId("a");

    private static final CacheOptions SMALL = new CacheOptions(65536L, null, null, null);

    @TempDir
    private Path folder;

    private final List<String> events = new ArrayList<>();
    private Bench bench;
    private DriveRegistry registry;

    @BeforeEach
    void setUp() throws IOException {
        bench = new Bench(folder, ImageOptions.defaults(), new DriveObserver() {
            @Override
            public void opened(DriveId id, Supplier<List<LayerStats>> layers) {
                events.add("opened " + id + " " + layers.get().size());
            }

            @Override
            public void closed(DriveId id) {
                events.add("closed " + id);
            }
        });
        registry = bench.registry;
        bench.create("base.qcow2");
        bench.createOn("one.qcow2", "base.qcow2");
        bench.createOn("two.qcow2", "base.qcow2");
    }

    @AfterEach
    void tearDown() {
        bench.close();
    }

    @Test
    void aDriveShowsItsChain() throws IOException {
        DriveView drive = bench.open("a", "one.qcow2");

        assertThat(drive.id()).isEqualTo(A);
        assertThat(drive.file()).isEqualTo("one.qcow2");
        assertThat(drive.virtualSizeBytes()).isEqualTo(Bench.DISK_BYTES);
        assertThat(drive.layerFiles()).containsExactly("one.qcow2", "base.qcow2");
        assertThat(drive.layers()).hasSize(2);
        assertThat(registry.drives()).extracting(DriveView::id).containsExactly(A);
        assertThat(registry.drive(A).version()).isEqualTo(drive.version());
        assertThat(events).containsExactly("opened a 2");
    }

    @Test
    void idsAreMadeUp() throws IOException {
        DriveView drive = registry.open(null, "base.qcow2", registry.defaults());

        assertThat(drive.id().value()).startsWith("d").hasSizeGreaterThan(8);
    }

    @Test
    void drivesAreOrderedById() throws IOException {
        bench.create("third.qcow2");
        bench.open("c", "one.qcow2");
        bench.open("a", "two.qcow2");
        bench.open("b", "third.qcow2");

        assertThat(registry.drives()).extracting(drive -> drive.id().value()).containsExactly("a", "b", "c");
    }

    @Test
    void aFileIsNotOpenBesideItsWriter() throws IOException {
        Files.createSymbolicLink(folder.resolve("link.qcow2"), Path.of("one.qcow2"));
        bench.open("a", "one.qcow2");

        assertRefused(
                Reason.IN_USE, "\"one.qcow2\" is open for writing by drive \"a\"", () -> bench.open("b", "one.qcow2"));
        assertRefused(
                Reason.IN_USE, "\"one.qcow2\" is open for writing by drive \"a\"", () -> bench.open("b", "link.qcow2"));
        assertRefused(Reason.IN_USE, "\"base.qcow2\" is in use by drive \"a\"", () -> bench.open("b", "base.qcow2"));
        bench.open("b", "two.qcow2");
    }

    @Test
    void anIdIsTakenOnce() throws IOException {
        bench.open("a", "one.qcow2");

        assertRefused(Reason.ID_TAKEN, "there is a drive \"a\" already", () -> bench.open("a", "two.qcow2"));
    }

    @Test
    void whatFailsToOpenTakesNothing() throws IOException {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> registry.open(
                        A, "one.qcow2", caches(registry.defaults(), new CacheOptions(null, 3000L, null, null))))
                .satisfies(refusal -> assertThat(refusal.option()).isEqualTo("l2-cache-entry-size"));
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> bench.open("a", "none.qcow2"))
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(Kind.NOT_FOUND));

        bench.open("a", "one.qcow2");
    }

    @Test
    void rawIsOpenedWhenAskedForOnly() throws IOException {
        Files.write(folder.resolve("disk.raw"), new byte[1 << 20]);
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> bench.open("a", "disk.raw"))
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(Kind.INVALID_FORMAT));

        ImageOptions raw =
                new ImageOptions(ImageFormat.RAW, false, CacheOptions.DEFAULTS, 0, DiscardMode.UNMAP, null, null);
        assertThat(registry.open(A, "disk.raw", raw).virtualSizeBytes()).isEqualTo(1 << 20);
    }

    @Test
    void nothingIsBelowWhatIsOpenedAsRaw() throws IOException {
        bench.createOn("three.qcow2", "one.qcow2");
        try (Bench other = new Bench(folder, caches(ImageOptions.defaults(), SMALL), DriveObserver.NONE)) {
            ImageOptions raw =
                    new ImageOptions(ImageFormat.RAW, true, CacheOptions.DEFAULTS, 0, DiscardMode.UNMAP, null, null);
            ImageOptions asked = new ImageOptions(null, true, CacheOptions.DEFAULTS, 0, DiscardMode.UNMAP, null, raw);

            DriveView drive = other.registry.open(A, "three.qcow2", asked);

            assertThat(drive.layerFiles()).containsExactly("three.qcow2", "one.qcow2");
            assertThat(drive.options().caches()).isEqualTo(SMALL);
        }
    }

    @Test
    void dataVersionsChangeWithTheBytesAndNeverRepeat() throws IOException {
        bench.open("a", "base.qcow2");
        String before;
        try (DriveLease lease = registry.lease(A)) {
            before = lease.dataVersion();
            assertThat(lease.dataVersion()).isEqualTo(before);
            Bench.write(lease.image(), 0, "text");
            assertThat(lease.dataVersion()).isNotEqualTo(before);
        }
        registry.close(A);
        bench.open("a", "base.qcow2");

        try (DriveLease lease = registry.lease(A)) {
            assertThat(lease.dataVersion()).isNotEqualTo(before);
            assertThat(Bench.read(lease.image(), 0, 4)).isEqualTo("text");
        }
    }

    @Test
    void closingWaitsForLeases() throws IOException {
        bench.open("a", "base.qcow2");
        DriveLease lease = registry.lease(A);
        CompletableFuture<Void> closing = CompletableFuture.runAsync(this::closeA);
        await().untilAsserted(() -> assertRefused(
                Reason.CLOSING,
                "drive \"a\" is closing",
                () -> registry.lease(A).close()));

        assertThat(closing).isNotDone();
        assertRefused(Reason.CLOSING, "drive \"a\" is closing", () -> registry.drive(A));
        assertRefused(Reason.CLOSING, "drive \"a\" is closing", () -> registry.close(A));
        assertThat(registry.drives()).isEmpty();
        Bench.write(lease.image(), 0, "late");
        lease.close();
        closing.join();

        assertRefused(Reason.NO_SUCH_DRIVE, "there is no drive \"a\"", () -> registry.lease(A));
        bench.open("a", "base.qcow2");
        try (DriveLease after = registry.lease(A)) {
            assertThat(Bench.read(after.image(), 0, 4)).isEqualTo("late");
        }
        assertThat(events).containsExactly("opened a 1", "closed a", "opened a 1");
    }

    @Test
    void aClosedLeaseGivesNothing() throws IOException {
        bench.open("a", "base.qcow2");
        DriveLease lease = registry.lease(A);
        lease.close();
        lease.close();

        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(lease::image);
        registry.close(A);
    }

    @Test
    void otherOptionsComeInForceWithAnotherVersion() throws IOException {
        DriveView before = bench.open("a", "base.qcow2");

        DriveView after = registry.reconfigure(A, asked -> caches(asked, new CacheOptions(65536L, 4096L, null, null)));

        assertThat(after.options().caches()).isEqualTo(new CacheOptions(65536L, 4096L, null, null));
        assertThat(Objects.requireNonNull(after.layers().getFirst().l2()).entryBytes())
                .isEqualTo(4096);
        assertThat(after.version()).isNotEqualTo(before.version());
        assertThat(registry.drive(A).version()).isEqualTo(after.version());
    }

    @Test
    void refusedOptionsChangeNothing() throws IOException {
        DriveView before = bench.open("a", "base.qcow2");

        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> registry.reconfigure(
                        A, asked -> caches(asked, new CacheOptions(65536L, null, 65536L, 65536L))));

        assertThat(registry.drive(A).version()).isEqualTo(before.version());
        assertThat(registry.drive(A).options()).isEqualTo(before.options());
    }

    @Test
    void readOnlyGivesTheFileFreeForReadersAndBack() throws IOException {
        bench.open("a", "base.qcow2");
        registry.reconfigure(A, asked -> asked.withReadOnly(true));
        bench.open("b", "one.qcow2");

        assertRefused(
                Reason.IN_USE,
                "\"base.qcow2\" is in use by drive \"b\"",
                () -> registry.reconfigure(A, asked -> asked.withReadOnly(false)));
        assertThat(registry.drive(A).options().readOnly()).isTrue();

        registry.close(new DriveId("b"));
        assertThat(registry.reconfigure(A, asked -> asked.withReadOnly(false))
                        .options()
                        .readOnly())
                .isFalse();
    }

    @Test
    void reconfiguringReschedulesTheCleaner() throws IOException {
        bench.open("a", "base.qcow2");
        assertThat(bench.scheduler.live())
                .extracting(HandScheduler.Task::period)
                .containsExactly(Duration.ofMinutes(10));

        registry.reconfigure(A, asked -> interval(asked, 5));
        assertThat(bench.scheduler.live())
                .extracting(HandScheduler.Task::period)
                .containsExactly(Duration.ofSeconds(5));

        registry.close(A);
        assertThat(bench.scheduler.live()).isEmpty();
    }

    @Test
    void theCleanerCleansTheDrivesCaches() throws IOException {
        bench.open("a", "base.qcow2");
        try (DriveLease lease = registry.lease(A)) {
            Bench.write(lease.image(), 0, "text");
            lease.image().flush();
        }
        assertThat(residentL2()).isPositive();
        Runnable tick = bench.scheduler.live().getFirst().work();
        tick.run();
        tick.run();

        assertThat(residentL2()).isZero();
        assertThat(bench.cleaner.lastCleaned(A)).isPresent();
    }

    private int residentL2() {
        return Objects.requireNonNull(registry.drive(A).layers().getFirst().l2())
                .entriesResident();
    }

    @Test
    void theEndClosesAllAndOpensNoMore() throws IOException {
        bench.open("a", "one.qcow2");
        bench.open("b", "two.qcow2");

        registry.end(Duration.ofSeconds(10));

        assertThat(registry.drives()).isEmpty();
        assertThat(events).contains("closed a", "closed b");
        assertRefused(Reason.UNAVAILABLE, "the service is shutting down", () -> bench.open("c", "one.qcow2"));
    }

    @Test
    void theEndFlushesWhatItCannotClose() throws IOException {
        bench.open("a", "base.qcow2");
        DriveLease stuck = registry.lease(A);
        Bench.write(stuck.image(), 0, "text");

        registry.end(Duration.ofMillis(10));

        assertThat(events).doesNotContain("closed a");
        assertThat(Bench.read(stuck.image(), 0, 4)).isEqualTo("text");
        stuck.close();
    }

    private void closeA() {
        try {
            registry.close(A);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static ImageOptions caches(ImageOptions options, CacheOptions caches) {
        return new ImageOptions(
                options.format(),
                options.readOnly(),
                caches,
                options.cacheCleanIntervalSeconds(),
                options.discard(),
                options.cacheDirect(),
                options.backing());
    }

    private static ImageOptions interval(ImageOptions options, long seconds) {
        return new ImageOptions(
                options.format(),
                options.readOnly(),
                options.caches(),
                seconds,
                options.discard(),
                options.cacheDirect(),
                options.backing());
    }

    private static void assertRefused(Reason reason, String message, ThrowingCallable call) {
        assertThatExceptionOfType(DriveException.class)
                .isThrownBy(call)
                .withMessage(message)
                .satisfies(refusal -> assertThat(refusal.reason()).isEqualTo(reason));
    }
}
