package io.cowslip.ticket;

/**
 * A ticket at one moment.
 *
 * @param activeRequests how many requests were using it
 */
public record TicketView(Ticket ticket, int activeRequests) {}
