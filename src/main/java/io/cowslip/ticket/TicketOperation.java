package io.cowslip.ticket;

/** What a ticket may be good for. */
public enum TicketOperation {
    /** The bytes, the extents and the checksum. */
    READ,
    /** Writes, zeroing, discarding and flushing. */
    WRITE
}
