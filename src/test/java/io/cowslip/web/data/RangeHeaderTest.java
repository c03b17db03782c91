package io.cowslip.web.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RangeHeaderTest {
    private static final long SIZE = 1000;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "bytes=0-99          | 0+100",
                "bytes=0-0           | 0+1",
                "BYTES=5-6           | 5+2",
                "bytes=900-          | 900+100",
                "bytes=990-2000      | 990+10",
                "bytes=-100          | 900+100",
                "bytes=-5000         | 0+1000",
                "bytes=0-99999999999999999999999 | 0+1000",
                "bytes=-99999999999999999999999  | 0+1000",
                "bytes=000000000000000000000001-2 | 1+2",
                "bytes=0-1,10-11     | 0+2 10+2",
                "bytes=10-11 , 0-1   | 0+2 10+2",
                "bytes=0-1,2-3       | 0+4",
                "bytes=0-50,20-30    | 0+51",
                "bytes=0-1,5000-     | 0+2",
                "bytes=,0-1,         | 0+2"
            })
    void windowsAreClippedSortedAndJoined(String header, String windows) {
        assertThat(RangeHeader.windows(header, SIZE))
                .hasValueSatisfying(found -> assertThat(found.stream()
                                .map(window -> window.start() + "+" + window.length())
                                .collect(Collectors.joining(" ")))
                        .isEqualTo(windows));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bytes=",
                "bytes=-",
                "bytes=a-b",
                "bytes=5-4",
                "bytes=0-1,5-4",
                "bytes 0-1",
                "items=0-1",
                "bytes=0--1",
                "bytes=1.5-2",
                "bytes=,,",
                "",
                "bytes=0-1;2-3"
            })
    void whatIsNoRangeIsIgnored(String header) {
        assertThat(RangeHeader.windows(header, SIZE)).isEmpty();
    }

    @Test
    void noHeaderIsTheWholeDisk() {
        assertThat(RangeHeader.windows(null, SIZE)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes=1000-", "bytes=-0", "bytes=99999999999999999999-", "bytes=1000-,2000-3000"})
    void whatLiesPastTheEndIsRefused(String header) {
        assertThatExceptionOfType(Refusal.class)
                .isThrownBy(() -> RangeHeader.windows(header, SIZE))
                .satisfies(refusal -> {
                    assertThat(refusal.type()).isEqualTo(ProblemType.RANGE_NOT_SATISFIABLE);
                    assertThat(refusal.headers().getFirst("Content-Range")).isEqualTo("bytes */1000");
                });
    }

    @Test
    void anythingOfAnEmptyDiskIsRefused() {
        assertThatExceptionOfType(Refusal.class).isThrownBy(() -> RangeHeader.windows("bytes=0-", 0));
    }

    @Test
    void sixteenRangesAreTakenAndSeventeenAreNot() {
        assertThat(RangeHeader.windows(ranges(16), SIZE))
                .hasValueSatisfying(found -> assertThat(found).hasSize(16));
        assertThatExceptionOfType(Refusal.class)
                .isThrownBy(() -> RangeHeader.windows(ranges(17), SIZE))
                .withMessageContaining("at most 16");
    }

    @Test
    void manyRangesOfTheSameBytesAreAFloodToo() {
        String header = "bytes=" + String.join(",", java.util.Collections.nCopies(17, "0-"));
        assertThatExceptionOfType(Refusal.class).isThrownBy(() -> RangeHeader.windows(header, SIZE));
    }

    private static String ranges(int count) {
        List<String> specs = IntStream.range(0, count)
                .mapToObj(i -> i * 10 + "-" + (i * 10 + 1))
                .toList();
        return "bytes=" + String.join(",", specs);
    }
}
