package io.cowslip.ticket;

/** The name that a ticket is managed by. It opens nothing, so it may be shown, logged and kept. */
public record TicketId(String value) {

    @Override
    public String toString() {
        return value;
    }
}
