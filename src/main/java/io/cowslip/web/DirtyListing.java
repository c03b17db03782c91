package io.cowslip.web;

import io.cowslip.engine.image.DirtyMap;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.GuestExtent;
import java.io.IOException;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** What a bitmap has marked of one window of a disk, and where zeros are in it; neighbours that are alike made one. */
final class DirtyListing implements ExtentPages {
    private final DiskImage image;
    private final DirtyMap map;
    private final long end;
    private @Nullable DirtyExtent ahead;
    private long position;

    DirtyListing(DiskImage image, DirtyMap map, ByteWindow window) {
        this.image = image;
        this.map = map;
        this.position = window.start();
        this.end = window.end();
    }

    @Override
    public @Nullable DirtyExtent next() throws IOException {
        DirtyExtent current = ahead == null ? lookUp() : ahead;
        ahead = null;
        while (current != null) {
            DirtyExtent following = lookUp();
            if (following == null || current.dirty() != following.dirty() || current.zero() != following.zero()) {
                ahead = following;
                return current;
            }
            current = new DirtyExtent(
                    current.start(), current.length() + following.length(), current.dirty(), current.zero());
        }
        return null;
    }

    private @Nullable DirtyExtent lookUp() throws IOException {
        if (position >= end) {
            return null;
        }
        boolean dirty = map.isDirty(position);
        GuestExtent extent = image.extentAt(position, map.runEnd(position, end) - position);
        position += extent.length();
        return new DirtyExtent(extent.start(), extent.length(), dirty, extent.zero());
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
}
