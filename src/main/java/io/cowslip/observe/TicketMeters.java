package io.cowslip.observe;

import io.cowslip.ticket.Tickets;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;

/** How many tickets there are. Which they are no meter says. */
final class TicketMeters implements MeterBinder {
    private final Tickets tickets;

    TicketMeters(Tickets tickets) {
        this.tickets = tickets;
    }

    @Override
    public void bindTo(MeterRegistry registry) {
        Gauge.builder("cowslip.tickets", tickets, Tickets::count)
                .description("Tickets that can be used")
                .register(registry);
    }
}
