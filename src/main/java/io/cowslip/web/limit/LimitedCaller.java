package io.cowslip.web.limit;

import io.cowslip.access.Caller;
import io.cowslip.ticket.TicketToken;
import jakarta.servlet.http.HttpServletRequest;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.function.Function;

/**
 * Who asks, as far as limits per caller go: who has been authenticated; else a ticket that is good, by its id; else the
 * address that the request comes from, of IPv6 the network of 64 bits, since a host has as many addresses as it likes.
 */
record LimitedCaller(Kind kind, String name) {
    private static final String IMAGES = "/images/";
    private static final int IPV6_NETWORK_BYTES = 8;

    enum Kind {
        USER,
        TICKET,
        ADDRESS
    }

    /** @param ticketIds the id of the ticket that a token is of, if it is of one that is good */
    static LimitedCaller of(HttpServletRequest request, Function<TicketToken, Optional<String>> ticketIds) {
        Caller known = Caller.current();
        if (!known.equals(Caller.ANYONE) && !known.equals(Caller.NOBODY)) {
            return new LimitedCaller(Kind.USER, known.name());
        }
        return ticket(request, ticketIds)
                .orElseGet(() -> new LimitedCaller(Kind.ADDRESS, network(request.getRemoteAddr())));
    }

    /** One that has no ticket. */
    static LimitedCaller of(HttpServletRequest request) {
        return of(request, token -> Optional.empty());
    }

    private static Optional<LimitedCaller> ticket(
            HttpServletRequest request, Function<TicketToken, Optional<String>> ticketIds) {
        String path = request.getRequestURI();
        if (!path.startsWith(IMAGES)) {
            return Optional.empty();
        }
        String token = path.substring(IMAGES.length()).split("/", 2)[0];
        return TicketToken.isPossible(token)
                ? ticketIds.apply(TicketToken.of(token)).map(id -> new LimitedCaller(Kind.TICKET, id))
                : Optional.empty();
    }

    /** The address itself, or of IPv6 its network. */
    static String network(String address) {
        if (!address.contains(":")) {
            return address;
        }
        return InetAddress.ofLiteral(address.split("%", 2)[0]) instanceof Inet6Address six
                ? HexFormat.of().formatHex(Arrays.copyOf(six.getAddress(), IPV6_NETWORK_BYTES))
                : address;
    }
}
