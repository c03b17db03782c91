package io.cowslip.web.job;

import io.cowslip.access.Caller;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.job.JobException;
import io.cowslip.job.JobId;
import io.cowslip.job.JobService;
import io.cowslip.job.JobView;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.MediaType;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * A job told as server-sent events: what it is now, then its progress a few times per second at most, then its end, named
 * by its state, and nothing more. Each stream has a virtual thread, which sends nothing but what changed, and something
 * now and then, or else nobody would notice that the listener has gone.
 */
final class JobEvents {
    private static final Logger log = LoggerFactory.getLogger(JobEvents.class);
    private static final Duration BETWEEN_EVENTS = Duration.ofMillis(250);
    private static final Duration SILENCE_AT_MOST = Duration.ofSeconds(15);

    private final JobService jobs;
    private final Volumes volumes;

    JobEvents(JobService jobs, Volumes volumes) {
        this.jobs = jobs;
        this.volumes = volumes;
    }

    SseEmitter of(JobId id) {
        JobView first = jobs.job(id);
        Caller caller = Caller.current();
        SseEmitter emitter = new SseEmitter(0L);
        Thread.ofVirtual().name("job-events-" + id).start(() -> caller.run(() -> tell(first, emitter)));
        return emitter;
    }

    private void tell(JobView first, SseEmitter emitter) {
        try {
            JobView job = first;
            send(job, emitter);
            while (!job.state().isEnded()) {
                // Progress may change thousands of times a second: what comes meanwhile is told as one event after it.
                Thread.sleep(BETWEEN_EVENTS);
                JobView next = jobs.await(job.id(), job.version(), SILENCE_AT_MOST);
                if (next.version() == job.version()) {
                    emitter.send(SseEmitter.event().comment("still " + next.state()));
                } else {
                    send(next, emitter);
                }
                job = next;
            }
            emitter.complete();
        } catch (JobException forgotten) {
            log.debug("A job was forgotten while it was told of", forgotten);
            emitter.complete();
        } catch (IOException | IllegalStateException gone) {
            log.debug("The listener to job {} has gone", first.id(), gone);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            emitter.complete();
        }
    }

    private void send(JobView job, SseEmitter emitter) throws IOException {
        JobBody body = JobBody.of(job, volumes);
        String name = job.state().isEnded() ? body.state() : "progress";
        emitter.send(
                SseEmitter.event().id(Long.toString(job.version())).name(name).data(body, MediaType.APPLICATION_JSON));
    }
}
