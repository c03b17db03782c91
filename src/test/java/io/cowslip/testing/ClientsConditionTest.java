package io.cowslip.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.List;
import org.junit.jupiter.api.Test;

class ClientsConditionTest {

    @Test
    void runsWhereAllIsThere() {
        assertThat(ClientsCondition.decide(List.of(), true).isDisabled()).isFalse();
    }

    @Test
    void skipsByNameWhereSomethingIsMissing() {
        assertThat(ClientsCondition.decide(List.of("nbdkit", "rclone"), false).getReason())
                .contains("programs are missing: install nbdkit rclone");
    }

    @Test
    void failsWhereItIsRequired() {
        assertThatIllegalStateException()
                .isThrownBy(() -> ClientsCondition.decide(List.of("curl"), true))
                .withMessageContaining("install curl");
    }
}
