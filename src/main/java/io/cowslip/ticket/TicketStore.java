package io.cowslip.ticket;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveObserver;
import io.cowslip.ticket.TicketException.Reason;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All tickets there are, by the digests of their secrets, and the catalogue that outlasts them. No request for data comes
 * to the catalogue: how use prolongs tickets it hears from {@link #keepUp}, now and then. Tickets end with their drive, unless
 * it closes because the service ends.
 */
final class TicketStore implements DriveObserver {
    private static final Logger log = LoggerFactory.getLogger(TicketStore.class);

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

    /**
     * Takes up what the catalogue has kept. Tickets of drives that are gone, such as ephemeral ones, are gone too: they must
     * not open what gets the same id later.
     */
    void load(Predicate<DriveId> known) {
        for (Ticket ticket : catalog.load()) {
            if (known.test(ticket.drive())) {
                tickets.put(ticket.tokenDigest(), new LiveTicket(ticket));
            } else {
                catalog.remove(ticket.id());
            }
        }
    }

    LiveTicket add(Ticket ticket) {
        removeOver();
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

    /** Gives a ticket a timeout anew, from now; false where it has ended. */
    boolean extend(LiveTicket live, Duration timeout) {
        synchronized (live) {
            if (live.hasEnded(now())) {
                return false;
            }
            Ticket extended = live.ticket().extendedAt(now(), timeout);
            catalog.save(extended);
            live.replace(extended);
            return true;
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

    private void removeOver() {
        Instant now = now();
        tickets.values().stream().filter(live -> live.isOver(now)).forEach(this::remove);
    }

    /** Has the catalogue hear of tickets that are over, and of those that use has prolonged for long enough. */
    void keepUp() {
        removeOver();
        tickets.values().stream().filter(LiveTicket::isUnsaved).forEach(this::save);
    }

    /** Has the catalogue know how long all tickets are good for as of now. */
    void saveAll() {
        open().forEach(this::save);
    }

    /** A ticket that was cancelled does not come back by this. */
    private void save(LiveTicket live) {
        synchronized (live) {
            if (!live.isCancelled()) {
                Ticket ticket = live.ticket();
                catalog.save(ticket);
                live.markSaved(ticket.renewed());
            }
        }
    }

    /** What the catalogue cannot be told now it is told when it keeps up. */
    @Override
    public void dismissed(DriveId id) {
        tickets.values().stream()
                .filter(live -> live.ticket().drive().equals(id))
                .forEach(live -> {
                    live.cancel();
                    try {
                        remove(live);
                    } catch (TicketException unavailable) {
                        log.warn("A ticket of drive {} that ended with it is not forgotten yet", id, unavailable);
                    }
                });
    }
}
