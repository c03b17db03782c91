package io.cowslip.job;

import io.cowslip.access.AuditEntry;
import io.cowslip.access.Caller;
import io.cowslip.job.JobException.Reason;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Jobs by id: so many run at once, so many wait, and so many that have ended are remembered, after a restart as well.
 * What fails in a job is the job's, and told by it.
 */
public final class JobService {
    private static final Logger log = LoggerFactory.getLogger(JobService.class);

    private final JobWork work;
    private final JobProperties properties;
    private final JobRecords records;
    private final InstantSource clock;
    private final RandomGenerator random;
    private final ExecutorService executor;

    /** In the order in which they came. */
    private final Map<JobId, Job> jobs = new LinkedHashMap<>();

    private boolean ended;

    JobService(
            JobWork work, JobProperties properties, JobRecords records, InstantSource clock, RandomGenerator random) {
        this.work = work;
        this.properties = properties;
        this.records = records;
        this.clock = clock;
        this.random = random;
        this.executor = Executors.newFixedThreadPool(
                properties.running(),
                Thread.ofPlatform().name("job-", 0).daemon().factory());
    }

    /** Takes up the jobs of before, ahead of all requests. */
    synchronized void load() {
        records.load(clock).forEach(job -> jobs.put(job.id(), job));
        forgetOldest();
    }

    /**
     * Takes a job on; {@code id} null: one is made up. A request with the key of a job that is known is answered with
     * that job, whatever has become of it.
     *
     * @param stored the request, for after a restart
     * @throws IOException when it is plain that it cannot work, as its work would find
     */
    public JobView submit(@Nullable JobId id, JobRequest request, StoredRequest stored, @Nullable IdempotencyKey key)
            throws IOException {
        requireScope(request);
        Job first = withKey(key);
        if (first != null) {
            return first.view();
        }
        work.requirePossible(request);
        return admit(new Job(id == null ? newId() : id, request, stored, key, Caller.current(), clock), null)
                .view();
    }

    /**
     * Starts a job again that has ended, under its id and from its stored request.
     *
     * @throws IOException when it is plain that it cannot work, as its work would find
     */
    public JobView restart(JobId id) throws IOException {
        Job before = require(id);
        requireScope(before.request());
        JobState state = before.view().state();
        if (!state.isEnded()) {
            throw new JobException(
                    Reason.CANNOT_RESTART,
                    "job \"" + id + "\" is " + state.name().toLowerCase(Locale.ROOT) + "; it can be started again once"
                            + " it has ended");
        }
        JobRequest request = records.again(before);
        work.requirePossible(request);
        Caller caller = Caller.current().within(before.caller().reach());
        return admit(new Job(id, request, before.stored(), before.key(), caller, clock), before)
                .view();
    }

    private static void requireScope(JobRequest request) {
        Caller.current().require(Set.of(request.scope()));
    }

    /** A job is known to who can reach all that it can. */
    private static boolean isKnownToCaller(Job job) {
        return Caller.current().reach().covers(job.caller().reach());
    }

    private synchronized @Nullable Job withKey(@Nullable IdempotencyKey key) {
        if (key == null) {
            return null;
        }
        for (Job job : jobs.values()) {
            IdempotencyKey known = job.key();
            if (known != null && known.value().equals(key.value()) && isKnownToCaller(job)) {
                if (!known.equals(key)) {
                    throw new JobException(
                            Reason.KEY_REUSED,
                            "the Idempotency-Key came with another request before, for job \"" + job.id()
                                    + "\"; another request needs another key");
                }
                return job;
            }
        }
        return null;
    }

    private JobId newId() {
        return new JobId("j" + HexFormat.of().toHexDigits(random.nextLong()));
    }

    /**
     * Makes a job known, notes it, and has it run when it is its turn.
     *
     * @param before the job in whose place it comes, or null
     * @return the job, or the one that had its key first
     */
    private Job admit(Job job, @Nullable Job before) {
        Job first = enqueue(job, before);
        if (first != job) {
            return first;
        }
        try {
            synchronized (job) {
                records.admitted(job);
            }
            executor.execute(() -> run(job));
            return job;
        } catch (RuntimeException refused) {
            takeBack(job, before);
            throw refused instanceof RejectedExecutionException ? shuttingDown() : refused;
        }
    }

    private synchronized Job enqueue(Job job, @Nullable Job before) {
        Job first = before == null ? withKey(job.key()) : null;
        if (first != null) {
            return first;
        }
        if (ended) {
            throw shuttingDown();
        }
        if (jobs.get(job.id()) != before) {
            throw new JobException(Reason.ID_TAKEN, "there is a job \"" + job.id() + "\" already");
        }
        long underWay = jobs.values().stream()
                .filter(other -> !other.view().state().isEnded())
                .count();
        if (underWay >= (long) properties.running() + properties.queued()) {
            throw new JobException(
                    Reason.LIMIT_REACHED,
                    underWay + " jobs run or wait, as many as cowslip.jobs.running and cowslip.jobs.queued allow");
        }
        jobs.remove(job.id());
        jobs.put(job.id(), job);
        return job;
    }

    private static JobException shuttingDown() {
        return new JobException(Reason.UNAVAILABLE, "the service is shutting down");
    }

    private synchronized void takeBack(Job job, @Nullable Job before) {
        if (before == null) {
            jobs.remove(job.id(), job);
        } else {
            jobs.replace(job.id(), job, before);
        }
    }

    private void run(Job job) {
        if (!begin(job)) {
            return;
        }
        Thread.ofVirtual().name("job-record-" + job.id()).start(() -> records.follow(job));
        end(job, outcome(job));
        forgetOldest();
    }

    private boolean begin(Job job) {
        synchronized (job) {
            boolean begun = job.begin();
            if (begun) {
                records.begun(job);
            }
            return begun;
        }
    }

    private JobView outcome(Job job) {
        try {
            return job.completed(
                    job.caller().<JobResult, IOException>call(() -> work.run(job.id(), job.request(), job::advanced)));
        } catch (CancellationException stopped) {
            log.debug("Job {} stopped", job.id(), stopped);
            return job.stopped();
        } catch (IOException | RuntimeException failure) {
            log.debug("Job {} failed", job.id(), failure);
            return job.failed(failure);
        } catch (Error failure) {
            log.error("Job {} failed", job.id(), failure);
            return job.failed(new IllegalStateException(failure));
        }
    }

    /** Noted first: what somebody has seen is not taken back by a crash. */
    private void end(Job job, JobView ending) {
        synchronized (job) {
            records.ended(job, ending);
            job.end(ending);
        }
        job.caller()
                .run(() -> AuditEntry.of("end-job")
                        .with("type", job.request().type())
                        .with("id", job.id())
                        .write(ending.state().name().toLowerCase(Locale.ROOT)));
    }

    private synchronized void forgetOldest() {
        List<Job> over = jobs.values().stream()
                .filter(job -> job.view().state().isEnded())
                .toList();
        try {
            over.stream()
                    .limit(Math.max(0, over.size() - properties.retained()))
                    .forEach(this::forget);
        } catch (JobException refused) {
            log.warn("Ended jobs are remembered beyond cowslip.jobs.retained for now", refused);
        }
    }

    private void forget(Job job) {
        synchronized (job) {
            records.forgotten(job.id());
        }
        jobs.remove(job.id(), job);
    }

    /** All jobs that are known, in the order in which they came. */
    public synchronized List<JobView> jobs() {
        return jobs.values().stream()
                .filter(JobService::isKnownToCaller)
                .map(Job::view)
                .toList();
    }

    /** A job as it is now. One that is not known, or not within the caller's reach, is refused as unknown. */
    public JobView job(JobId id) {
        return require(id).view();
    }

    /**
     * Waits until the job has changed since {@code version}, or so long.
     *
     * @return what it is then
     */
    public JobView await(JobId id, long version, Duration patience) throws InterruptedException {
        return require(id).await(version, patience.toNanos());
    }

    /**
     * Asks a job to stop, or forgets it where it has ended.
     *
     * @return what it is now; null when it is forgotten
     */
    public @Nullable JobView cancel(JobId id) {
        Job job = require(id);
        requireScope(job.request());
        if (job.view().state().isEnded()) {
            forgetEnded(job);
            return null;
        }
        stop(job, JobState.CANCELLED);
        return job.view();
    }

    private synchronized void forgetEnded(Job job) {
        if (jobs.get(job.id()) == job) {
            forget(job);
        }
    }

    /** Stops a job: at once where it still waits, otherwise as soon as its work notices. */
    private void stop(Job job, JobState how) {
        job.requestStop(how);
        synchronized (job) {
            if (job.view().state() == JobState.QUEUED) {
                end(job, job.stopped());
            }
        }
    }

    private synchronized Job require(JobId id) {
        Job job = jobs.get(id);
        if (job == null || !isKnownToCaller(job)) {
            throw new JobException(Reason.NO_SUCH_JOB, "there is no job \"" + id + "\"");
        }
        return job;
    }

    /** Takes nothing more on, stops all jobs, and waits for them no longer than {@code patience}. */
    void end(Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        List<Job> all;
        synchronized (this) {
            ended = true;
            all = List.copyOf(jobs.values());
        }
        all.forEach(job -> stop(job, JobState.INTERRUPTED));
        executor.shutdown();
        for (Job job : all) {
            awaitEnd(job, deadline - System.nanoTime());
        }
    }

    private static void awaitEnd(Job job, long nanos) {
        try {
            if (!job.awaitEnd(nanos)) {
                log.warn("Job {} does not stop", job.id());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            log.warn("Interrupted while job {} was stopping", job.id());
        }
    }
}
