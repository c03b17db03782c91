package io.cowslip.engine.cache;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Where a cache's dirty entries are written to. Implemented by whoever keeps the write order. */
@FunctionalInterface
public interface TableSink {

    /** Writes the piece of a table that {@code key} stands for, as in {@link TableSource}. */
    void store(long key, MemorySegment from) throws IOException;
}
