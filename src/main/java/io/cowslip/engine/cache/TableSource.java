package io.cowslip.engine.cache;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Where a cache's misses are read from. */
@FunctionalInterface
public interface TableSource {

    /**
     * Fills {@code into} with the piece of a table that {@code key} stands for.
     *
     * @param key for L2 slices the guest slice (guest cluster divided by entries in a slice); for refcount blocks the
     *     index in the refcount table
     */
    void load(long key, MemorySegment into) throws IOException;
}
