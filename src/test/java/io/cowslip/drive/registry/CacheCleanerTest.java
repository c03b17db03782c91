package io.cowslip.drive.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.scheduling.concurrent.SimpleAsyncTaskScheduler;

@Timeout(60)
class CacheCleanerTest {
    private static final DriveId A = new DriveId("a");
    private static final DriveId B = new DriveId("b");
    private static final Instant NOW = Instant.parse("2026-01-01T12:00:00Z");

    private final HandScheduler scheduler = new HandScheduler();
    private final List<DriveId> observed = new ArrayList<>();
    private final CacheCleaner cleaner = new CacheCleaner(scheduler, () -> NOW, new DriveObserver() {
        @Override
        public void cleaned(DriveId id, long nanos) {
            observed.add(id);
        }
    });

    @Test
    void eachDriveHasItsOwnSchedule() {
        cleaner.watch(A, () -> true, 600);
        cleaner.watch(B, () -> true, 5);

        assertThat(scheduler.live())
                .extracting(HandScheduler.Task::period)
                .containsExactly(Duration.ofSeconds(600), Duration.ofSeconds(5));
        assertThat(scheduler.live())
                .extracting(HandScheduler.Task::start)
                .containsExactly(NOW.plusSeconds(600), NOW.plusSeconds(5));
        scheduler.live().getLast().work().run();

        assertThat(observed).containsExactly(B);
        assertThat(cleaner.lastCleaned(B)).contains(NOW);
        assertThat(cleaner.lastCleaned(A)).isEmpty();
    }

    @Test
    void zeroIsNever() {
        cleaner.watch(A, () -> true, 0);

        assertThat(scheduler.live()).isEmpty();
    }

    @Test
    void theLongestIntervalIsTaken() {
        cleaner.watch(A, () -> true, 0xFFFF_FFFFL);

        assertThat(scheduler.live()).hasSize(1);
    }

    @Test
    void anotherIntervalReplacesTheSchedule() {
        cleaner.watch(A, () -> true, 600);
        cleaner.reschedule(A, 7);
        assertThat(scheduler.live()).extracting(HandScheduler.Task::period).containsExactly(Duration.ofSeconds(7));

        cleaner.reschedule(A, 0);
        assertThat(scheduler.live()).isEmpty();
    }

    @Test
    void theSameIntervalKeepsTheSchedule() {
        cleaner.watch(A, () -> true, 600);
        cleaner.reschedule(A, 600);

        assertThat(scheduler.all()).hasSize(1);
    }

    @Test
    void aClosedDriveIsCleanedNoMore() {
        cleaner.watch(A, () -> true, 600);
        cleaner.forget(A);

        assertThat(scheduler.live()).isEmpty();
        assertThatExceptionOfType(DriveException.class)
                .isThrownBy(() -> cleaner.cleanNow(A))
                .satisfies(refusal -> assertThat(refusal.reason()).isEqualTo(Reason.NO_SUCH_DRIVE));
    }

    @Test
    void aClosingDriveIsNotCountedAsCleaned() {
        cleaner.watch(A, () -> false, 600);
        cleaner.cleanNow(A);

        assertThat(observed).isEmpty();
        assertThat(cleaner.lastCleaned(A)).isEmpty();
    }

    @Test
    void aRunThatFindsThePreviousOneUnderWayDoesNothing() throws InterruptedException {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        AtomicInteger runs = new AtomicInteger();
        cleaner.watch(
                A,
                () -> {
                    runs.incrementAndGet();
                    inside.countDown();
                    return awaited(release);
                },
                1);
        Runnable tick = scheduler.live().getFirst().work();
        Thread slow = Thread.ofPlatform().start(tick);
        assertThat(inside.await(10, TimeUnit.SECONDS)).isTrue();

        tick.run();
        release.countDown();
        slow.join();

        assertThat(runs).hasValue(1);
    }

    /** With the scheduler that the service uses. */
    @Test
    void aSlowDriveKeepsNoOtherWaiting() throws InterruptedException {
        CountDownLatch release = new CountDownLatch(1);
        CountDownLatch otherRuns = new CountDownLatch(2);
        try (SimpleAsyncTaskScheduler real = new SimpleAsyncTaskScheduler()) {
            CacheCleaner cleaner = new CacheCleaner(real, Instant::now, DriveObserver.NONE);
            cleaner.watch(A, () -> awaited(release), 1);
            cleaner.watch(
                    B,
                    () -> {
                        otherRuns.countDown();
                        return true;
                    },
                    1);

            assertThat(otherRuns.await(30, TimeUnit.SECONDS)).isTrue();
            release.countDown();
        }
    }

    private static boolean awaited(CountDownLatch latch) {
        try {
            return latch.await(30, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
