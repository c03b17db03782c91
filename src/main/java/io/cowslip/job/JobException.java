package io.cowslip.job;

/** A request about jobs that cannot be met, by {@link Reason}. */
public final class JobException extends RuntimeException {

    /** Why. */
    public enum Reason {
        /** No job is known under the id. */
        NO_SUCH_JOB,
        /** The id is taken by a job that is known. */
        ID_TAKEN,
        /** The idempotency key came with another request before. */
        KEY_REUSED,
        /** The job has not ended, or its request is not there in full. */
        CANNOT_RESTART,
        /** The service ended before the job did. */
        INTERRUPTED,
        /** As many jobs wait as may. */
        LIMIT_REACHED,
        /** The service is on its way out. */
        UNAVAILABLE
    }

    private static final long serialVersionUID = 1;

    private final Reason reason;

    /** @param message for the caller: names the job or its key */
    public JobException(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    /** What callers may tell apart; the message is for people. */
    public Reason reason() {
        return reason;
    }
}
