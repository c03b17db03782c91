package io.cowslip.web.limit;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.access.Caller;
import io.cowslip.access.Reach;
import io.cowslip.drive.ByteSize;
import io.cowslip.ticket.TicketToken;
import io.cowslip.web.limit.LimitedCaller.Kind;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;

/** Who is one caller, and how many there may be. */
class LimitedCallerTest {
    private static final String TOKEN = "A".repeat(43);
    private static final Function<TicketToken, Optional<String>> GOOD = token -> Optional.of("t1");
    private static final Function<TicketToken, Optional<String>> BAD = token -> Optional.empty();

    private static MockHttpServletRequest request(String path, String address) {
        MockHttpServletRequest request = new MockHttpServletRequest("GET", path);
        request.setRemoteAddr(address);
        return request;
    }

    @Test
    void anAuthenticatedNameComesFirst() {
        MockHttpServletRequest request = request("/images/" + TOKEN, "192.0.2.1");
        Caller backup = new Caller("backup", Set.of(), Reach.EVERYWHERE);
        LimitedCaller limited = backup.<LimitedCaller, RuntimeException>call(() -> LimitedCaller.of(request, GOOD));
        assertThat(limited).isEqualTo(new LimitedCaller(Kind.USER, "backup"));
    }

    /** Tickets that are made up are no way to be somebody else each time. */
    @Test
    void onlyGoodTicketsAreCallers() {
        assertThat(LimitedCaller.of(request("/images/" + TOKEN + "/extents", "192.0.2.1"), GOOD))
                .isEqualTo(new LimitedCaller(Kind.TICKET, "t1"));
        assertThat(LimitedCaller.of(request("/images/" + TOKEN, "192.0.2.1"), BAD))
                .isEqualTo(new LimitedCaller(Kind.ADDRESS, "192.0.2.1"));
        assertThat(LimitedCaller.of(request("/images/none", "192.0.2.1"), GOOD))
                .isEqualTo(new LimitedCaller(Kind.ADDRESS, "192.0.2.1"));
        assertThat(LimitedCaller.of(request("/drives", "192.0.2.1"), GOOD))
                .isEqualTo(new LimitedCaller(Kind.ADDRESS, "192.0.2.1"));
    }

    @Test
    void aNetworkOfIpVersion6IsOneCaller() {
        LimitedCaller one = LimitedCaller.of(request("/drives", "2001:db8:1:2:3:4:5:6"));
        assertThat(LimitedCaller.of(request("/drives", "2001:db8:1:2:ffff::1%eth0")))
                .isEqualTo(one);
        assertThat(LimitedCaller.of(request("/drives", "2001:db8:1:3::1"))).isNotEqualTo(one);
    }

    @Test
    void callersThatAreAsNewAreForgotten() {
        CallerBudgets budgets = new CallerBudgets(new CallerProperties(1, 1, new ByteSize(4096), 1, null, 0), 2);
        LimitedCaller busy = new LimitedCaller(Kind.ADDRESS, "192.0.2.1");
        budgets.of(busy).enter(new MockHttpServletResponse());
        budgets.of(new LimitedCaller(Kind.ADDRESS, "192.0.2.2"));
        for (int other = 3; other < 100; other++) {
            budgets.of(new LimitedCaller(Kind.ADDRESS, "192.0.2." + other));
            assertThat(budgets.size()).isLessThanOrEqualTo(2);
        }
        assertThat(budgets.of(busy).isUntouched()).isFalse();
    }
}
