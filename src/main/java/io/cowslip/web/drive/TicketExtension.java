package io.cowslip.web.drive;

import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A change of a ticket, as JSON has it.
 *
 * @param timeout seconds that it is good for from now
 */
@Schema(name = "TicketExtension", description = "How long a ticket is to be good for, from now")
record TicketExtension(
        @Schema(requiredMode = Schema.RequiredMode.REQUIRED, description = "Seconds, at most 2592000") @Nullable
        Long timeout) {

    Duration duration() {
        if (timeout == null) {
            throw Refusal.ofOption("timeout", "timeout is missing; it is the seconds that the ticket is good for");
        }
        return NewTicket.timeout("timeout", timeout);
    }
}
