package io.cowslip.ticket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.drive.DriveId;
import io.cowslip.ticket.TicketException.Reason;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** How long tickets are good for, and what the catalogue hears of them, by a clock that is set by hand. */
class TicketStoreTest {
    private static final DriveId DRIVE = new DriveId("root");

    private final MemoryCatalog catalog = new MemoryCatalog();
    private final Random random = new Random(3);
    private Instant now = Instant.parse("2026-01-01T00:00:00Z");
    private TicketStore store = new TicketStore(catalog, () -> now, 3);

    /** Remembers what it was told. */
    private static final class MemoryCatalog implements TicketCatalog {
        private final Map<TicketId, Ticket> kept = new LinkedHashMap<>();
        private int saves;
        private boolean broken;

        private void requireWorking() {
            if (broken) {
                throw new TicketException(Reason.UNAVAILABLE, "broken");
            }
        }

        @Override
        public List<Ticket> load() {
            return new ArrayList<>(kept.values());
        }

        @Override
        public void save(Ticket ticket) {
            requireWorking();
            saves++;
            kept.put(ticket.id(), ticket);
        }

        @Override
        public void remove(TicketId id) {
            requireWorking();
            kept.remove(id);
        }
    }

    private TicketToken issue(DriveId drive, int timeoutSeconds, @Nullable Duration inactivity) {
        TicketToken token = TicketToken.random(random);
        TicketRequest request = new TicketRequest(
                Set.of(TicketOperation.READ), null, Duration.ofSeconds(timeoutSeconds), inactivity, null);
        TicketId id = new TicketId("t" + random.nextInt(1_000_000));
        store.add(new Ticket(id, token.digest(), drive, request, now, now, false));
        return token;
    }

    private void pass(int seconds) {
        now = now.plusSeconds(seconds);
    }

    private LiveTicket live(TicketToken token) {
        return Objects.requireNonNull(store.find(token));
    }

    private boolean use(TicketToken token) {
        LiveTicket live = store.find(token);
        if (live == null || !live.enter(now)) {
            return false;
        }
        live.leave(now);
        return true;
    }

    @Test
    void tokensAreLongAndNeverTheSame() {
        String one = TicketToken.random(random).value();
        assertThat(one)
                .matches("[A-Za-z0-9_-]{43}")
                .isNotEqualTo(TicketToken.random(random).value());
        assertThat(TicketToken.isPossible(one)).isTrue();
        assertThat(TicketToken.of(one).digest()).isEqualTo(TicketToken.of(one).digest());
        assertThat(TicketToken.of(one)).asString().doesNotContain(one);
    }

    @Test
    void aTicketThatIsNotUsedEnds() {
        TicketToken token = issue(DRIVE, 300, null);
        pass(299);
        assertThat(live(token).hasEnded(now)).isFalse();
        pass(1);
        assertThat(use(token)).isFalse();
        assertThat(store.open()).isEmpty();
    }

    @Test
    void useProlongs() {
        TicketToken token = issue(DRIVE, 300, null);
        for (int round = 0; round < 10; round++) {
            pass(299);
            assertThat(use(token)).isTrue();
        }
        pass(300);
        assertThat(use(token)).isFalse();
    }

    @Test
    void aRequestUnderWayKeepsItFromEnding() {
        TicketToken token = issue(DRIVE, 10, null);
        assertThat(live(token).enter(now)).isTrue();
        pass(1000);
        assertThat(use(token)).isTrue();
        live(token).leave(now);
        pass(9);
        assertThat(use(token)).isTrue();
    }

    @Test
    void onceUsedItEndsWhenItsClientIsInactive() {
        TicketToken token = issue(DRIVE, 300, Duration.ofSeconds(20));
        pass(200);
        assertThat(use(token)).isTrue();
        pass(19);
        assertThat(use(token)).isTrue();
        pass(20);
        assertThat(use(token)).isFalse();
    }

    @Test
    void anExtensionCountsFromNow() {
        TicketToken token = issue(DRIVE, 300, Duration.ofSeconds(20));
        use(token);
        pass(10);
        assertThat(store.extend(live(token), Duration.ofHours(1))).isTrue();
        pass(3599);
        assertThat(use(token)).isTrue();
        pass(20);
        assertThat(store.extend(live(token), Duration.ofHours(1))).isFalse();
    }

    @Test
    void aCancelledTicketOpensNothingAndIsNotSavedAgain() {
        TicketToken token = issue(DRIVE, 300, null);
        LiveTicket live = live(token);
        assertThat(live.enter(now)).isTrue();
        store.cancel(live);
        assertThat(live.enter(now)).isFalse();
        pass(200);
        live.leave(now);
        store.keepUp();
        store.saveAll();
        assertThat(catalog.kept).isEmpty();
        assertThat(store.find(live.ticket().id().value())).isNull();
    }

    @Test
    void aCancelledTicketIsWaitedForAndCutOff() throws InterruptedException {
        LiveTicket live = live(issue(DRIVE, 300, null));
        assertThat(live.enter(now)).isTrue();
        live.cancel();
        assertThat(live.awaitUnused(Duration.ofMillis(20))).isEqualTo(1);
        live.requireNotCutOff();
        live.cutOff();
        assertThatExceptionOfType(TicketException.class).isThrownBy(live::requireNotCutOff);
        Thread.ofPlatform().start(() -> live.leave(now));
        assertThat(live.awaitUnused(Duration.ofSeconds(20))).isZero();
    }

    @Test
    void ticketsEndWithTheirDrive() {
        TicketToken token = issue(DRIVE, 300, null);
        TicketToken other = issue(new DriveId("other"), 300, null);
        store.dismissed(DRIVE);
        assertThat(use(token)).isFalse();
        assertThat(use(other)).isTrue();
        assertThat(catalog.kept).hasSize(1);
    }

    @Test
    void theCatalogueHearsOfUseNowAndThen() {
        TicketToken token = issue(DRIVE, 300, null);
        for (int second = 0; second < 150; second++) {
            pass(1);
            use(token);
            store.keepUp();
        }
        assertThat(catalog.saves).isEqualTo(1 + 2);
    }

    @Test
    void whatTheCatalogueKeptIsGoodForAsLongAsItWas() {
        TicketToken token = issue(DRIVE, 300, null);
        TicketToken forgotten = issue(DRIVE, 100, null);
        pass(50);
        use(token);
        store.saveAll();
        store = new TicketStore(catalog, () -> now, 3);
        store.load(drive -> true);
        pass(299);
        assertThat(use(forgotten)).isFalse();
        assertThat(use(token)).isTrue();
        assertThat(catalog.kept.toString()).doesNotContain(token.value());
    }

    /** A catalogue that cannot be written refuses what is asked, and nothing has changed; only an end is one all the same. */
    @Test
    void whatCannotBeKeptIsRefused() {
        TicketToken token = issue(DRIVE, 300, null);
        catalog.broken = true;
        assertThatExceptionOfType(TicketException.class).isThrownBy(() -> issue(DRIVE, 300, null));
        assertThatExceptionOfType(TicketException.class)
                .isThrownBy(() -> store.extend(live(token), Duration.ofHours(1)));
        assertThat(store.open()).hasSize(1);
        assertThat(live(token).ticket().expires()).isEqualTo(now.plusSeconds(300));
        store.dismissed(DRIVE);
        assertThat(use(token)).isFalse();
        catalog.broken = false;
        store.keepUp();
        assertThat(catalog.kept).isEmpty();
    }

    /** Such as an ephemeral one: what is opened under its id later is not what the ticket was for. */
    @Test
    void aTicketOfADriveThatIsGoneIsGone() {
        TicketToken token = issue(new DriveId("gone"), 300, null);
        store = new TicketStore(catalog, () -> now, 3);
        store.load(drive -> !drive.value().equals("gone"));
        assertThat(store.find(token)).isNull();
        assertThat(catalog.kept).isEmpty();
    }

    @Test
    void thereAreNoMoreThanMayBe() {
        issue(DRIVE, 10, null);
        issue(DRIVE, 300, null);
        issue(DRIVE, 300, null);
        assertThatExceptionOfType(TicketException.class)
                .isThrownBy(() -> issue(DRIVE, 300, null))
                .satisfies(full -> assertThat(full.reason()).isEqualTo(Reason.LIMIT_REACHED));
        pass(10);
        issue(DRIVE, 300, null);
        assertThat(store.open()).hasSize(3);
    }
}
