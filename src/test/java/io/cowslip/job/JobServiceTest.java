package io.cowslip.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.cowslip.drive.DriveId;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.CheckReport;
import io.cowslip.job.JobException.Reason;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class JobServiceTest {
    private static final JobRequest REQUEST = new JobRequest.CheckDrive(new DriveId("d"));
    private static final JobResult RESULT =
            new JobResult.Checked("a.qcow2", new CheckReport(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, List.of(), 0, null));

    private final HandWork work = new HandWork();
    private final JobService jobs =
            new JobService(work, new JobProperties(1, 2, 2), InstantSource.system(), new Random(1));

    @AfterEach
    void end() {
        work.turns.release(1000);
        jobs.end(Duration.ofSeconds(10));
    }

    /** Works when it gets its turn, a byte at a time. */
    private static final class HandWork implements JobWork {
        private final Semaphore turns = new Semaphore(0);
        private volatile int bytes = 1;
        private volatile IOException failure = new IOException("never thrown");
        private volatile boolean fails;

        @Override
        public void requirePossible(JobRequest request) {}

        @Override
        public JobResult run(JobId id, JobRequest request, Progress progress) throws IOException {
            for (int done = 1; done <= bytes; done++) {
                turns.acquireUninterruptibly();
                progress.advanced(done, bytes);
            }
            if (fails) {
                throw failure;
            }
            return RESULT;
        }
    }

    @Test
    void runsAndRemembersTheResult() {
        work.bytes = 2;
        JobView queued = submit();
        await().until(() -> state(queued.id()) == JobState.RUNNING);
        work.turns.release();
        await().until(() -> jobs.job(queued.id()).doneBytes() == 1);
        assertThat(jobs.job(queued.id()).totalBytes()).isEqualTo(2);
        work.turns.release();
        await().until(() -> state(queued.id()) == JobState.COMPLETED);
        JobView done = jobs.job(queued.id());
        assertThat(done.result()).isEqualTo(RESULT);
        assertThat(done.started()).isAfterOrEqualTo(done.created());
        assertThat(done.ended()).isAfterOrEqualTo(done.started());
    }

    @Test
    void aFailureIsTheJobs() {
        work.fails = true;
        work.failure = ImageException.of(ImageException.Kind.BUSY, "held");
        JobView job = submit();
        work.turns.release();
        await().until(() -> state(job.id()) == JobState.FAILED);
        assertThat(jobs.job(job.id()).failure()).hasMessage("held");
    }

    @Test
    void aJobThatRunsStopsAtItsNextStep() {
        work.bytes = 100;
        JobView job = submit();
        await().until(() -> state(job.id()) == JobState.RUNNING);
        assertThat(jobs.cancel(job.id())).isNotNull();
        assertThat(state(job.id())).isEqualTo(JobState.RUNNING);
        work.turns.release();
        await().until(() -> state(job.id()) == JobState.CANCELLED);
    }

    @Test
    void aJobThatWaitsIsCancelledAtOnceAndNeverRuns() {
        JobView first = submit();
        JobView second = submit();
        jobs.cancel(second.id());
        assertThat(state(second.id())).isEqualTo(JobState.CANCELLED);
        work.turns.release(2);
        await().until(() -> state(first.id()) == JobState.COMPLETED);
        assertThat(jobs.job(second.id()).started()).isNull();
    }

    @Test
    void aJobThatHasEndedIsForgotten() {
        JobView job = submit();
        work.turns.release();
        await().until(() -> state(job.id()) == JobState.COMPLETED);
        assertThat(jobs.cancel(job.id())).isNull();
        assertThatExceptionOfType(JobException.class)
                .isThrownBy(() -> jobs.job(job.id()))
                .satisfies(refusal -> assertThat(refusal.reason()).isEqualTo(Reason.NO_SUCH_JOB));
    }

    @Test
    void onlySoManyWait() {
        for (int i = 0; i < 3; i++) {
            submit();
        }
        assertThatThrownBy(() -> submit()).hasMessageContaining("3 jobs run or wait");
    }

    @Test
    void onlyTheLastToEndAreRemembered() {
        for (int i = 0; i < 5; i++) {
            JobView job = submit(new JobId("job" + i));
            work.turns.release();
            await().until(() -> state(job.id()) == JobState.COMPLETED);
        }
        await().until(() ->
                jobs.jobs().stream().map(job -> job.id().value()).toList().equals(List.of("job3", "job4")));
    }

    @Test
    void anIdIsTakenOnce() {
        submit(new JobId("mine"));
        assertThatExceptionOfType(JobException.class)
                .isThrownBy(() -> submit(new JobId("mine")))
                .satisfies(refusal -> assertThat(refusal.reason()).isEqualTo(Reason.ID_TAKEN));
    }

    @Test
    void waitersSeeEachChange() throws InterruptedException {
        JobView job = submit();
        JobView running = jobs.await(job.id(), job.version(), Duration.ofSeconds(10));
        assertThat(running.state()).isEqualTo(JobState.RUNNING);
        assertThat(jobs.await(job.id(), running.version(), Duration.ofMillis(1)).version())
                .isEqualTo(running.version());
    }

    @Test
    void theEndStopsAllJobsAndTakesNoMore() throws InterruptedException {
        work.bytes = 1_000_000;
        JobView running = submit();
        JobView queued = submit();
        await().until(() -> state(running.id()) == JobState.RUNNING);
        CountDownLatch ended = new CountDownLatch(1);
        Thread.ofVirtual().start(() -> {
            jobs.end(Duration.ofSeconds(30));
            ended.countDown();
        });
        await().until(() -> state(queued.id()) == JobState.CANCELLED);
        assertThat(ended.getCount()).isEqualTo(1);
        work.turns.release();
        ended.await();
        assertThat(state(running.id())).isEqualTo(JobState.CANCELLED);
        assertThatThrownBy(() -> submit()).hasMessageContaining("shutting down");
    }

    private JobView submit() {
        return submit(null);
    }

    private JobView submit(@Nullable JobId id) {
        try {
            return jobs.submit(id, REQUEST, null);
        } catch (IOException impossible) {
            throw new AssertionError(impossible);
        }
    }

    private JobState state(JobId id) {
        return jobs.job(id).state();
    }
}
