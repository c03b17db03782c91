package io.cowslip.catalog;

import io.cowslip.ticket.Ticket;
import io.cowslip.ticket.TicketCatalog;
import io.cowslip.ticket.TicketException;
import io.cowslip.ticket.TicketException.Reason;
import io.cowslip.ticket.TicketId;
import java.util.ArrayList;
import java.util.List;
import org.springframework.data.jdbc.core.JdbcAggregateOperations;

/** Tickets in the table {@code ticket}. */
final class JdbcTicketCatalog implements TicketCatalog {
    private final JdbcAggregateOperations rows;
    private final CatalogChanges changes;

    JdbcTicketCatalog(JdbcAggregateOperations rows, CatalogChanges changes) {
        this.rows = rows;
        this.changes = changes;
    }

    @Override
    public List<Ticket> load() {
        List<Ticket> tickets = new ArrayList<>();
        rows.findAll(TicketRow.class).forEach(row -> tickets.add(row.ticket()));
        return tickets;
    }

    @Override
    public void save(Ticket ticket) {
        TicketRow row = TicketRow.of(ticket);
        change(() -> {
            if (rows.existsById(row.id(), TicketRow.class)) {
                rows.update(row);
            } else {
                rows.insert(row);
            }
        });
    }

    @Override
    public void remove(TicketId id) {
        change(() -> rows.deleteById(id.value(), TicketRow.class));
    }

    private void change(Runnable change) {
        changes.make(change, why -> new TicketException(Reason.UNAVAILABLE, why));
    }
}
