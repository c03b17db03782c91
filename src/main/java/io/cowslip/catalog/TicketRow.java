package io.cowslip.catalog;

import io.cowslip.drive.DriveId;
import io.cowslip.ticket.Ticket;
import io.cowslip.ticket.TicketChanges;
import io.cowslip.ticket.TicketId;
import io.cowslip.ticket.TicketOperation;
import io.cowslip.ticket.TicketRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.data.annotation.Id;

/** A row of the table {@code ticket}: {@link Ticket} says what is what. */
record TicketRow(
        @Id String id,
        String tokenDigest,
        String drive,
        boolean mayRead,
        boolean mayWrite,
        @Nullable Long sizeBytes,
        long timeoutSeconds,
        @Nullable Long inactivityTimeoutSeconds,
        @Nullable String bitmap,
        @Nullable String sinceSnapshot,
        @Nullable String untilSnapshot,
        Instant created,
        Instant renewed,
        boolean used) {

    static TicketRow of(Ticket ticket) {
        TicketRequest request = ticket.request();
        Duration inactivity = request.inactivityTimeout();
        TicketChanges changes = request.changes();
        return new TicketRow(
                ticket.id().value(),
                ticket.tokenDigest(),
                ticket.drive().value(),
                request.operations().contains(TicketOperation.READ),
                request.operations().contains(TicketOperation.WRITE),
                request.sizeBytes(),
                request.timeout().toSeconds(),
                inactivity == null ? null : inactivity.toSeconds(),
                changes == null ? null : changes.bitmap(),
                changes == null ? null : changes.since(),
                changes == null ? null : changes.until(),
                ticket.created(),
                ticket.renewed(),
                ticket.used());
    }

    Ticket ticket() {
        return new Ticket(new TicketId(id), tokenDigest, new DriveId(drive), request(), created, renewed, used);
    }

    private TicketRequest request() {
        Set<TicketOperation> operations = EnumSet.noneOf(TicketOperation.class);
        if (mayRead) {
            operations.add(TicketOperation.READ);
        }
        if (mayWrite) {
            operations.add(TicketOperation.WRITE);
        }
        return new TicketRequest(
                operations,
                sizeBytes,
                Duration.ofSeconds(timeoutSeconds),
                inactivityTimeoutSeconds == null ? null : Duration.ofSeconds(inactivityTimeoutSeconds),
                bitmap == null && sinceSnapshot == null
                        ? null
                        : new TicketChanges(bitmap, sinceSnapshot, untilSnapshot));
    }
}
