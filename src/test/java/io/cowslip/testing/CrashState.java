package io.cowslip.testing;

/**
 * One way to lose power: after {@code point} operations of the log, with {@code pick} saying which of the operations
 * that no sync covers reached the disk. {@link #ALL} and {@link #NONE} of them; else a random choice.
 */
public record CrashState(int point, long pick) {
    static final long ALL = 0;
    static final long NONE = 1;

    /** As in {@code -Dcowslip.crash}. */
    @Override
    public String toString() {
        return point + ":" + pick;
    }

    static CrashState parse(String text) {
        int colon = text.indexOf(':');
        return new CrashState(Integer.parseInt(text.substring(0, colon)), Long.parseLong(text.substring(colon + 1)));
    }
}
