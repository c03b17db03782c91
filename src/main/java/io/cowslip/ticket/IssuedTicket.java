package io.cowslip.ticket;

/**
 * A new ticket, with its secret, which is told nowhere else.
 *
 * @param token what opens the drive's bytes
 */
public record IssuedTicket(TicketView view, TicketToken token) {}
