package io.cowslip.ticket;

import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A ticket that is asked for.
 *
 * @param operations what it is to be good for, at least one
 * @param sizeBytes how much of the disk, from its start, it opens; null: all of it, whatever size the disk gets
 * @param timeout how long it is good for without being used, from when it is made, extended or was used last
 * @param inactivityTimeout how long it is good for after it was used, where that is less; null: {@code timeout}
 * @param changes what its dirty extents count from; null: it has none
 */
public record TicketRequest(
        Set<TicketOperation> operations,
        @Nullable Long sizeBytes,
        Duration timeout,
        @Nullable Duration inactivityTimeout,
        @Nullable TicketChanges changes) {
    /** The longest that a ticket may be good for. */
    public static final Duration MAX_TIMEOUT = Duration.ofDays(30);

    public TicketRequest {
        operations = Set.copyOf(operations);
    }
}
