package io.cowslip.ticket;

/** A request about tickets, or by one, that cannot be met, by {@link Reason}. No message has a ticket's secret in it. */
public final class TicketException extends RuntimeException {

    /** Why. */
    public enum Reason {
        /** Nothing is opened: the ticket never was, has ended, or is for something else. */
        REFUSED,
        /** The drive has no ticket of this name. */
        NO_SUCH_TICKET,
        /** Requests go on using a ticket that was cancelled. */
        IN_USE,
        /** There are as many tickets as may be. */
        LIMIT_REACHED,
        /** The catalogue cannot be written. */
        UNAVAILABLE
    }

    private static final long serialVersionUID = 1;

    private final Reason reason;

    /** @param message for the caller: never has the ticket itself, which is a secret */
    public TicketException(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    /** Says the same of tickets that have ended and of such that never were. */
    static TicketException ended() {
        return new TicketException(
                Reason.REFUSED, "the ticket is not known, has expired or was cancelled, or its drive was closed");
    }

    /** What callers may tell apart; the message is for people. */
    public Reason reason() {
        return reason;
    }
}
