package io.cowslip.job;

/** Where a job is on its way. */
public enum JobState {
    QUEUED,
    RUNNING,
    COMPLETED,
    FAILED,
    CANCELLED,
    /** The service ended meanwhile. */
    INTERRUPTED;

    /** Whether it stays as it is, unless the job is started again. */
    public boolean isEnded() {
        return this != QUEUED && this != RUNNING;
    }
}
