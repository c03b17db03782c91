package io.cowslip.drive;

import java.util.regex.Pattern;

/** The name an open drive goes by: QEMU's rule for ids (a letter, then letters, digits, {@code - . _}), at most 64. */
public record DriveId(String value) {
    private static final Pattern RULE = Pattern.compile("[A-Za-z][A-Za-z0-9._-]{0,63}");

    public DriveId {
        if (!RULE.matcher(value).matches()) {
            throw new IllegalArgumentException(
                    "\"" + value
                            + "\" is no drive id: it takes a letter, then up to 63 letters, digits, dashes, dots or underscores");
        }
    }

    @Override
    public String toString() {
        return value;
    }
}
