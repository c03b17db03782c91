package io.cowslip.job;

import java.io.IOException;

/** What jobs do. */
interface JobWork {

    /** Takes note of progress, and throws {@link java.util.concurrent.CancellationException} to stop the work. */
    @FunctionalInterface
    interface Progress {
        void advanced(long doneBytes, long totalBytes);
    }

    /** Refuses what cannot work, before anything waits for its turn. */
    void requirePossible(JobRequest request) throws IOException;

    /** Does the work of the job of this id, in the calling thread and others. */
    JobResult run(JobId id, JobRequest request, Progress progress) throws IOException;
}
