package io.cowslip.job;

import io.cowslip.access.Caller;
import io.cowslip.job.JobException.Reason;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One job from its request to its end. Any thread; one runs it. Its monitor is held by who changes its state and notes
 * that in the catalogue; nobody waits for it who only looks.
 */
final class Job {
    private final JobId id;
    private final JobRequest request;
    private final StoredRequest stored;
    private final @Nullable IdempotencyKey key;
    private final Caller caller;
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

    private long rateAtEnd;
    private @Nullable JobResult result;
    private @Nullable Exception failure;

    /** How the job ends once its work notices; null: it goes on. */
    private volatile @Nullable JobState stop;

    /** @param caller who it works for */
    Job(
            JobId id,
            JobRequest request,
            StoredRequest stored,
            @Nullable IdempotencyKey key,
            Caller caller,
            InstantSource clock) {
        this(id, request, stored, key, caller, clock, now(clock));
    }

    private Job(
            JobId id,
            JobRequest request,
            StoredRequest stored,
            @Nullable IdempotencyKey key,
            Caller caller,
            InstantSource clock,
            Instant created) {
        this.id = id;
        this.request = request;
        this.stored = stored;
        this.key = key;
        this.caller = caller;
        this.clock = clock;
        this.created = created;
    }

    /** A job of before the service's start. One that had not ended was interrupted, nobody knows when. */
    static Job ofEntry(JobCatalog.Entry entry, JobRequest request, InstantSource clock) {
        Caller caller = new Caller("before the start", Set.of(), entry.reach());
        Job job = new Job(entry.id(), request, entry.request(), entry.key(), caller, clock, entry.created());
        job.doneBytes = entry.doneBytes();
        job.totalBytes = entry.totalBytes();
        job.started = entry.started();
        job.rateAtEnd = entry.bytesPerSecond();
        job.ended = entry.ended();
        job.result = entry.result() == null ? null : new JobResult.Stored(entry.result());
        job.failure = entry.problem() == null ? null : new StoredProblem(entry.problem());
        job.state = entry.state();
        if (!job.state.isEnded()) {
            job.state = JobState.INTERRUPTED;
            job.failure = interruption();
        }
        return job;
    }

    private static JobException interruption() {
        return new JobException(
                Reason.INTERRUPTED, "the service ended before the job did, or before it was noted how the job ended");
    }

    JobId id() {
        return id;
    }

    JobRequest request() {
        return request;
    }

    StoredRequest stored() {
        return stored;
    }

    /** Who it works for. What they can reach is what the job can, and who can reach all of that knows of the job. */
    Caller caller() {
        return caller;
    }

    /** The key that the request came with, if any. */
    @Nullable
    IdempotencyKey key() {
        return key;
    }

    /** Begins to run; false when the job has ended before. */
    boolean begin() {
        lock.lock();
        try {
            if (state != JobState.QUEUED) {
                return false;
            }
            started = now(clock);
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
        if (stop != null) {
            throw new CancellationException("job " + id + " was told to stop");
        }
        lock.lock();
        try {
            if (done < doneBytes && total != totalBytes) {
                measuredFrom = now(clock);
            }
            doneBytes = done;
            totalBytes = total;
            change();
        } finally {
            lock.unlock();
        }
    }

    /** Tells the work to stop, and how the job ends then: cancelled, or interrupted. The first word counts. */
    void requestStop(JobState how) {
        if (stop == null) {
            stop = how;
        }
    }

    /** What the job will be when it has completed; nobody sees it before {@link #end}. */
    JobView completed(JobResult outcome) {
        return ending(JobState.COMPLETED, outcome, null);
    }

    /** What the job will be when it has failed. */
    JobView failed(Exception cause) {
        return ending(JobState.FAILED, null, cause);
    }

    /** What the job will be when it has stopped, as it was told to. */
    JobView stopped() {
        return stop == JobState.INTERRUPTED
                ? ending(JobState.INTERRUPTED, null, interruption())
                : ending(JobState.CANCELLED, null, null);
    }

    private JobView ending(JobState how, @Nullable JobResult outcome, @Nullable Exception cause) {
        lock.lock();
        try {
            Instant end = now(clock);
            // What is left once all is done need not have been told.
            long done = how == JobState.COMPLETED ? totalBytes : doneBytes;
            return view(how, done, bytesPerSecond(done, end), end, outcome, cause);
        } finally {
            lock.unlock();
        }
    }

    /** Ends the job like that. */
    void end(JobView ending) {
        lock.lock();
        try {
            state = ending.state();
            doneBytes = ending.doneBytes();
            rateAtEnd = ending.bytesPerSecond();
            ended = ending.ended();
            result = ending.result();
            failure = ending.failure();
            change();
        } finally {
            lock.unlock();
        }
    }

    private void change() {
        version++;
        changed.signalAll();
    }

    JobView view() {
        lock.lock();
        try {
            long rate = state.isEnded() ? rateAtEnd : bytesPerSecond(doneBytes, now(clock));
            return view(state, doneBytes, rate, ended, result, failure);
        } finally {
            lock.unlock();
        }
    }

    private JobView view(
            JobState how,
            long done,
            long rate,
            @Nullable Instant end,
            @Nullable JobResult outcome,
            @Nullable Exception cause) {
        return new JobView(id, request, how, version, done, totalBytes, rate, created, started, end, outcome, cause);
    }

    private long bytesPerSecond(long done, Instant until) {
        if (measuredFrom == null) {
            return 0;
        }
        long millis = Math.max(1, until.toEpochMilli() - measuredFrom.toEpochMilli());
        return (long) (done * 1000.0 / millis);
    }

    /** No finer than databases keep it. */
    private static Instant now(InstantSource clock) {
        return clock.instant().truncatedTo(ChronoUnit.MICROS);
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
