package io.cowslip.job;

import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** One job from its request to its end. Any thread; one runs it. */
final class Job {
    private final JobId id;
    private final JobRequest request;
    private final @Nullable IdempotencyKey key;
    private final InstantSource clock;
    private final Instant created;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    private JobState state = JobState.QUEUED;
    private long version;
    private long doneBytes;
    private long totalBytes;
    private @Nullable Instant started;
    private @Nullable Instant ended;

    /** When the figures last began anew: a job may go over its matter several times. */
    private @Nullable Instant measuredFrom;

    private @Nullable JobResult result;
    private @Nullable Exception failure;
    private volatile boolean cancelRequested;

    Job(JobId id, JobRequest request, @Nullable IdempotencyKey key, InstantSource clock) {
        this.id = id;
        this.request = request;
        this.key = key;
        this.clock = clock;
        this.created = clock.instant();
    }

    JobId id() {
        return id;
    }

    JobRequest request() {
        return request;
    }

    /** The key that the request came with, if any. */
    @Nullable
    IdempotencyKey key() {
        return key;
    }

    /** Begins to run; false when the job was cancelled before. */
    boolean begin() {
        lock.lock();
        try {
            if (state != JobState.QUEUED) {
                return false;
            }
            started = clock.instant();
            measuredFrom = started;
            state = JobState.RUNNING;
            change();
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Progress, from any of the threads that do the work. */
    void advanced(long done, long total) {
        if (cancelRequested) {
            throw new CancellationException("job " + id + " was cancelled");
        }
        lock.lock();
        try {
            if (done < doneBytes && total != totalBytes) {
                measuredFrom = clock.instant();
            }
            doneBytes = done;
            totalBytes = total;
            change();
        } finally {
            lock.unlock();
        }
    }

    void complete(JobResult outcome) {
        lock.lock();
        try {
            result = outcome;
            doneBytes = totalBytes;
            end(JobState.COMPLETED);
        } finally {
            lock.unlock();
        }
    }

    void fail(Exception cause) {
        lock.lock();
        try {
            failure = cause;
            end(JobState.FAILED);
        } finally {
            lock.unlock();
        }
    }

    /** Ends a job whose work has stopped because it was told to. */
    void stopped() {
        lock.lock();
        try {
            end(JobState.CANCELLED);
        } finally {
            lock.unlock();
        }
    }

    /** Asks the job to stop: at once where it still waits, otherwise as soon as its work notices. */
    void cancel() {
        cancelRequested = true;
        lock.lock();
        try {
            if (state == JobState.QUEUED) {
                end(JobState.CANCELLED);
            }
        } finally {
            lock.unlock();
        }
    }

    private void end(JobState how) {
        state = how;
        ended = clock.instant();
        change();
    }

    private void change() {
        version++;
        changed.signalAll();
    }

    JobView view() {
        lock.lock();
        try {
            return new JobView(
                    id,
                    request,
                    state,
                    version,
                    doneBytes,
                    totalBytes,
                    bytesPerSecond(),
                    created,
                    started,
                    ended,
                    result,
                    failure);
        } finally {
            lock.unlock();
        }
    }

    private long bytesPerSecond() {
        if (measuredFrom == null) {
            return 0;
        }
        Instant until = ended == null ? clock.instant() : ended;
        long millis = Math.max(1, until.toEpochMilli() - measuredFrom.toEpochMilli());
        return (long) (doneBytes * 1000.0 / millis);
    }

    /** Waits until the job has a newer version than {@code seen}, or so long; returns what it is then. */
    JobView await(long seen, long nanos) throws InterruptedException {
        lock.lock();
        try {
            long left = nanos;
            while (version <= seen && left > 0) {
                left = changed.awaitNanos(left);
            }
            return view();
        } finally {
            lock.unlock();
        }
    }

    /** Waits until the job has ended, or so long; says whether it has. */
    boolean awaitEnd(long nanos) throws InterruptedException {
        long deadline = System.nanoTime() + nanos;
        lock.lock();
        try {
            while (!state.isEnded()) {
                long left = deadline - System.nanoTime();
                if (left <= 0 || !changed.await(left, TimeUnit.NANOSECONDS)) {
                    return state.isEnded();
                }
            }
            return true;
        } finally {
            lock.unlock();
        }
    }
}
