package io.cowslip.drive;

/** The name an open drive goes by: QEMU's rule for ids (a letter, then letters, digits, {@code - . _}), at most 64. */
public record DriveId(String value) {
    private static final int MAX_LENGTH = 64;

    /** @throws IllegalArgumentException saying the rule, where {@code value} does not keep it */
    public DriveId {
        if (!isPossible(value)) {
            throw new IllegalArgumentException(
                    "\"" + value
                            + "\" is no drive id: it takes a letter, then up to 63 letters, digits, dashes, dots or underscores");
        }
    }

    /** Whether {@code value} keeps the rule. Asked for every request, so it is spelled out instead of a pattern. */
    public static boolean isPossible(String value) {
        if (value.isEmpty() || value.length() > MAX_LENGTH || !isLetter(value.charAt(0))) {
            return false;
        }
        for (int index = 1; index < value.length(); index++) {
            char next = value.charAt(index);
            if (!isLetter(next) && (next < '0' || next > '9') && next != '-' && next != '.' && next != '_') {
                return false;
            }
        }
        return true;
    }

    private static boolean isLetter(char value) {
        return (value >= 'A' && value <= 'Z') || (value >= 'a' && value <= 'z');
    }

    @Override
    public String toString() {
        return value;
    }
}
