package io.cowslip.observe;

import io.cowslip.drive.LimitObserver;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;

/** Counts what limits kept out. */
final class LimitMeters implements LimitObserver {
    private final MeterRegistry registry;

    LimitMeters(MeterRegistry registry) {
        this.registry = registry;
    }

    @Override
    public void refused(String limit) {
        Counter.builder("cowslip.limits.refused")
                .description("Requests that were refused, and connections that were ended, because of a limit")
                .tag("limit", limit)
                .register(registry)
                .increment();
    }
}
