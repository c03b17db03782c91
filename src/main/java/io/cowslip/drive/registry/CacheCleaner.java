package io.cowslip.drive.registry;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveId;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.concurrent.SimpleAsyncTaskScheduler;

/**
 * Drops idle cache entries by QEMU's {@code cache-clean-interval}, each drive on its own schedule and by the clock on
 * the wall (QEMU's runs on the guest's). The scheduler gives each run a thread of its own, so a slow drive keeps no other
 * waiting; a run that finds the drive's previous one under way does nothing.
 */
public final class CacheCleaner {
    private final TaskScheduler scheduler;
    private final InstantSource clock;
    private final DriveObserver observer;
    private final Map<DriveId, Watch> watches = new ConcurrentHashMap<>();

    CacheCleaner(TaskScheduler scheduler, InstantSource clock, DriveObserver observer) {
        this.scheduler = scheduler;
        this.clock = clock;
        this.observer = observer;
    }

    /** What runs are scheduled on: each gets a thread of its own. */
    static TaskScheduler threadPerRun() {
        var scheduler = new SimpleAsyncTaskScheduler();
        scheduler.setThreadNamePrefix("cache-cleaning-");
        return scheduler;
    }

    /**
     * Cleans from now on.
     *
     * @param cleaning cleans the drive's caches; false when the drive is on its way out
     * @param intervalSeconds time between two runs; 0 is never
     */
    void watch(DriveId id, BooleanSupplier cleaning, long intervalSeconds) {
        Watch watch = new Watch(id, cleaning);
        watches.put(id, watch);
        watch.reschedule(intervalSeconds);
    }

    void reschedule(DriveId id, long intervalSeconds) {
        Watch watch = watches.get(id);
        if (watch != null) {
            watch.reschedule(intervalSeconds);
        }
    }

    void forget(DriveId id) {
        Watch watch = watches.remove(id);
        if (watch != null) {
            watch.reschedule(0);
        }
    }

    /** Cleans now, beside the schedule. Entries in use since the run before stay, as always. */
    public void cleanNow(DriveId id) {
        Watch watch = watches.get(id);
        if (watch == null) {
            throw DriveException.noSuchDrive(id);
        }
        watch.clean();
    }

    /** When the drive's caches were cleaned last; empty: not since it was opened. */
    public Optional<Instant> lastCleaned(DriveId id) {
        Watch watch = watches.get(id);
        return watch == null ? Optional.empty() : Optional.ofNullable(watch.lastCleaned);
    }

    /** The schedule of one drive. */
    private final class Watch {
        private final DriveId id;
        private final BooleanSupplier cleaning;
        private final ReentrantLock running = new ReentrantLock();
        private volatile @Nullable Instant lastCleaned;
        private long intervalSeconds;
        private @Nullable ScheduledFuture<?> scheduled;

        Watch(DriveId id, BooleanSupplier cleaning) {
            this.id = id;
            this.cleaning = cleaning;
        }

        synchronized void reschedule(long seconds) {
            if (seconds == intervalSeconds) {
                return;
            }
            intervalSeconds = seconds;
            if (scheduled != null) {
                scheduled.cancel(false);
                scheduled = null;
            }
            if (seconds > 0) {
                Duration interval = Duration.ofSeconds(seconds);
                scheduled = scheduler.scheduleAtFixedRate(
                        this::cleanUnlessRunning, clock.instant().plus(interval), interval);
            }
        }

        private void cleanUnlessRunning() {
            if (running.tryLock()) {
                try {
                    run();
                } finally {
                    running.unlock();
                }
            }
        }

        void clean() {
            running.lock();
            try {
                run();
            } finally {
                running.unlock();
            }
        }

        private void run() {
            long start = System.nanoTime();
            if (cleaning.getAsBoolean()) {
                lastCleaned = clock.instant();
                observer.cleaned(id, System.nanoTime() - start);
            }
        }
    }
}
