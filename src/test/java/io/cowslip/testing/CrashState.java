package io.cowslip.testing;

import java.util.Locale;

/**
 * One way to lose power: after {@code point} operations of the log, with {@code loss} and {@code number} saying which of
 * the operations that no sync covers did not reach the disk.
 */
public record CrashState(int point, Loss loss, long number) {

    /** What of the pending operations is lost. */
    enum Loss {
        NOTHING,
        ALL,
        /** One operation, the {@code number}th: finds what had to come before something else. */
        ONE,
        /** All but the {@code number}th: finds what had to come after something else. */
        ALL_BUT_ONE,
        /** Whole operations by chance, with {@code number} as the seed. */
        OPERATIONS,
        /** Sectors by chance, with {@code number} as the seed. */
        SECTORS
    }

    /** As in {@code -Dcowslip.crash}. */
    @Override
    public String toString() {
        return point + ":" + loss.name().toLowerCase(Locale.ROOT) + ":" + number;
    }

    static CrashState parse(String text) {
        String[] parts = text.split(":", -1);
        return new CrashState(
                Integer.parseInt(parts[0]), Loss.valueOf(parts[1].toUpperCase(Locale.ROOT)), Long.parseLong(parts[2]));
    }
}
