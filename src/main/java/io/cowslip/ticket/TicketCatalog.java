package io.cowslip.ticket;

import java.util.List;

/**
 * Where tickets are noted that are to be good once the service has ended and starts anew. Called by any thread, but about
 * one ticket by one thread at a time, and never on the way of a request for data. A change is durable when its call
 * returns; one that cannot be made is refused with {@link TicketException.Reason#UNAVAILABLE}.
 */
public interface TicketCatalog {

    /** Keeps nothing: tickets end with the process. */
    TicketCatalog NONE = new TicketCatalog() {
        @Override
        public List<Ticket> load() {
            return List.of();
        }

        @Override
        public void save(Ticket ticket) {}

        @Override
        public void remove(TicketId id) {}
    };

    /** All tickets that were saved and not removed. Those of drives that are not open, or that have expired, do no harm. */
    List<Ticket> load();

    /** Keeps a ticket in the place of what was kept of it before. */
    void save(Ticket ticket);

    /** Forgets a ticket, if it is kept. */
    void remove(TicketId id);
}
