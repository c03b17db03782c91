package io.cowslip.ticket;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveLease;
import io.cowslip.engine.image.DiskImage;

/** One request's hold on a drive by a ticket: no more of the disk than that opens, and no longer than it is let. */
public final class TicketLease implements DriveLease {
    private final DriveLease lease;
    private final LiveTicket live;
    private final Ticket ticket;
    private final Runnable whenClosed;

    TicketLease(DriveLease lease, LiveTicket live, Runnable whenClosed) {
        this.lease = lease;
        this.live = live;
        this.ticket = live.ticket();
        this.whenClosed = whenClosed;
    }

    /** What is asked of the ticket. */
    public TicketRequest request() {
        return ticket.request();
    }

    @Override
    public DriveId id() {
        return lease.id();
    }

    @Override
    public DiskImage image() {
        return lease.image();
    }

    /** @throws TicketException REFUSED */
    @Override
    public void requireUsable() {
        live.requireNotCutOff();
    }

    @Override
    public long limitBytes() {
        Long limit = ticket.request().sizeBytes();
        return limit == null ? lease.limitBytes() : limit;
    }

    @Override
    public String dataVersion() {
        return lease.dataVersion();
    }

    @Override
    public Change change(boolean alone) {
        requireUsable();
        return lease.change(alone);
    }

    @Override
    public void close() {
        lease.close();
        whenClosed.run();
    }
}
