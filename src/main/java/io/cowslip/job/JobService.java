package io.cowslip.job;

import io.cowslip.job.JobException.Reason;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Jobs by id: so many run at once, so many wait, and so many that have ended are remembered. What fails in a job is the
 * job's, and told by it.
 */
public final class JobService {
    private static final Logger log = LoggerFactory.getLogger(JobService.class);

    private final JobWork work;
    private final JobProperties properties;
    private final InstantSource clock;
    private final RandomGenerator random;
    private final ExecutorService executor;

    /** In the order in which they came. */
    private final Map<JobId, Job> jobs = new LinkedHashMap<>();

    private boolean ended;

    JobService(JobWork work, JobProperties properties, InstantSource clock, RandomGenerator random) {
        this.work = work;
        this.properties = properties;
        this.clock = clock;
        this.random = random;
        this.executor = Executors.newFixedThreadPool(
                properties.running(),
                Thread.ofPlatform().name("job-", 0).daemon().factory());
    }

    /**
     * Takes a job on; {@code id} null: one is made up. A request with the key of a job that is known is answered with
     * that job, whatever has become of it.
     *
     * @throws IOException when it is plain that it cannot work, as its work would find
     */
    public JobView submit(@Nullable JobId id, JobRequest request, @Nullable IdempotencyKey key) throws IOException {
        Job first = withKey(key);
        if (first != null) {
            return first.view();
        }
        work.requirePossible(request);
        return admit(new Job(id == null ? newId() : id, request, key, clock)).view();
    }

    private synchronized @Nullable Job withKey(@Nullable IdempotencyKey key) {
        if (key == null) {
            return null;
        }
        for (Job job : jobs.values()) {
            IdempotencyKey known = job.key();
            if (known != null && known.value().equals(key.value())) {
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
        return new JobId("j" + HexFormat.of().toHexDigits(random.nextLong()).substring(0, 10));
    }

    /** @return the job, or the one that had its key first */
    private synchronized Job admit(Job job) {
        Job first = withKey(job.key());
        if (first != null) {
            return first;
        }
        if (ended) {
            throw new JobException(Reason.UNAVAILABLE, "the service is shutting down");
        }
        if (jobs.containsKey(job.id())) {
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
        jobs.put(job.id(), job);
        executor.execute(() -> run(job));
        return job;
    }

    private void run(Job job) {
        if (!job.begin()) {
            return;
        }
        try {
            job.complete(work.run(job.id(), job.request(), job::advanced));
        } catch (CancellationException cancelled) {
            log.debug("Job {} stopped", job.id(), cancelled);
            job.stopped();
        } catch (IOException | RuntimeException failure) {
            log.debug("Job {} failed", job.id(), failure);
            job.fail(failure);
        } catch (Error failure) {
            log.error("Job {} failed", job.id(), failure);
            job.fail(new IllegalStateException(failure));
        }
        forgetOldest();
    }

    private synchronized void forgetOldest() {
        List<Job> over = jobs.values().stream()
                .filter(job -> job.view().state().isEnded())
                .toList();
        over.stream().limit(Math.max(0, over.size() - properties.retained())).forEach(job -> jobs.remove(job.id()));
    }

    /** All jobs that are known, in the order in which they came. */
    public synchronized List<JobView> jobs() {
        return jobs.values().stream().map(Job::view).toList();
    }

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
        if (job.view().state().isEnded()) {
            forget(id);
            return null;
        }
        job.cancel();
        return job.view();
    }

    private synchronized void forget(JobId id) {
        jobs.remove(id);
    }

    private synchronized Job require(JobId id) {
        Job job = jobs.get(id);
        if (job == null) {
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
        all.forEach(Job::cancel);
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
