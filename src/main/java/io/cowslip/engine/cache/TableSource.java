package io.cowslip.engine.cache;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Where a cache's misses are read from. */
@FunctionalInterface
public interface TableSource {

    /**
     * Fills {@code into} with the piece of a table that {@code key} stands for, and those that follow it in the table.
     *
     * @param key for L2 slices the guest slice (guest cluster divided by entries in a slice); for refcount blocks the
     *     index in the refcount table
     * @param pieces how many, all of one table; more than one only of L2 slices
     */
    void load(long key, int pieces, MemorySegment into) throws IOException;
}
