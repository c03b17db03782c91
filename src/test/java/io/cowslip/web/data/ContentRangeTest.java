package io.cowslip.web.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ContentRangeTest {
    private static final long SIZE = 1000;

    @ParameterizedTest
    @CsvSource({"bytes 0-99/*,0,100", "bytes 0-0/1000,0,1", "BYTES  999-999/*,999,1"})
    void saysWhereAWriteGoes(String header, long start, long length) {
        assertThat(ContentRange.window(header, SIZE)).isEqualTo(new ByteWindow(start, length));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bytes 0-99",
                "bytes */1000",
                "bytes=0-99/*",
                "bytes 99-0/*",
                "bytes 0-99/999",
                "bytes -5/*",
                "bytes 0-/*",
                "items 0-99/*",
                "",
                "bytes 0-99/*, bytes 100-199/*"
            })
    void anythingElseIsRefused(String header) {
        assertThatExceptionOfType(Refusal.class)
                .isThrownBy(() -> ContentRange.window(header, SIZE))
                .satisfies(refusal -> assertThat(refusal.type()).isEqualTo(ProblemType.INVALID_RANGE));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"bytes 0-1000/*", "bytes 1000-1000/*", "bytes 0-99999999999999999999/*", "bytes 999-1000/1000"})
    void aWritePastTheEndIsNotSatisfiable(String header) {
        assertThatExceptionOfType(Refusal.class)
                .isThrownBy(() -> ContentRange.window(header, SIZE))
                .satisfies(refusal -> assertThat(refusal.type()).isEqualTo(ProblemType.RANGE_NOT_SATISFIABLE));
    }
}
