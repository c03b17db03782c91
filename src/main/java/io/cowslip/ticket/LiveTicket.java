package io.cowslip.ticket;

import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;

/** A ticket and the requests that use it, as of now. A request under way keeps it from expiring. Any thread. */
final class LiveTicket {
    /** What of its lifetime a ticket may be prolonged by without a word to the catalogue. */
    private static final int UNSAVED_PART = 4;

    private Ticket ticket;
    private Instant saved;
    private int active;
    private boolean cancelled;
    private volatile boolean cutOff;

    LiveTicket(Ticket ticket) {
        this.ticket = ticket;
        this.saved = ticket.renewed();
    }

    synchronized Ticket ticket() {
        return ticket;
    }

    synchronized TicketView view() {
        return new TicketView(ticket, active);
    }

    /** Whether a request may use the ticket; it then calls {@link #leave} or {@link #leaveUnused} once. */
    synchronized boolean enter(Instant now) {
        if (hasEnded(now)) {
            return false;
        }
        active++;
        return true;
    }

    /** Whether the ticket opens nothing any more. */
    synchronized boolean hasEnded(Instant now) {
        return cancelled || hasExpired(now);
    }

    /** Whether nobody uses the ticket, and nobody did for as long as it was asked for. */
    synchronized boolean hasExpired(Instant now) {
        return active == 0 && !now.isBefore(ticket.expires());
    }

    synchronized boolean isCancelled() {
        return cancelled;
    }

    /** Whether the ticket has ended, and no request is left of those that used it. */
    synchronized boolean isOver(Instant now) {
        return active == 0 && hasEnded(now);
    }

    /** A request is over, which prolongs the ticket. */
    synchronized void leave(Instant now) {
        leaveUnused();
        ticket = ticket.usedAt(now);
    }

    /** A request is over that came to nothing. */
    synchronized void leaveUnused() {
        active--;
        notifyAll();
    }

    /** Puts what the catalogue has of the ticket now in its place. */
    synchronized void replace(Ticket changed) {
        ticket = changed;
        saved = changed.renewed();
    }

    /** Notes that the catalogue has the ticket as it was renewed then. */
    synchronized void markSaved(Instant renewed) {
        saved = renewed;
    }

    /** Whether use has prolonged the ticket by more than the catalogue may be without. */
    synchronized boolean isUnsaved() {
        Duration unsaved = Duration.between(saved, ticket.renewed());
        return unsaved.compareTo(ticket.lifetime().dividedBy(UNSAVED_PART)) >= 0;
    }

    /** Lets no request in any more. */
    synchronized void cancel() {
        cancelled = true;
    }

    /** Waits until no request uses the ticket, or so long; the number of those that still do. */
    synchronized int awaitUnused(Duration patience) throws InterruptedException {
        long deadline = System.nanoTime() + patience.toNanos();
        for (long left = patience.toNanos(); active > 0 && left > 0; left = deadline - System.nanoTime()) {
            TimeUnit.NANOSECONDS.timedWait(this, left);
        }
        return active;
    }

    /** Has the requests that use the ticket fail at their next piece. */
    void cutOff() {
        cutOff = true;
    }

    void requireNotCutOff() {
        if (cutOff) {
            throw TicketException.ended();
        }
    }
}
