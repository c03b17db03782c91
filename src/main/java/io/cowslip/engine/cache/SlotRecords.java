package io.cowslip.engine.cache;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.PageMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * What is known of each slot of a cache, outside the heap, where it takes memory once the slot is used:
 *
 * <ul>
 *   <li>its version: even while it may be read, odd while it is being filled; another number after every change of
 *       owner. Read by everybody, written by whoever fills the slot or holds the eviction lock;
 *   <li>its owner: the key held plus one, or {@link #NOBODY};
 *   <li>its base: what packed entries count from. Stable while the version is;
 *   <li>its last use: the epoch, doubled, plus one if the clock hand has not passed since. Written by everybody without
 *       a lock: a lost update costs at most a reload.
 * </ul>
 *
 * <p>The memory is never given back before the end: a version that began again at 0 could be taken for an older one.
 */
final class SlotRecords implements AutoCloseable {
    static final long NOBODY = 0;

    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();
    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();
    private static final long OWNER = 0;
    private static final long BASE = 8;
    private static final long VERSION = 16;
    private static final long LAST_USE = 20;
    private static final long RECORD_BYTES = 24;

    private final PageMemory memory;
    private final MemorySegment records;

    SlotRecords(long slots) throws ImageException {
        this.memory = PageMemory.map(slots * RECORD_BYTES);
        this.records = memory.segment();
    }

    /** The version before anything else is read of the slot. */
    int versionToReadBy(int slot) {
        return (int) INT.getAcquire(records, at(slot) + VERSION);
    }

    /** Whether the version is the same after all else was read. */
    boolean isStill(int slot, int before) {
        VarHandle.loadLoadFence();
        return (int) INT.getOpaque(records, at(slot) + VERSION) == before;
    }

    int version(int slot) {
        return (int) INT.get(records, at(slot) + VERSION);
    }

    void setVersion(int slot, int next) {
        INT.setRelease(records, at(slot) + VERSION, next);
    }

    long owner(int slot) {
        return (long) LONG.getOpaque(records, at(slot) + OWNER);
    }

    void setOwner(int slot, long owner) {
        LONG.setVolatile(records, at(slot) + OWNER, owner);
    }

    long base(int slot) {
        return (long) LONG.get(records, at(slot) + BASE);
    }

    void setBase(int slot, long base) {
        LONG.set(records, at(slot) + BASE, base);
    }

    int lastUse(int slot) {
        return (int) INT.get(records, at(slot) + LAST_USE);
    }

    void setLastUse(int slot, int use) {
        INT.set(records, at(slot) + LAST_USE, use);
    }

    @Override
    public void close() {
        memory.close();
    }

    private static long at(int slot) {
        return slot * RECORD_BYTES;
    }
}
