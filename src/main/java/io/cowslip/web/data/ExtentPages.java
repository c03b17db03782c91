package io.cowslip.web.data;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** The extents of one window of a disk, in order and without gaps, of one kind: used once, by one thread. */
interface ExtentPages {

    /** The next extent, or null after the last. */
    @Nullable
    Record next() throws IOException;

    /** The first byte after the window. */
    long end();

    /** Where the next extent starts; empty after the last. */
    OptionalLong nextStart();

    /** The next extents, at most {@code limit}. */
    default List<Record> next(int limit) throws IOException {
        List<Record> extents = new ArrayList<>();
        for (Record extent = next(); extent != null; extent = next()) {
            extents.add(extent);
            if (extents.size() == limit) {
                break;
            }
        }
        return extents;
    }
}
