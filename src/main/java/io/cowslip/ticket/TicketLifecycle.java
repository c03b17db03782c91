package io.cowslip.ticket;

import io.cowslip.drive.registry.DriveRegistry;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/**
 * Takes up kept tickets before the first request comes in, has the catalogue keep up with their use, and tells it how long
 * they are good for when the service ends.
 */
final class TicketLifecycle implements SmartLifecycle {
    private static final Logger log = LoggerFactory.getLogger(TicketLifecycle.class);

    /** After drives are open and before the web server starts, and once that has answered the last request. */
    private static final int PHASE = SmartLifecycle.DEFAULT_PHASE - 4095;

    private static final long INTERVAL_SECONDS = 15;

    private final TicketStore store;
    private final DriveRegistry registry;
    private @Nullable ScheduledExecutorService timer;

    TicketLifecycle(TicketStore store, DriveRegistry registry) {
        this.store = store;
        this.registry = registry;
    }

    @Override
    public synchronized void start() {
        store.load(registry::knows);
        timer = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("tickets").daemon().factory());
        timer.scheduleWithFixedDelay(
                () -> attempt(store::keepUp), INTERVAL_SECONDS, INTERVAL_SECONDS, TimeUnit.SECONDS);
    }

    private static void attempt(Runnable change) {
        try {
            change.run();
        } catch (RuntimeException failure) {
            log.warn("The catalogue does not know how long tickets are good for", failure);
        }
    }

    @Override
    public synchronized void stop() {
        if (timer != null) {
            timer.shutdownNow();
            timer = null;
            attempt(store::saveAll);
        }
    }

    @Override
    public synchronized boolean isRunning() {
        return timer != null;
    }

    @Override
    public int getPhase() {
        return PHASE;
    }
}
