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

    public boolean isEnded() {
        return this != QUEUED && this != RUNNING;
    }
}
