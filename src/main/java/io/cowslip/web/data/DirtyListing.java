package io.cowslip.web.data;

import io.cowslip.engine.image.DirtyMap;
import io.cowslip.engine.image.DiskChanges;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.GuestChange;
import io.cowslip.engine.image.map.GuestExtent;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** What changed of one window of a disk, and where zeros are in it; neighbours that are alike made one. */
final class DirtyListing extends MergedExtents<DirtyExtent> {
    private final Finder finder;

    /** Finds the extent that begins at {@code start}, at most up to {@code end}. */
    @FunctionalInterface
    private interface Finder {
        DirtyExtent find(long start, long end) throws IOException;
    }

    private DirtyListing(Finder finder, ByteWindow window) {
        super(window);
        this.finder = finder;
    }

    /** By what a bitmap has marked. */
    static DirtyListing of(DiskImage image, DirtyMap map, ByteWindow window) {
        return new DirtyListing(
                (start, end) -> {
                    boolean dirty = map.isDirty(start);
                    GuestExtent extent = image.extentAt(start, map.runEnd(start, end) - start);
                    return new DirtyExtent(extent.start(), extent.length(), dirty, extent.zero());
                },
                window);
    }

    /** By what two states of the disk have in common. */
    static DirtyListing of(DiskChanges changes, ByteWindow window) {
        return new DirtyListing(
                (start, end) -> {
                    GuestChange change = changes.changeAt(start, end);
                    return new DirtyExtent(change.start(), change.length(), change.changed(), change.zero());
                },
                window);
    }

    @Override
    DirtyExtent find(long start, long end) throws IOException {
        return finder.find(start, end);
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
