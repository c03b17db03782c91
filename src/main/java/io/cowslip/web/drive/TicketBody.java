package io.cowslip.web.drive;

import io.cowslip.ticket.IssuedTicket;
import io.cowslip.ticket.Ticket;
import io.cowslip.ticket.TicketChanges;
import io.cowslip.ticket.TicketRequest;
import io.cowslip.ticket.TicketToken;
import io.cowslip.ticket.TicketView;
import io.swagger.v3.oas.annotations.media.Schema;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A ticket as it is shown.
 *
 * @param id what it is managed by, as in its path
 * @param expires when it ends, RFC 3339 in UTC, unless it is used or extended before
 * @param activeRequests how many requests use it
 * @param ticket its secret, only where it was just made
 * @param transferUrl where it opens the bytes, only where it was just made
 */
@Schema(name = "Ticket", description = "A link to a drive's bytes that may be handed out")
record TicketBody(
        @Schema(description = "The name that it is managed by; it opens nothing")
        String id,

        String drive,
        List<String> ops,
        @Nullable Long size,
        long timeout,
        @Nullable Long inactivityTimeout,
        @Nullable String bitmap,
        @Nullable String since,
        @Nullable String until,
        String created,

        @Schema(description = "When it ends, unless it is used or extended before")
        String expires,

        @Schema(description = "How many requests use it") int activeRequests,

        @Schema(description = "The secret, told only when the ticket is made") @Nullable
        String ticket,

        @Schema(description = "Where the bytes are, told only when the ticket is made") @Nullable
        String transferUrl) {

    static TicketBody of(IssuedTicket issued) {
        return of(issued.view(), issued.token());
    }

    static TicketBody of(TicketView view) {
        return of(view, null);
    }

    private static TicketBody of(TicketView view, @Nullable TicketToken token) {
        Ticket ticket = view.ticket();
        TicketRequest request = ticket.request();
        TicketChanges changes = request.changes();
        Duration inactivity = request.inactivityTimeout();
        return new TicketBody(
                ticket.id().value(),
                ticket.drive().value(),
                request.operations().stream().sorted().map(NewTicket::wireName).toList(),
                request.sizeBytes(),
                request.timeout().toSeconds(),
                inactivity == null ? null : inactivity.toSeconds(),
                changes == null ? null : changes.bitmap(),
                changes == null ? null : changes.since(),
                changes == null ? null : changes.until(),
                ticket.created().toString(),
                ticket.expires().toString(),
                view.activeRequests(),
                token == null ? null : token.value(),
                token == null ? null : "/images/" + token.value());
    }
}
