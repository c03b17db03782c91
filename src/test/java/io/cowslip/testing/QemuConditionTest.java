package io.cowslip.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;

final class QemuConditionTest {

    @Test
    void disablesByNameWhereTheToolsAreMissing() {
        var result = QemuCondition.decide(false, false);

        assertThat(result.isDisabled()).isTrue();
        assertThat(result.getReason())
                .hasValueSatisfying(reason -> assertThat(reason).contains("install qemu-utils"));
    }

    @Test
    void failsWhereTheToolsAreMissingAndRequired() {
        assertThatIllegalStateException()
                .isThrownBy(() -> QemuCondition.decide(false, true))
                .withMessageContaining("install qemu-utils");
    }

    @Test
    void enablesWhereTheToolsAreThere() {
        assertThat(QemuCondition.decide(true, true).isDisabled()).isFalse();
    }
}
