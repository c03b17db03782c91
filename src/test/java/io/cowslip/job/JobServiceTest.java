package io.cowslip.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.cowslip.drive.DriveId;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.job.JobException.Reason;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class JobServiceTest {
    private static final JobRequest REQUEST = new JobRequest.CheckDrive(new DriveId("d"));
    private static final StoredRequest STORED = new StoredRequest("check", true);
    private static final JobResult RESULT =
            new JobResult.Checked("a.qcow2", new CheckReport(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, List.of(), 0, null));

    private final HandWork work = new HandWork();
    private HandJobCatalog catalog = new HandJobCatalog();
    private JobService jobs = service();

    private JobService service() {
        return new JobService(
                work,
                new JobProperties(1, 2, 2),
                new JobRecords(catalog, new HandJobTexts()),
                InstantSource.system(),
                new Random(1));
    }

    /** The service is gone from one moment to the next, and starts anew: the jobs that ran go on for nobody. */
    private void restart() {
        catalog = catalog.copy();
        jobs = service();
        jobs.load();
    }

    @AfterEach
    void end() {
        work.turns.release(1000);
        jobs.end(Duration.ofSeconds(10));
    }

    /** One request, which goes by the name of its type. */
    private static final class HandJobTexts implements JobTexts {
        @Override
        public JobRequest request(String text) {
            if (!text.equals("check")) {
                throw new IllegalArgumentException(text);
            }
            return REQUEST;
        }

        @Override
        public String result(JobResult result) {
            return "result";
        }

        @Override
        public String problem(Exception failure) {
            return String.valueOf(failure.getMessage());
        }
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
        await().until(() -> state(queued.id()) == JobState.INTERRUPTED);
        assertThat(ended.getCount()).isEqualTo(1);
        work.turns.release();
        ended.await();
        assertThat(state(running.id())).isEqualTo(JobState.INTERRUPTED);
        assertThatThrownBy(() -> submit()).hasMessageContaining("shutting down");
    }

    @Test
    void whatEndedIsKnownAfterARestart() {
        work.fails = true;
        JobView failed = submit();
        work.turns.release();
        await().until(() -> state(failed.id()) == JobState.FAILED);
        work.fails = false;
        JobView completed = submit();
        work.turns.release();
        await().until(() -> state(completed.id()) == JobState.COMPLETED);
        Instant ended = jobs.job(completed.id()).ended();

        restart();
        assertThat(jobs.jobs().stream().map(JobView::id)).containsExactly(failed.id(), completed.id());
        assertThat(jobs.job(completed.id()).result()).isEqualTo(new JobResult.Stored("result"));
        assertThat(jobs.job(completed.id()).ended()).isEqualTo(ended);
        assertThat(jobs.job(completed.id()).request()).isEqualTo(REQUEST);
        assertThat(jobs.job(failed.id()).failure())
                .isInstanceOfSatisfying(
                        StoredProblem.class,
                        problem -> assertThat(problem.text()).isEqualTo("never thrown"));
    }

    @Test
    void whatHadNotEndedWasInterrupted() throws IOException {
        work.bytes = 3;
        JobView running = submit();
        JobView queued = submit();
        work.turns.release();
        await().until(() -> catalog.entry(running.id()).doneBytes() == 1);

        restart();
        for (JobView job : jobs.jobs()) {
            assertThat(job.state()).isEqualTo(JobState.INTERRUPTED);
            assertThat(job.failure()).hasMessageContaining("the service ended before the job did");
            assertThat(catalog.entry(job.id()).state()).isEqualTo(JobState.INTERRUPTED);
        }
        assertThat(jobs.job(running.id()).doneBytes()).isEqualTo(1);
        assertThat(jobs.job(running.id()).bytesPerSecond()).isZero();

        work.bytes = 1;
        work.turns.release(1000);
        assertThat(jobs.restart(running.id()).state()).isNotEqualTo(JobState.INTERRUPTED);
        await().until(() -> state(running.id()) == JobState.COMPLETED);
        assertThat(jobs.jobs().stream().map(JobView::id)).containsExactly(queued.id(), running.id());
    }

    @Test
    void aStopInterruptsAndSaysSo() {
        JobView running = submit();
        await().until(() -> state(running.id()) == JobState.RUNNING);
        jobs.end(Duration.ZERO);
        work.turns.release();
        await().until(() -> catalog.entry(running.id()).state() == JobState.INTERRUPTED);
        assertThat(catalog.entry(running.id()).problem()).contains("the service ended");
    }

    @Test
    void aKeyIsKnownAfterARestart() throws IOException {
        IdempotencyKey key = new IdempotencyKey("once", "print");
        work.turns.release();
        JobView first = jobs.submit(null, REQUEST, STORED, key);
        await().until(() -> state(first.id()) == JobState.COMPLETED);
        restart();
        assertThat(jobs.submit(null, REQUEST, STORED, key).id()).isEqualTo(first.id());
        assertRefused(
                Reason.KEY_REUSED,
                () -> jobs.submit(null, REQUEST, STORED, new IdempotencyKey("once", "other print")),
                "came with another request");
    }

    @Test
    void whatCannotBeStartedAgain() throws IOException {
        JobView secret = jobs.submit(null, REQUEST, new StoredRequest("check", false), null);
        assertRefused(Reason.CANNOT_RESTART, () -> jobs.restart(secret.id()), "once it has ended");
        work.turns.release();
        await().until(() -> state(secret.id()) == JobState.COMPLETED);
        assertRefused(Reason.CANNOT_RESTART, () -> jobs.restart(secret.id()), "had a passphrase, which is not kept");
        assertRefused(Reason.NO_SUCH_JOB, () -> jobs.restart(new JobId("never")), "there is no job");
    }

    @Test
    void aRequestThatCannotBeReadAnyMoreIsShownByItsType() throws IOException {
        work.turns.release();
        JobView job = jobs.submit(null, REQUEST, new StoredRequest("gibberish", true), null);
        await().until(() -> state(job.id()) == JobState.COMPLETED);
        restart();
        assertThat(jobs.job(job.id()).request()).isEqualTo(new JobRequest.Unreadable("check"));
        assertThatThrownBy(() -> jobs.restart(job.id())).hasMessage("gibberish");
    }

    @Test
    void whatIsForgottenStaysForgotten() {
        List<JobId> ids = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            JobView job = submit();
            ids.add(job.id());
            work.turns.release();
            await().until(() -> state(job.id()) == JobState.COMPLETED);
        }
        await().until(() -> catalog.entries.keySet().equals(Set.copyOf(ids.subList(2, 4))));
        jobs.cancel(ids.get(2));
        restart();
        assertThat(jobs.jobs().stream().map(JobView::id)).containsExactly(ids.get(3));
    }

    @Test
    void whatCannotBeNotedIsNotTakenOn() throws IOException {
        catalog.refuses = true;
        assertRefused(Reason.UNAVAILABLE, this::submit, "not now");
        assertThat(jobs.jobs()).isEmpty();

        catalog.refuses = false;
        JobView job = submit();
        catalog.refuses = true;
        work.turns.release();
        await().until(() -> state(job.id()) == JobState.COMPLETED);
        assertRefused(Reason.UNAVAILABLE, () -> jobs.cancel(job.id()), "not now");
        assertRefused(Reason.UNAVAILABLE, () -> jobs.restart(job.id()), "not now");
        assertThat(state(job.id())).as("what was there is there").isEqualTo(JobState.COMPLETED);
    }

    private static void assertRefused(Reason reason, ThrowingCallable request, String why) {
        assertThatExceptionOfType(JobException.class)
                .isThrownBy(request)
                .withMessageContaining(why)
                .satisfies(refusal -> assertThat(refusal.reason()).isEqualTo(reason));
    }

    private JobView submit() {
        return submit(null);
    }

    private JobView submit(@Nullable JobId id) {
        try {
            return jobs.submit(id, REQUEST, STORED, null);
        } catch (IOException impossible) {
            throw new AssertionError(impossible);
        }
    }

    private JobState state(JobId id) {
        return jobs.job(id).state();
    }
}
