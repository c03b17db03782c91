package io.cowslip.ticket;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * How many tickets there may be.
 *
 * @param max how many at once
 */
@ConfigurationProperties("cowslip.tickets")
record TicketProperties(@DefaultValue("10000") int max) {

    TicketProperties {
        if (max < 1) {
            throw new IllegalArgumentException("cowslip.tickets.max is " + max + "; it must be at least 1");
        }
    }
}
