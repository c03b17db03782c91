package io.cowslip.engine.alloc;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Freed clusters come out once the barrier has passed and the requests begun before that are over. */
final class QuarantineTest {
    private final InFlightRequests requests = new InFlightRequests();
    private final Quarantine quarantine = new Quarantine(requests);

    @Test
    void nothingComesOutBeforeTheBarrier() {
        quarantine.add(10, 1, false);
        assertThat(quarantine.takeReusable()).isEmpty();
        assertThat(quarantine.isEmpty()).isFalse();
        passBarrier();
        assertThat(quarantine.isEmpty()).isFalse();
        assertThat(quarantine.takeReusable()).containsExactly(new Quarantine.Freed(10, 1, false));
        assertThat(quarantine.isEmpty()).isTrue();
        assertThat(quarantine.takeReusable()).isEmpty();
    }

    @Test
    void nothingComesOutWhileRequestsThatMayKnowItGoOn() {
        int request = requests.enter();
        quarantine.add(10, 2, false);
        passBarrier();
        assertThat(quarantine.takeReusable()).isEmpty();
        int late = requests.enter();
        requests.leave(request);
        assertThat(quarantine.takeReusable()).containsExactly(new Quarantine.Freed(10, 2, false));
        requests.leave(late);
    }

    /** The pointer went with the freeing, but what counts is who began before the barrier passed: the safe side. */
    @Test
    void batchesKeepTheirOrder() {
        quarantine.add(10, 1, false);
        passBarrier();
        int request = requests.enter();
        quarantine.add(20, 1, false);
        passBarrier();
        quarantine.add(30, 1, false);
        assertThat(quarantine.takeReusable().stream().map(Quarantine.Freed::firstCluster))
                .doesNotContain(20L, 30L);
        requests.leave(request);
        assertThat(quarantine.takeReusable().stream().map(Quarantine.Freed::firstCluster))
                .contains(20L)
                .doesNotContain(30L);
        passBarrier();
        assertThat(quarantine.takeReusable()).containsExactly(new Quarantine.Freed(30, 1, false));
    }

    @Test
    void neighboursOfOneKindBecomeOneRun() {
        quarantine.add(10, 2, true);
        quarantine.add(12, 1, true);
        quarantine.add(13, 1, false);
        quarantine.add(14, 1, true);
        quarantine.add(14, 1, true);
        passBarrier();
        assertThat(quarantine.takeReusable())
                .containsExactly(
                        new Quarantine.Freed(10, 3, true),
                        new Quarantine.Freed(13, 1, false),
                        new Quarantine.Freed(14, 1, true),
                        new Quarantine.Freed(14, 1, true));
    }

    @Test
    void aBarrierOverNothingIsNoBatch() {
        int request = requests.enter();
        passBarrier();
        assertThat(quarantine.isEmpty()).isTrue();
        requests.leave(request);
    }

    /** A flush lets others go on while its last sync is under way: what they free is for the next one. */
    @Test
    void whatIsFreedWhileTheBarrierIsSyncedWaitsForTheNext() {
        quarantine.add(10, 1, false);
        quarantine.barrierWritten();
        quarantine.add(20, 1, false);
        assertThat(quarantine.takeReusable()).isEmpty();
        quarantine.barrierSynced();
        assertThat(quarantine.takeReusable()).containsExactly(new Quarantine.Freed(10, 1, false));
        quarantine.barrierSynced();
        assertThat(quarantine.takeReusable()).isEmpty();
        assertThat(quarantine.isEmpty()).isFalse();
        passBarrier();
        assertThat(quarantine.takeReusable()).containsExactly(new Quarantine.Freed(20, 1, false));
    }

    private void passBarrier() {
        quarantine.barrierWritten();
        quarantine.barrierSynced();
    }
}
