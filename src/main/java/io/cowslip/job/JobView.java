package io.cowslip.job;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A job at one moment.
 *
 * @param version one more with each change, progress included
 * @param doneBytes metadata or data dealt with
 * @param totalBytes how much that will be, as far as known by now; 0 before anything is
 * @param bytesPerSecond how fast it goes; 0 before anything is known
 * @param result of a job that completed
 * @param failure of a job that failed or was interrupted
 */
public record JobView(
        JobId id,
        JobRequest request,
        JobState state,
        long version,
        long doneBytes,
        long totalBytes,
        long bytesPerSecond,
        Instant created,
        @Nullable Instant started,
        @Nullable Instant ended,
        @Nullable JobResult result,
        @Nullable Exception failure) {

    /** Whole seconds until the job ends if it goes on like that; null where nothing tells. */
    public @Nullable Long remainingSeconds() {
        return state != JobState.RUNNING || bytesPerSecond == 0
                ? null
                : Long.valueOf(Math.ceilDiv(Math.max(0, totalBytes - doneBytes), bytesPerSecond));
    }
}
