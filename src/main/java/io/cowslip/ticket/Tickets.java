package io.cowslip.ticket;

import io.cowslip.access.Caller;
import io.cowslip.access.Scope;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.ticket.TicketException.Reason;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Tickets: links to a drive's bytes that may be handed out. A ticket ends when it is cancelled, when its drive is closed,
 * and when it was not used for as long as it was asked for; every request that uses it prolongs it.
 */
public final class Tickets {
    private static final int ID_DIGITS = 16;

    private final DriveRegistry registry;
    private final TicketStore store;
    private final RandomGenerator random;

    /** @param random what nobody can foretell */
    Tickets(DriveRegistry registry, TicketStore store, RandomGenerator random) {
        this.registry = registry;
        this.store = store;
        this.random = random;
    }

    /**
     * Makes a ticket for an open drive.
     *
     * @throws IOException when the drive is not what the ticket is to open: too small, read-only, without the bitmap
     */
    public IssuedTicket issue(DriveId drive, TicketRequest request) throws IOException {
        requireScopes(request);
        // Held until the ticket is known: a drive that is closed meanwhile takes the ticket with it.
        try (DriveLease lease = registry.lease(drive)) {
            requirePossible(request, lease.image());
            TicketToken token = TicketToken.random(random);
            Instant now = store.now();
            LiveTicket live = store.add(new Ticket(newId(), token.digest(), drive, request, now, now, false));
            return new IssuedTicket(live.view(), token);
        }
    }

    /** A ticket lets nobody do what who deals with it may not. */
    private static void requireScopes(TicketRequest request) {
        Caller.current()
                .require(request.operations().stream()
                        .map(operation -> operation == TicketOperation.READ ? Scope.READ : Scope.WRITE)
                        .collect(Collectors.toSet()));
    }

    private TicketId newId() {
        return new TicketId("t" + HexFormat.of().toHexDigits(random.nextLong()).substring(0, ID_DIGITS));
    }

    private static void requirePossible(TicketRequest request, DiskImage image) throws IOException {
        if (request.operations().contains(TicketOperation.WRITE) && image.readOnly()) {
            throw ImageException.of(
                    Kind.READ_ONLY, "the drive is open with read-only true; a ticket for it may only have \"read\"");
        }
        Long size = request.sizeBytes();
        if (size != null && (size < 1 || size > image.virtualSizeBytes())) {
            throw ImageException.invalidOption(
                    "size",
                    "size is " + size + "; it may be up to the disk's " + image.virtualSizeBytes()
                            + " bytes, and not 0");
        }
        TicketChanges changes = request.changes();
        if (changes != null && changes.bitmap() != null) {
            image.bitmaps().map(changes.bitmap());
        } else if (changes != null && changes.since() != null) {
            image.snapshots().changesSince(changes.since(), changes.until());
        }
    }

    /** The tickets of an open drive, the oldest first. */
    public List<TicketView> tickets(DriveId drive) {
        registry.drive(drive);
        return store.open()
                .map(LiveTicket::view)
                .filter(view -> view.ticket().drive().equals(drive))
                .sorted(Comparator.comparing((TicketView view) -> view.ticket().created())
                        .thenComparing(view -> view.ticket().id().value()))
                .toList();
    }

    /** How many tickets there are. */
    public long count() {
        return store.open().count();
    }

    /** @param name the ticket's, or its secret */
    public TicketView ticket(DriveId drive, String name) {
        LiveTicket live = require(drive, name);
        if (live.isCancelled()) {
            throw noSuchTicket(drive);
        }
        return live.view();
    }

    /**
     * Makes a ticket good for {@code timeout} from now, used or not.
     *
     * @param name the ticket's, or its secret
     */
    public TicketView extend(DriveId drive, String name, Duration timeout) {
        LiveTicket live = require(drive, name);
        requireScopes(live.ticket().request());
        if (!store.extend(live, timeout)) {
            throw noSuchTicket(drive);
        }
        return live.view();
    }

    /**
     * Ends a ticket: nothing more is opened with it as of now. Returns once no request uses it.
     *
     * @param name the ticket's, or its secret
     * @param patience how long requests that use it may go on. Those that are not over then fail at their next piece
     * @throws TicketException IN_USE, after that; cancelling the ticket again waits again
     */
    public void cancel(DriveId drive, String name, Duration patience) throws InterruptedException {
        LiveTicket live = require(drive, name);
        requireScopes(live.ticket().request());
        store.cancel(live);
        int active = live.awaitUnused(patience);
        if (active > 0) {
            live.cutOff();
            throw new TicketException(
                    Reason.IN_USE,
                    "the ticket is cancelled, and " + active
                            + (active == 1 ? " request that uses it is" : " requests that use it are")
                            + " being broken off; DELETE it again to wait for that");
        }
        store.remove(live);
    }

    private LiveTicket require(DriveId drive, String name) {
        registry.requireReachable(drive);
        LiveTicket live = TicketToken.isPossible(name) ? store.find(TicketToken.of(name)) : store.find(name);
        if (live == null || !live.ticket().drive().equals(drive) || live.hasExpired(store.now())) {
            registry.drive(drive);
            throw noSuchTicket(drive);
        }
        return live;
    }

    private static TicketException noSuchTicket(DriveId drive) {
        return new TicketException(Reason.NO_SUCH_TICKET, "drive \"" + drive + "\" has no such ticket");
    }

    /**
     * The right to use the drive of a ticket for one request.
     *
     * @param operation what the request does; null: nothing to the bytes
     * @throws TicketException REFUSED
     */
    public TicketLease lease(TicketToken token, @Nullable TicketOperation operation) {
        LiveTicket live = store.find(token);
        Instant now = store.now();
        if (live == null || live.hasEnded(now)) {
            throw TicketException.ended();
        }
        requireAllowed(live.ticket().request(), operation);
        if (!live.enter(now)) {
            throw TicketException.ended();
        }
        try {
            return new TicketLease(registry.lease(live.ticket().drive()), live, () -> live.leave(store.now()));
        } catch (DriveException gone) {
            live.leaveUnused();
            TicketException refused = TicketException.ended();
            refused.initCause(gone);
            throw refused;
        }
    }

    /** The id of the ticket that a token is of, if it is of one that can be used. */
    public Optional<TicketId> idOf(TicketToken token) {
        LiveTicket live = store.find(token);
        return live == null || live.hasEnded(store.now())
                ? Optional.empty()
                : Optional.of(live.ticket().id());
    }

    private static void requireAllowed(TicketRequest request, @Nullable TicketOperation operation) {
        if (operation != null && !request.operations().contains(operation)) {
            throw new TicketException(
                    Reason.REFUSED,
                    operation == TicketOperation.READ
                            ? "the ticket does not allow reading: \"read\" is not among its ops"
                            : "the ticket does not allow writing: \"write\" is not among its ops");
        }
    }
}
