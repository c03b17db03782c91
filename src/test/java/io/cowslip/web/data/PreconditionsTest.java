package io.cowslip.web.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;

import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.mock.web.MockHttpServletRequest;

class PreconditionsTest {
    private static final String VERSION = "v7";

    @ParameterizedTest
    @ValueSource(strings = {"\"v7\"", "*", "\"v6\", \"v7\""})
    void ifMatchHolds(String header) {
        assertThatNoException().isThrownBy(() -> Preconditions.checkChange(with("If-Match", header), VERSION));
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"v6\"", "W/\"v7\"", "v7", "\"\""})
    void ifMatchFails(String header) {
        assertThatExceptionOfType(Refusal.class)
                .isThrownBy(() -> Preconditions.checkChange(with("If-Match", header), VERSION))
                .satisfies(refusal -> {
                    assertThat(refusal.type()).isEqualTo(ProblemType.PRECONDITION_FAILED);
                    assertThat(refusal.headers().getFirst("ETag")).isEqualTo("\"v7\"");
                });
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"v7\"", "W/\"v7\"", "*", "\"v6\", \"v7\""})
    void ifNoneMatchMeansNotModifiedForReadsAndFailureForChanges(String header) {
        assertThat(Preconditions.notModified(with("If-None-Match", header), VERSION))
                .isTrue();
        assertThatExceptionOfType(Refusal.class)
                .isThrownBy(() -> Preconditions.checkChange(with("If-None-Match", header), VERSION));
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"v6\"", "W/\"v6\""})
    void anotherTagIsNoMatch(String header) {
        assertThat(Preconditions.notModified(with("If-None-Match", header), VERSION))
                .isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"W/\"v7\"", "\"v6\"", "v7", "Tue, 24 Nov 2026 00:00:00 GMT"})
    void ifRangeTakesOnlyTheVeryTag(String header) {
        assertThat(Preconditions.rangeApplies(with("If-Range", header), VERSION))
                .isFalse();
        assertThat(Preconditions.rangeApplies(with("If-Range", "\"v7\""), VERSION))
                .isTrue();
    }

    private static MockHttpServletRequest with(String name, String value) {
        MockHttpServletRequest request = new MockHttpServletRequest();
        request.addHeader(name, value);
        return request;
    }
}
