package io.cowslip.drive.upload;

import io.cowslip.drive.registry.DriveLifecycle;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.concurrent.ScheduledFuture;
import org.jspecify.annotations.Nullable;
import org.springframework.context.SmartLifecycle;
import org.springframework.scheduling.TaskScheduler;

/** Finds the uploads that were left by an earlier service, and takes away those that nobody goes on with. */
final class UploadExpiry implements SmartLifecycle {
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(10);
    private static final Duration SHORTEST_PAUSE = Duration.ofSeconds(1);
    private static final int LOOKS = 10;

    private final Uploads uploads;
    private final TaskScheduler scheduler;
    private volatile @Nullable ScheduledFuture<?> scheduled;

    UploadExpiry(Uploads uploads, TaskScheduler scheduler) {
        this.uploads = uploads;
        this.scheduler = scheduler;
    }

    @Override
    public void start() {
        try {
            uploads.load();
        } catch (IOException e) {
            throw new UncheckedIOException("The image root cannot be searched for unfinished uploads", e);
        }
        scheduled = scheduler.scheduleWithFixedDelay(uploads::expire, pause(uploads.expiry()));
    }

    /** A tenth of the time that uploads have, within reason. */
    private static Duration pause(Duration expiry) {
        Duration part = expiry.dividedBy(LOOKS);
        if (part.compareTo(LONGEST_PAUSE) > 0) {
            return LONGEST_PAUSE;
        }
        return part.compareTo(SHORTEST_PAUSE) < 0 ? SHORTEST_PAUSE : part;
    }

    @Override
    public void stop() {
        ScheduledFuture<?> last = scheduled;
        if (last != null) {
            last.cancel(false);
        }
        scheduled = null;
    }

    @Override
    public boolean isRunning() {
        return scheduled != null;
    }

    /** As drives: before the first request, and after the last. */
    @Override
    public int getPhase() {
        return DriveLifecycle.PHASE;
    }
}
