package io.cowslip.job;

import io.cowslip.access.Reach;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where jobs are noted that are to be known once the service has ended and starts anew. Called by any thread, but about
 * one job by one thread at a time, except for its progress. A change is durable when its call returns, except for
 * progress; one that cannot be made is refused with {@link JobException.Reason#UNAVAILABLE}.
 */
public interface JobCatalog {

    /** Notes nothing. */
    JobCatalog NONE = new JobCatalog() {
        @Override
        public List<Entry> jobs() {
            return List.of();
        }

        @Override
        public void put(Entry job) {}

        @Override
        public void update(Entry job) {}

        @Override
        public void progress(JobId id, long doneBytes, long totalBytes) {}

        @Override
        public void remove(JobId id) {}
    };

    /**
     * A job.
     *
     * @param bytesPerSecond how fast it was when it ended
     * @param result of one that completed, as {@link JobTexts} has it
     * @param problem of one that failed, likewise
     * @param reach the volumes that it can reach
     */
    record Entry(
            JobId id,
            String type,
            StoredRequest request,
            @Nullable IdempotencyKey key,
            JobState state,
            long doneBytes,
            long totalBytes,
            long bytesPerSecond,
            Instant created,
            @Nullable Instant started,
            @Nullable Instant ended,
            @Nullable String result,
            @Nullable String problem,
            Reach reach) {}

    /** All jobs that are noted, in the order in which they came. */
    List<Entry> jobs();

    /** Notes a job, in the place of what was noted under its id before. */
    void put(Entry job);

    /** Notes what has become of a job, unless it was forgotten. */
    void update(Entry job);

    /** Notes how far a job is that runs. */
    void progress(JobId id, long doneBytes, long totalBytes);

    /** Forgets a job. */
    void remove(JobId id);
}
