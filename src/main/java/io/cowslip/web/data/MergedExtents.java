package io.cowslip.web.data;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.io.IOException;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The extents of one window, looked up one after the other, neighbours that are alike made one. Where the disk is made
 * smaller meanwhile, they end with it.
 */
abstract class MergedExtents<E extends Record> implements ExtentPages {
    private long end;
    private @Nullable E ahead;
    private long aheadStart;
    private long position;

    MergedExtents(ByteWindow window) {
        this.position = window.start();
        this.end = window.end();
    }

    /** The extent that begins at {@code start}, at most up to {@code end}. */
    abstract E find(long start, long end) throws IOException;

    abstract long length(E extent);

    /** Both as one, or null where they are not alike. */
    abstract @Nullable E joined(E extent, E following);

    @Override
    public @Nullable E next() throws IOException {
        E current = ahead == null ? lookUp() : ahead;
        ahead = null;
        while (current != null) {
            long start = position;
            E following = lookUp();
            E both = following == null ? null : joined(current, following);
            if (both == null) {
                ahead = following;
                aheadStart = start;
                return current;
            }
            current = both;
        }
        return null;
    }

    private @Nullable E lookUp() throws IOException {
        if (position >= end) {
            return null;
        }
        E extent;
        try {
            extent = find(position, end);
        } catch (ImageException failure) {
            if (failure.kind() != Kind.OUT_OF_RANGE) {
                throw failure;
            }
            // The disk has been made smaller meanwhile, and ends here.
            end = position;
            return null;
        }
        position += length(extent);
        return extent;
    }

    @Override
    public long end() {
        return end;
    }

    @Override
    public OptionalLong nextStart() {
        if (ahead != null) {
            return OptionalLong.of(aheadStart);
        }
        return position < end ? OptionalLong.of(position) : OptionalLong.empty();
    }
}
