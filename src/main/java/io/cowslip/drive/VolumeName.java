package io.cowslip.drive;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import org.jspecify.annotations.Nullable;

/** The rule for names of volumes: what may be asked for at all, before the host is looked at. */
final class VolumeName {
    private VolumeName() {}

    static void check(String name) throws ImageException {
        String fault = fault(name);
        if (fault != null) {
            throw ImageException.of(
                    Kind.FORBIDDEN, "the name of a volume " + fault + "; it is relative to the image root");
        }
    }

    static boolean isValid(String name) {
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
