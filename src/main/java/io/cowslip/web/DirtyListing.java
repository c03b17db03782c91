package io.cowslip.web;

import io.cowslip.engine.image.DirtyMap;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.GuestExtent;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** What a bitmap has marked of one window of a disk, and where zeros are in it; neighbours that are alike made one. */
final class DirtyListing extends MergedExtents<DirtyExtent> {
    private final DiskImage image;
    private final DirtyMap map;

    DirtyListing(DiskImage image, DirtyMap map, ByteWindow window) {
        super(window);
        this.image = image;
        this.map = map;
    }

    @Override
    DirtyExtent find(long start, long end) throws IOException {
        boolean dirty = map.isDirty(start);
        GuestExtent extent = image.extentAt(start, map.runEnd(start, end) - start);
        return new DirtyExtent(extent.start(), extent.length(), dirty, extent.zero());
    }

    @Override
    long length(DirtyExtent extent) {
        return extent.length();
    }

    @Override
    @Nullable
    DirtyExtent joined(DirtyExtent extent, DirtyExtent following) {
        return extent.dirty() == following.dirty() && extent.zero() == following.zero()
                ? new DirtyExtent(extent.start(), extent.length() + following.length(), extent.dirty(), extent.zero())
                : null;
    }
}
