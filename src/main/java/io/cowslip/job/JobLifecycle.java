package io.cowslip.job;

import java.time.Duration;
import org.springframework.context.SmartLifecycle;

/**
 * Stops jobs first of all when the service ends: those who watch them by events are requests, which the web server waits
 * for next, and drives are closed after that.
 */
final class JobLifecycle implements SmartLifecycle {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final JobService jobs;
    private volatile boolean running;

    JobLifecycle(JobService jobs) {
        this.jobs = jobs;
    }

    @Override
    public void start() {
        running = true;
    }

    @Override
    public void stop() {
        jobs.end(PATIENCE);
        running = false;
    }

    @Override
    public boolean isRunning() {
        return running;
    }
}
