package io.cowslip.web.data;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.map.GuestExtent;
import jakarta.servlet.ServletOutputStream;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The extents of one window of a disk, in order and without gaps, neighbours that are alike made one. */
final class ExtentListing extends MergedExtents<GuestExtent> {
    private static final long FIRST_REACH_BYTES = 64 << 20;
    private static final long MIN_REACH_BYTES = 64 << 10;

    private final DiskImage image;
    private long reach = FIRST_REACH_BYTES;

    /** Where extents come from, one after the other; null after the last. */
    interface Source {
        @Nullable
        Record next() throws IOException;
    }

    ExtentListing(DiskImage image, ByteWindow window) {
        super(window);
        this.image = image;
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
    @Override
    GuestExtent find(long start, long end) throws IOException {
        GuestExtent extent = image.extentAt(start, Math.min(end - start, reach));
        reach = Math.max(2 * extent.length(), MIN_REACH_BYTES);
        return extent;
    }

    @Override
    long length(GuestExtent extent) {
        return extent.length();
    }

    @Override
    @Nullable
    GuestExtent joined(GuestExtent extent, GuestExtent following) {
        return extent.zero() == following.zero() && extent.hole() == following.hole()
                ? new GuestExtent(extent.start(), extent.length() + following.length(), extent.zero(), extent.hole())
                : null;
    }
}
