package io.cowslip.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.cowslip.engine.ImageException.Kind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SizeTextTest {

    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "1, 1",
        "512b, 512",
        "64k, 65536",
        "64K, 65536",
        "2M, 2097152",
        "1.5M, 1572864",
        "0.5k, 512",
        "0.0001k, 0",
        "1G, 1073741824",
        "3T, 3298534883328",
        "1p, 1125899906842624",
        "7E, 8070450532247928832",
        "9223372036854775807, 9223372036854775807",
        "8E, 9223372036854775807",
        "15.9E, 9223372036854775807",
        "18446744073709551615, 9223372036854775807"
    })
    void readsWhatQemuReads(String text, long bytes) throws ImageException {
        assertThat(SizeText.parse("cache-size", text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "abc",
                "K",
                "-1",
                "-1K",
                "+1",
                "1 K",
                "1KB",
                "1KiB",
                "1Z",
                "0x10",
                "1e3",
                ".5M",
                "1.",
                "1.M",
                "16E",
                "18446744073709551616",
                "٣",
                "99999999999999999999999999999999999999999999999999E"
            })
    void refusesTheRestAndNamesTheOption(String text) {
        ImageException refusal =
                catchThrowableOfType(ImageException.class, () -> SizeText.parse("l2-cache-size", text));

        assertThat(refusal.kind()).isEqualTo(Kind.INVALID_OPTION);
        assertThat(refusal.option()).isEqualTo("l2-cache-size");
        assertThat(refusal).hasMessageStartingWith("l2-cache-size is \"");
    }

    @Test
    void aLongTextIsNotRepeatedWhole() {
        ImageException refusal =
                catchThrowableOfType(ImageException.class, () -> SizeText.parse("cache-size", "9".repeat(100_000)));

        assertThat(refusal.getMessage()).hasSizeLessThan(200);
    }
}
