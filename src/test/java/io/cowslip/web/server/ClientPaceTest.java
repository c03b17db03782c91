package io.cowslip.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.drive.ByteSize;
import io.cowslip.drive.LimitProperties;
import io.cowslip.web.server.SlowClients.Scarcity;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** What slow is, by a clock that is moved by hand. */
class ClientPaceTest {
    private static final Scarcity NONE = new Scarcity(false, false);
    private static final Scarcity THREADS = new Scarcity(true, false);
    private static final Scarcity CONNECTIONS = new Scarcity(false, true);

    private final AtomicLong clock = new AtomicLong(-5);
    private final ClientPace pace = new ClientPace(clock::get, 1000);
    private final SlowClients clients = new SlowClients(
            new LimitProperties(
                    Duration.ofSeconds(60),
                    new ByteSize(1000),
                    Duration.ofSeconds(60),
                    Duration.ofSeconds(10),
                    new ByteSize(1),
                    null),
            limit -> {});

    private void pass(double seconds) {
        clock.addAndGet((long) (seconds * 1e9));
    }

    @Test
    void aHeadHasItsTimeFromItsFirstByte() {
        pass(59);
        assertThat(clients.limitReached(pace, NONE)).isNull();
        pass(2);
        assertThat(clients.limitReached(pace, NONE)).isEqualTo("head-timeout");
        pace.begin();
        pace.idle();
        pass(500);
        pace.queued();
        pace.taken();
        assertThat(clients.limitReached(pace, NONE)).isNull();
        pass(59);
        pace.queued();
        pace.taken();
        pace.expectHead();
        pass(2);
        assertThat(clients.limitReached(pace, NONE)).isEqualTo("head-timeout");
    }

    @Test
    void whoWaitsForAThreadIsNotSlow() {
        pass(30);
        pace.queued();
        pass(1000);
        assertThat(clients.limitReached(pace, NONE)).isNull();
        pace.taken();
        pass(29);
        assertThat(clients.limitReached(pace, NONE)).isNull();
        pass(2);
        assertThat(clients.limitReached(pace, NONE)).isEqualTo("head-timeout");
    }

    @Test
    void silenceIsBorneForAsLongAsTheGraceIs() {
        pace.begin();
        pace.waiting();
        pass(60);
        assertThat(clients.limitReached(pace, NONE)).isNull();
        assertThat(clients.limitReached(pace, THREADS)).isEqualTo("min-rate");
        pass(1);
        assertThat(clients.limitReached(pace, NONE)).isEqualTo("min-rate");
    }

    @Test
    void whoIsSlowerThanTheRateComesToTheEndOfTheGrace() {
        pace.begin();
        int seconds = 0;
        while (clients.limitReached(pace, NONE) == null) {
            pace.waiting();
            pass(1);
            pace.moved(500);
            seconds++;
        }
        assertThat(seconds).isEqualTo(121);
    }

    @Test
    void whoKeepsTheRateMayGoOnForEver() {
        AtomicLong spent = new AtomicLong();
        pace.begin();
        assertThat(pace.mostAtOnceBytes()).isEqualTo(Long.MAX_VALUE);
        pace.spend(spent::addAndGet);
        assertThat(pace.mostAtOnceBytes()).isEqualTo(256 << 10);
        for (int second = 0; second < 10_000; second++) {
            pace.waiting();
            pass(1);
            pace.moved(1000);
            assertThat(clients.limitReached(pace, THREADS)).isNull();
        }
        assertThat(spent).hasValue(10_000_000);
    }

    @Test
    void whatWasFastIsNoCredit() {
        pace.begin();
        pace.waiting();
        pace.moved(1L << 40);
        pace.waiting();
        pass(61);
        assertThat(clients.limitReached(pace, NONE)).isEqualTo("min-rate");
    }

    @Test
    void theServicesOwnTimeCostsNothing() {
        pace.begin();
        pace.waiting();
        pass(1);
        pace.moved(1);
        pass(100_000);
        assertThat(clients.limitReached(pace, THREADS)).isNull();
    }

    @Test
    void idleConnectionsStayWhereThereAreEnough() {
        pace.begin();
        pace.idle();
        pass(10_000);
        assertThat(clients.limitReached(pace, NONE)).isNull();
        assertThat(clients.limitReached(pace, THREADS)).isNull();
        assertThat(clients.limitReached(pace, CONNECTIONS)).isEqualTo("connections");
    }

    @Test
    void anyByteIsEnoughWithoutARate() {
        ClientPace any = new ClientPace(clock::get, 0);
        any.begin();
        any.waiting();
        pass(59);
        any.moved(1);
        assertThat(any.debtNanos()).isZero();
        any.waiting();
        pass(61);
        assertThat(clients.limitReached(any, NONE)).isEqualTo("min-rate");
    }
}
