package io.cowslip.web.data;

import io.cowslip.web.json.DecimalDigits;
import io.cowslip.web.problem.Refusal;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * {@code Range} (RFC 9110, 14.2). A header that breaks the grammar or names another unit is ignored, as the RFC asks; a
 * well-formed one that leaves nothing to send is refused. Windows that touch are joined, and only so many are taken, so that a small request cannot ask for one disk many times over.
 */
final class RangeHeader {
    /** What one request may ask for. */
    static final int MAX_RANGES = 16;

    private static final Pattern HEADER = Pattern.compile("(?i:bytes)=(.*)");
    private static final Pattern SPEC = Pattern.compile("(\\d+)-(\\d*)|-(\\d+)");

    private RangeHeader() {}

    /** The windows asked for, in disk order; empty: all of the disk. */
    static Optional<List<ByteWindow>> windows(@Nullable String header, long sizeBytes) {
        return windows(header, sizeBytes, MAX_RANGES);
    }

    /** The same. More than {@code maxRanges} are refused. */
    static Optional<List<ByteWindow>> windows(@Nullable String header, long sizeBytes, int maxRanges) {
        if (header == null) {
            return Optional.empty();
        }
        Matcher matcher = HEADER.matcher(header.strip());
        return matcher.matches() ? ofSpecs(matcher.group(1), sizeBytes, maxRanges) : Optional.empty();
    }

    private static Optional<List<ByteWindow>> ofSpecs(String list, long sizeBytes, int maxRanges) {
        List<ByteWindow> satisfiable = new ArrayList<>();
        int specs = 0;
        for (String spec : list.split(",", -1)) {
            if (spec.isBlank()) {
                continue;
            }
            Matcher matcher = SPEC.matcher(spec.strip());
            if (!matcher.matches() || backwards(matcher)) {
                return Optional.empty();
            }
            specs++;
            window(matcher, sizeBytes).ifPresent(satisfiable::add);
        }
        if (specs == 0) {
            return Optional.empty();
        }
        refuseFlood(specs, sizeBytes, maxRanges);
        if (satisfiable.isEmpty()) {
            throw Refusal.offDisk(sizeBytes, "Range asks for nothing that lies on the disk of " + sizeBytes + " bytes");
        }
        return Optional.of(joined(satisfiable));
    }

    private static void refuseFlood(int specs, long sizeBytes, int maxRanges) {
        if (specs > maxRanges) {
            throw Refusal.offDisk(sizeBytes, "Range has " + specs + " ranges; one request takes at most " + maxRanges);
        }
    }

    private static boolean backwards(Matcher spec) {
        return spec.group(1) != null
                && !spec.group(2).isEmpty()
                && DecimalDigits.clamped(spec.group(2)) < DecimalDigits.clamped(spec.group(1));
    }

    private static Optional<ByteWindow> window(Matcher spec, long sizeBytes) {
        if (spec.group(3) != null) {
            long length = Math.min(DecimalDigits.clamped(spec.group(3)), sizeBytes);
            return length == 0 ? Optional.empty() : Optional.of(new ByteWindow(sizeBytes - length, length));
        }
        long first = DecimalDigits.clamped(spec.group(1));
        if (first >= sizeBytes) {
            return Optional.empty();
        }
        long last = spec.group(2).isEmpty() ? Long.MAX_VALUE : DecimalDigits.clamped(spec.group(2));
        return Optional.of(ByteWindow.ofBounds(first, Math.min(last, sizeBytes - 1)));
    }

    private static List<ByteWindow> joined(List<ByteWindow> windows) {
        windows.sort(Comparator.comparingLong(ByteWindow::start));
        List<ByteWindow> joined = new ArrayList<>();
        for (ByteWindow window : windows) {
            if (!joined.isEmpty() && joined.getLast().touches(window)) {
                joined.add(joined.removeLast().join(window));
            } else {
                joined.add(window);
            }
        }
        return List.copyOf(joined);
    }
}
