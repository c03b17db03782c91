package io.cowslip.web.data;

import io.cowslip.web.json.DecimalDigits;
import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code Content-Range} of a write: {@code bytes first-last/*}, or with the disk's size in place of the star. */
final class ContentRange {
    private static final Pattern HEADER = Pattern.compile("(?i:bytes) +(\\d+)-(\\d+)/(\\d+|\\*)");

    private ContentRange() {}

    /** The window that the header names on a disk of {@code sizeBytes}. */
    static ByteWindow window(String header, long sizeBytes) {
        Matcher matcher = HEADER.matcher(header.strip());
        if (!matcher.matches()) {
            throw unusable(header, "it takes \"bytes first-last/*\"");
        }
        long first = DecimalDigits.clamped(matcher.group(1));
        long last = DecimalDigits.clamped(matcher.group(2));
        if (last < first) {
            throw unusable(header, "its last byte comes before its first");
        }
        if (!matcher.group(3).equals("*") && DecimalDigits.clamped(matcher.group(3)) != sizeBytes) {
            throw unusable(header, "the disk has " + sizeBytes + " bytes; give that or *");
        }
        if (last >= sizeBytes) {
            throw Refusal.offDisk(
                    sizeBytes,
                    "Content-Range \"" + header + "\" passes the end of the disk of " + sizeBytes + " bytes");
        }
        return ByteWindow.ofBounds(first, last);
    }

    private static Refusal unusable(String header, String why) {
        return Refusal.of(ProblemType.INVALID_RANGE, "Content-Range is \"" + header + "\"; " + why);
    }
}
