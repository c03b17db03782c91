package io.cowslip.web.json;

/** Numbers in headers, where any count of digits is good grammar. */
public final class DecimalDigits {
    private static final int DIGITS_THAT_FIT = 18;

    private DecimalDigits() {}

    /** The value of {@code digits}, or {@link Long#MAX_VALUE} where it does not fit: past the end of any disk. */
    public static long clamped(String digits) {
        String significant = digits.replaceFirst("^0+(?=.)", "");
        return significant.length() > DIGITS_THAT_FIT ? Long.MAX_VALUE : Long.parseLong(significant);
    }
}
