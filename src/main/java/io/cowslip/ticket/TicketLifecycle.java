package io.cowslip.ticket;

import org.springframework.context.SmartLifecycle;

/** Takes up kept tickets before the first request comes in, and saves how long they are good for when the service ends. */
final class TicketLifecycle implements SmartLifecycle {
    /** Before the web server starts, and once it has answered the last request. */
    private static final int PHASE = SmartLifecycle.DEFAULT_PHASE - 4095;

    private final TicketStore store;
    private volatile boolean running;

    TicketLifecycle(TicketStore store) {
        this.store = store;
    }

    @Override
    public void start() {
        store.load();
        running = true;
    }

    @Override
    public void stop() {
        store.saveAll();
        running = false;
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public int getPhase() {
        return PHASE;
    }
}
