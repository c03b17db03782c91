package io.cowslip.ticket;

import io.cowslip.drive.DriveId;
import java.time.Duration;
import java.time.Instant;

/**
 * A ticket as it is kept: without its secret.
 *
 * @param id its name
 * @param tokenDigest SHA-256 of its secret, in hexadecimal
 * @param drive the drive whose bytes it opens
 * @param request what it was asked to be, with the timeout that it was given last
 * @param created when it was made
 * @param renewed when it was made, extended or used last
 * @param used whether it was used since it was made or extended
 */
public record Ticket(
        TicketId id,
        String tokenDigest,
        DriveId drive,
        TicketRequest request,
        Instant created,
        Instant renewed,
        boolean used) {

    /** When it ends, unless it is used or extended before. */
    public Instant expires() {
        return renewed.plus(lifetime());
    }

    Duration lifetime() {
        Duration timeout = request.timeout();
        Duration inactivity = request.inactivityTimeout();
        return used && inactivity != null && inactivity.compareTo(timeout) < 0 ? inactivity : timeout;
    }

    Ticket usedAt(Instant now) {
        return new Ticket(id, tokenDigest, drive, request, created, now, true);
    }

    Ticket extendedAt(Instant now, Duration timeout) {
        TicketRequest extended = new TicketRequest(
                request.operations(), request.sizeBytes(), timeout, request.inactivityTimeout(), request.changes());
        return new Ticket(id, tokenDigest, drive, extended, created, now, false);
    }
}
