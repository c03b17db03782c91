package io.cowslip.web;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.GuestExtent;
import jakarta.servlet.ServletOutputStream;
import java.io.IOException;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** The extents of one window of a disk, in order and without gaps, neighbours that are alike made one. */
final class ExtentListing implements ExtentPages {
    private static final long FIRST_REACH_BYTES = 64 << 20;
    private static final long MIN_REACH_BYTES = 64 << 10;

    private final DiskImage image;
    private final long end;
    private @Nullable GuestExtent ahead;
    private long position;
    private long reach = FIRST_REACH_BYTES;

    /** Where extents come from, one after the other; null after the last. */
    interface Source {
        @Nullable
        Record next() throws IOException;
    }

    ExtentListing(DiskImage image, ByteWindow window) {
        this.image = image;
        this.position = window.start();
        this.end = window.end();
    }

    @Override
    public @Nullable GuestExtent next() throws IOException {
        GuestExtent current = ahead == null ? lookUp() : ahead;
        ahead = null;
        while (current != null) {
            GuestExtent following = lookUp();
            if (following == null || !alike(current, following)) {
                ahead = following;
                return current;
            }
            current = new GuestExtent(
                    current.start(), current.length() + following.length(), current.zero(), current.hole());
        }
        return null;
    }

    @Override
    public long end() {
        return end;
    }

    @Override
    public OptionalLong nextStart() {
        if (ahead != null) {
            return OptionalLong.of(ahead.start());
        }
        return position < end ? OptionalLong.of(position) : OptionalLong.empty();
    }

    /** Writes extents as one JSON array, as they are found. */
    static void writeArray(Source source, ServletOutputStream out) throws IOException {
        ExtentText text = new ExtentText(out);
        text.put('[');
        Record extent = source.next();
        while (extent != null) {
            text.put(extent);
            extent = source.next();
            if (extent != null) {
                text.put(',');
            }
        }
        text.put(']');
        text.send();
    }

    /** Writes extents as one JSON object a line, as they are found. */
    static void writeLines(Source source, ServletOutputStream out) throws IOException {
        ExtentText text = new ExtentText(out);
        for (Record extent = source.next(); extent != null; extent = source.next()) {
            text.put(extent);
            text.put('\n');
        }
        text.send();
    }

    /**
     * Asks no further than twice the last extent's length: whoever looks up a run also looks at what may prolong it, and
     * in a disk of small pieces that would be far more than the piece.
     */
    private @Nullable GuestExtent lookUp() throws IOException {
        if (position >= end) {
            return null;
        }
        GuestExtent extent = image.extentAt(position, Math.min(end - position, reach));
        position += extent.length();
        reach = Math.max(2 * extent.length(), MIN_REACH_BYTES);
        return extent;
    }

    private static boolean alike(GuestExtent one, GuestExtent other) {
        return one.zero() == other.zero() && one.hole() == other.hole();
    }
}
