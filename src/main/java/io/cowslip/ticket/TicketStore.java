package io.cowslip.ticket;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.DriveObserver;
import io.cowslip.ticket.TicketException.Reason;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * All tickets there are, by the digests of their secrets, and the catalogue that outlasts them. Tickets that have expired
 * go when others come, or when somebody looks. They end with their drive, unless it closes because the service ends.
 */
final class TicketStore implements DriveObserver {
    private final TicketCatalog catalog;
    private final InstantSource clock;
    private final int limit;
    private final Map<String, LiveTicket> tickets = new ConcurrentHashMap<>();

    /** @param limit most tickets at once */
    TicketStore(TicketCatalog catalog, InstantSource clock, int limit) {
        this.catalog = catalog;
        this.clock = clock;
        this.limit = limit;
    }

    Instant now() {
        return clock.instant();
    }

    /** Takes up what the catalogue has kept. */
    void load() {
        for (Ticket ticket : catalog.load()) {
            tickets.put(ticket.tokenDigest(), new LiveTicket(ticket));
        }
    }

    LiveTicket add(Ticket ticket) {
        tickets.values().stream().filter(live -> live.isOver(now())).forEach(this::remove);
        LiveTicket live = new LiveTicket(ticket);
        synchronized (this) {
            if (tickets.size() >= limit) {
                throw new TicketException(
                        Reason.LIMIT_REACHED, "there are " + limit + " tickets, as many as cowslip.tickets.max allows");
            }
            catalog.save(ticket);
            tickets.put(ticket.tokenDigest(), live);
        }
        return live;
    }

    /** The ticket with this secret, whether it has ended or not. */
    @Nullable
    LiveTicket find(TicketToken token) {
        return tickets.get(token.digest());
    }

    /** The ticket of this name, whether it has ended or not. */
    @Nullable
    LiveTicket find(String name) {
        return tickets.values().stream()
                .filter(live -> live.ticket().id().value().equals(name))
                .findFirst()
                .orElse(null);
    }

    /** All that have not ended. */
    Stream<LiveTicket> open() {
        Instant now = now();
        return tickets.values().stream().filter(live -> !live.hasEnded(now));
    }

    /** Has the catalogue know a ticket as it is now. A ticket that was cancelled does not come back by that. */
    void save(LiveTicket live) {
        synchronized (live) {
            if (!live.isCancelled()) {
                catalog.save(live.ticket());
            }
        }
    }

    /** Ends a ticket, for good also if the process should end now. It is found until it is removed. */
    void cancel(LiveTicket live) {
        synchronized (live) {
            live.cancel();
            catalog.remove(live.ticket().id());
        }
    }

    /** Nobody will find the ticket again. */
    void remove(LiveTicket live) {
        cancel(live);
        tickets.remove(live.ticket().tokenDigest());
    }

    /** Saves how long tickets are good for as of now. */
    void saveAll() {
        open().forEach(this::save);
    }

    @Override
    public void dismissed(DriveId id) {
        tickets.values().stream()
                .filter(live -> live.ticket().drive().equals(id))
                .forEach(this::remove);
    }
}
