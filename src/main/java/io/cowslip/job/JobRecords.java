package io.cowslip.job;

import io.cowslip.job.JobException.Reason;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps the catalogue's notes of jobs. Who changes a job and its note holds the job's monitor meanwhile. */
final class JobRecords {
    private static final Logger log = LoggerFactory.getLogger(JobRecords.class);
    private static final Duration BETWEEN_PROGRESS = Duration.ofSeconds(1);

    private final JobCatalog catalog;
    private final JobTexts texts;

    JobRecords(JobCatalog catalog, JobTexts texts) {
        this.catalog = catalog;
        this.texts = texts;
    }

    /** The jobs of before the service's start. Those that had not ended are noted as interrupted. */
    List<Job> load(InstantSource clock) {
        List<Job> jobs = new ArrayList<>();
        for (JobCatalog.Entry entry : catalog.jobs()) {
            Job job = Job.ofEntry(entry, shown(entry), clock);
            if (!entry.state().isEnded()) {
                log.warn("Job {} was interrupted when the service ended", job.id());
                ended(job, job.view());
            }
            jobs.add(job);
        }
        return jobs;
    }

    private JobRequest shown(JobCatalog.Entry entry) {
        try {
            return texts.request(entry.request().text());
        } catch (RuntimeException unreadable) {
            log.warn("The request of job {} cannot be read", entry.id(), unreadable);
            return new JobRequest.Unreadable(entry.type());
        }
    }

    /** What a job that has ended was asked for, to be done again. */
    JobRequest again(Job job) {
        if (!job.stored().complete()) {
            throw new JobException(
                    Reason.CANNOT_RESTART,
                    "the request of job \"" + job.id()
                            + "\" had a passphrase, which is not kept; send the request again, or one that names a file"
                            + " of the secrets folder");
        }
        return texts.request(job.stored().text());
    }

    /** A job was taken on. */
    void admitted(Job job) {
        catalog.put(entry(job, job.view()));
    }

    /** A job has begun to run. Nothing depends on this being noted: one that is queued was interrupted just as well. */
    void begun(Job job) {
        try {
            catalog.update(entry(job, job.view()));
        } catch (JobException refused) {
            log.warn("It is not noted that job {} has begun", job.id(), refused);
        }
    }

    /** A job ends like that. Where this cannot be noted, it will be told as interrupted once the service starts anew. */
    void ended(Job job, JobView ending) {
        try {
            catalog.update(entry(job, ending));
        } catch (JobException refused) {
            log.error("It is not noted how job {} ended: {}", job.id(), ending.state(), refused);
        }
    }

    /** A job is not to be known any more. */
    void forgotten(JobId id) {
        catalog.remove(id);
    }

    /** Notes how far a job is, now and then, until it ends. */
    void follow(Job job) {
        try {
            long noted = 0;
            while (!job.awaitEnd(BETWEEN_PROGRESS.toNanos())) {
                JobView view = job.view();
                if (view.doneBytes() != noted) {
                    noted = view.doneBytes();
                    catalog.progress(job.id(), noted, view.totalBytes());
                }
            }
        } catch (JobException refused) {
            log.warn("The progress of job {} is not noted any more", job.id(), refused);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private JobCatalog.Entry entry(Job job, JobView view) {
        return new JobCatalog.Entry(
                view.id(),
                view.request().type(),
                job.stored(),
                job.key(),
                view.state(),
                view.doneBytes(),
                view.totalBytes(),
                view.state().isEnded() ? view.bytesPerSecond() : 0,
                view.created(),
                view.started(),
                view.ended(),
                resultOf(view),
                problemOf(view),
                job.caller().reach());
    }

    private @Nullable String resultOf(JobView view) {
        return view.result() == null ? null : texts.result(view.result());
    }

    private @Nullable String problemOf(JobView view) {
        return view.failure() == null ? null : texts.problem(view.failure());
    }
}
