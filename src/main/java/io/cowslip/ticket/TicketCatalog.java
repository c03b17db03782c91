package io.cowslip.ticket;

import java.util.List;

/**
 * Where tickets outlast the process. Calls come from any thread, those about one ticket one at a time; all are quick
 * enough to be made on the way of a request, and none is made for each request.
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
