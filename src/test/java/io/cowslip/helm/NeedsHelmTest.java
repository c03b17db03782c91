package io.cowslip.helm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;

final class NeedsHelmTest {

    @Test
    void disablesByNameWhereHelmIsMissing() {
        var result = NeedsHelm.Condition.decide(false, false);

        assertThat(result.isDisabled()).isTrue();
        assertThat(result.getReason())
                .hasValueSatisfying(reason -> assertThat(reason).contains("helm/check.sh fetch"));
    }

    @Test
    void failsWhereHelmIsMissingAndRequired() {
        assertThatIllegalStateException()
                .isThrownBy(() -> NeedsHelm.Condition.decide(false, true))
                .withMessageContaining("helm/check.sh fetch");
    }

    @Test
    void enablesWhereHelmIsThere() {
        assertThat(NeedsHelm.Condition.decide(true, true).isDisabled()).isFalse();
    }
}
