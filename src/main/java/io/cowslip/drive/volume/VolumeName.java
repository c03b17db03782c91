package io.cowslip.drive.volume;

import io.cowslip.access.Caller;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The rule for names of volumes: what may be asked for at all, before the host is looked at. */
public final class VolumeName {
    /** What the hosts' file systems allow for one segment. */
    private static final int MAX_SEGMENT_BYTES = 255;

    /** What the host allows for a whole path: PATH_MAX, less the byte that ends it. */
    static final int MAX_PATH_BYTES = 4095;

    /** More than the longest of the names of the files that are hidden beside a volume. */
    private static final int HIDDEN_BYTES = 255;

    /** How much of a volume's own name is in those. */
    private static final int SHOWN_CHARACTERS = 50;

    private VolumeName() {}

    /**
     * Refuses what cannot be a volume's name.
     *
     * @param folder the image root, which the name is relative to
     */
    static void check(String name, Path folder) throws ImageException {
        String fault = fault(name);
        if (fault != null) {
            throw ImageException.of(
                    Kind.FORBIDDEN, "the name of a volume " + fault + "; it is relative to the image root");
        }
        String excess = excess(name, folder);
        if (excess != null) {
            throw ImageException.of(Kind.INVALID_OPTION, "the name of a volume is too long: " + excess);
        }
        // By the name alone: an answer about the volumes of others would tell which there are.
        if (!Caller.reaches(name)) {
            throw ImageException.of(
                    Kind.FORBIDDEN,
                    "the caller may reach volumes beneath " + Caller.current().reach() + " alone");
        }
    }

    private static @Nullable String excess(String name, Path folder) {
        for (String segment : name.split("/", -1)) {
            if (bytes(segment) > MAX_SEGMENT_BYTES) {
                return "a segment of it has " + bytes(segment) + " bytes, and may have " + MAX_SEGMENT_BYTES;
            }
        }
        int most = MAX_PATH_BYTES - bytes(folder.toString()) - 1 - HIDDEN_BYTES;
        return bytes(name) > most ? "it has " + bytes(name) + " bytes, and may have " + most : null;
    }

    private static int bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    /** The beginning of a volume's own name, short enough for the name of a hidden file beside it. */
    public static String beginning(String last) {
        int points = last.codePointCount(0, last.length());
        return last.substring(0, last.offsetByCodePoints(0, Math.min(points, SHOWN_CHARACTERS)));
    }

    /** Whether a volume may have this name. */
    public static boolean isValid(String name) {
        return fault(name) == null;
    }

    private static @Nullable String fault(String name) {
        if (name.isEmpty()) {
            return "must not be empty";
        }
        if (hasControls(name)) {
            return "must not hold control characters";
        }
        if (name.startsWith("/")) {
            return "must not be absolute";
        }
        if (hasScheme(name)) {
            return "must not begin with a word and a colon, as protocols do";
        }
        for (String segment : name.split("/", -1)) {
            if (segment.isEmpty()) {
                return "must not hold empty segments";
            }
            // This takes in "." and "..": nothing hidden is a volume.
            if (segment.startsWith(".")) {
                return "must not hold segments that begin with a dot";
            }
        }
        return null;
    }

    static boolean hasControls(String name) {
        return name.chars().anyMatch(Character::isISOControl);
    }

    /** QEMU's test for protocols, {@code json:} included: a colon before the first slash. */
    static boolean hasScheme(String name) {
        int colon = name.indexOf(':');
        int slash = name.indexOf('/');
        return colon >= 0 && (slash < 0 || colon < slash);
    }
}
