package io.cowslip.engine;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Sizes as QEMU writes them: a number of bytes, or one with a binary suffix, in either case: {@code b} for bytes,
 * {@code k}, {@code M}, {@code G}, {@code T}, {@code P}, {@code E} for powers of 1024. Decimals are allowed
 * ({@code "1.5M"}); what they come to below a byte is dropped.
 */
public final class SizeText {
    private static final String SUFFIXES = "bkmgtpe";

    // Longer numbers are out of range, or are sent to keep somebody busy.
    private static final int MAX_CHARACTERS = 40;

    private static final Pattern SYNTAX = Pattern.compile("(\\d+)(\\.\\d+)?([bkmgtpe])?", Pattern.CASE_INSENSITIVE);
    private static final BigInteger LIMIT = BigInteger.ONE.shiftLeft(64);
    private static final BigInteger LARGEST = BigInteger.valueOf(Long.MAX_VALUE);

    private SizeText() {}

    /**
     * The bytes that {@code text} stands for. Sizes from 2^63 to 2^64, which QEMU reads, become
     * {@link Long#MAX_VALUE}: no size of anything here comes near either, so what compares with them compares alike.
     *
     * @param option the option that has the value, as QEMU spells it
     * @throws ImageException INVALID_OPTION for what is no size, is negative, or is 2^64 and more
     */
    public static long parse(String option, String text) throws ImageException {
        Matcher matcher = SYNTAX.matcher(text);
        if (text.length() > MAX_CHARACTERS || !matcher.matches()) {
            throw ImageException.invalidOption(
                    option,
                    option + " is " + quoted(text)
                            + "; it must be a number of bytes, or one with a suffix, such as \"64K\" or \"1.5M\"");
        }
        String suffix = matcher.group(3) == null ? "b" : matcher.group(3).toLowerCase(Locale.ROOT);
        String fraction = matcher.group(2) == null ? "" : matcher.group(2);
        BigDecimal unit = new BigDecimal(BigInteger.ONE.shiftLeft(10 * SUFFIXES.indexOf(suffix)));
        BigInteger bytes =
                new BigDecimal(matcher.group(1) + fraction).multiply(unit).toBigInteger();
        if (bytes.compareTo(LIMIT) >= 0) {
            throw ImageException.invalidOption(
                    option, option + " is " + quoted(text) + "; it must be less than 2^64 bytes");
        }
        return bytes.min(LARGEST).longValueExact();
    }

    private static String quoted(String text) {
        return "\"" + (text.length() > MAX_CHARACTERS ? text.substring(0, MAX_CHARACTERS) + "…" : text) + "\"";
    }
}
