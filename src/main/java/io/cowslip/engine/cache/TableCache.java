package io.cowslip.engine.cache;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.PageMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A bounded write-back cache of equally sized pieces of on-disk tables: the mechanism that both metadata caches share.
 * {@link L2SliceCache} tells how it is meant; here is what each field is for and who may touch it.
 *
 * <ul>
 *   <li>{@code memory}: one slab, slot {@code n} at {@code n * entryBytes}, contents big-endian as in the file.
 *   <li>{@code version[slot]}: even while the slot may be read, odd while it is being filled; another number after
 *       every change of owner. Read by everybody, written by whoever holds the slot or the eviction lock.
 *   <li>{@code owner[slot]}: the key held, or {@code NOBODY}.
 *   <li>{@code touched[slot]}: the epoch of the last use, doubled, plus one if the clock hand has not passed since.
 *       Written by everybody without a lock: a lost update costs at most a reload.
 *   <li>everything else: under {@code evictionLock}.
 * </ul>
 *
 * <p>A slot is in one of four states: free (no owner, even), loading (odd), clean, dirty. Only clean slots are evicted
 * or cleaned. Dirty ones become clean through {@link #writeBack}.
 */
final class TableCache implements AutoCloseable {
    static final VarHandle ENTRY =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.BIG_ENDIAN).varHandle();

    private static final VarHandle VERSION = MethodHandles.arrayElementVarHandle(int[].class);
    private static final VarHandle OWNER = MethodHandles.arrayElementVarHandle(long[].class);
    private static final long NOBODY = -1;
    private static final int STRIPES = 64;

    private final int entryBytes;
    private final int entries;
    private final TableSource source;
    private final CacheCounters counters;
    private final PageMemory slab;
    private final MemorySegment memory;
    private final SliceDirectory directory;
    private final int[] version;
    private final long[] owner;
    private final int[] touched;
    private final ReentrantLock[] loadStripes = new ReentrantLock[STRIPES];
    private final ReentrantLock evictionLock = new ReentrantLock();
    private final Condition slotMayBeFree = evictionLock.newCondition();
    private final boolean[] dirty;
    private final int[] freeSlots;
    private int freeCount;
    private int hand;
    private volatile int residentCount;
    private volatile int dirtyCount;
    private volatile int epoch = 1;

    /**
     * @param entries how many pieces fit; memory is taken as they are used
     * @param keys how many different pieces there can be
     * @param rowBits log2 of the pieces in one table
     */
    TableCache(int entryBytes, int entries, long keys, int rowBits, TableSource source, CacheCounters counters)
            throws ImageException {
        this.entryBytes = entryBytes;
        this.entries = (int) Math.max(2, Math.min(entries, keys));
        this.source = source;
        this.counters = counters;
        this.slab = PageMemory.map((long) entryBytes * this.entries);
        this.memory = slab.segment();
        this.directory = new SliceDirectory(keys, rowBits);
        this.version = new int[this.entries];
        this.owner = new long[this.entries];
        this.touched = new int[this.entries];
        this.dirty = new boolean[this.entries];
        this.freeSlots = new int[this.entries];
        Arrays.fill(owner, NOBODY);
        Arrays.setAll(loadStripes, stripe -> new ReentrantLock());
        Arrays.setAll(freeSlots, index -> this.entries - 1 - index);
        freeCount = this.entries;
    }

    /** The long at {@code byteOffset} of the piece {@code key}, loading it where needed. Any thread. */
    long read(long key, int byteOffset) throws IOException {
        boolean waited = false;
        while (true) {
            int slot = directory.slotOf(key);
            if (slot != SliceDirectory.ABSENT) {
                int before = (int) VERSION.getAcquire(version, slot);
                if ((before & 1) == 0 && (long) OWNER.getOpaque(owner, slot) == key) {
                    long value = (long) ENTRY.getAcquire(memory, address(slot) + byteOffset);
                    if (unchanged(slot, before)) {
                        countAnswer(slot, waited);
                        return value;
                    }
                }
            }
            waited = missed(waited);
            load(key);
        }
    }

    /** Copies {@code count} longs from {@code byteOffset} of the piece {@code key}; as {@link #read}. */
    void read(long key, int byteOffset, int count, long[] into) throws IOException {
        boolean waited = false;
        while (true) {
            int slot = directory.slotOf(key);
            if (slot != SliceDirectory.ABSENT) {
                int before = (int) VERSION.getAcquire(version, slot);
                if ((before & 1) == 0 && (long) OWNER.getOpaque(owner, slot) == key) {
                    long from = address(slot) + byteOffset;
                    for (int index = 0; index < count; index++) {
                        into[index] = (long) ENTRY.getAcquire(memory, from + index * 8L);
                    }
                    if (unchanged(slot, before)) {
                        countAnswer(slot, waited);
                        return;
                    }
                }
            }
            waited = missed(waited);
            load(key);
        }
    }

    /**
     * The piece {@code key} itself, loaded and marked dirty, so that it stays until {@link #writeBack}. Under the
     * image's metadata lock.
     */
    MemorySegment pieceForChange(long key) throws IOException {
        boolean waited = false;
        while (true) {
            int slot = directory.slotOf(key);
            if (slot != SliceDirectory.ABSENT) {
                evictionLock.lock();
                try {
                    if (owner[slot] == key && (version[slot] & 1) == 0) {
                        markDirty(slot);
                        return piece(slot);
                    }
                } finally {
                    evictionLock.unlock();
                }
            }
            waited = missed(waited);
            load(key);
        }
    }

    /**
     * The piece {@code key} itself, for a cache of which every method is called under one lock: valid until the next
     * call.
     */
    MemorySegment pieceForReading(long key) throws IOException {
        int slot = directory.slotOf(key);
        if (slot == SliceDirectory.ABSENT) {
            missed(false);
            load(key);
            slot = directory.slotOf(key);
        } else {
            countAnswer(slot, false);
        }
        return piece(slot);
    }

    /** Whether {@code key} is clean or absent while as many pieces are dirty as may be. Under the metadata lock. */
    boolean mustWriteBackBeforeChangeOf(long key) {
        if (dirtyCount < Math.max(1, entries / 2)) {
            return false;
        }
        int slot = directory.slotOf(key);
        return slot == SliceDirectory.ABSENT || owner[slot] != key || !dirty[slot];
    }

    boolean hasDirty() {
        return dirtyCount > 0;
    }

    /** Writes every dirty piece in the order of keys. A piece whose write fails stays dirty. Under the metadata lock. */
    void writeBack(TableSink sink) throws IOException {
        for (int slot : dirtySlotsByKey()) {
            sink.store(owner[slot], piece(slot));
            counters.writeBacks.increment();
            counters.bytesWrittenBack.add(entryBytes);
            evictionLock.lock();
            try {
                dirty[slot] = false;
                dirtyCount--;
                slotMayBeFree.signalAll();
            } finally {
                evictionLock.unlock();
            }
        }
    }

    /** Drops the piece {@code key} without writing it, if it is here. Under the metadata lock. */
    void discard(long key) {
        evictionLock.lock();
        try {
            int slot = directory.slotOf(key);
            if (slot != SliceDirectory.ABSENT && owner[slot] == key) {
                if (dirty[slot]) {
                    dirty[slot] = false;
                    dirtyCount--;
                }
                forget(slot);
                VERSION.setRelease(version, slot, version[slot] + 2);
                freeSlots[freeCount++] = slot;
                slotMayBeFree.signalAll();
            }
        } finally {
            evictionLock.unlock();
        }
    }

    /** Drops clean pieces not used since the last call and gives their pages back. Any thread. */
    void clean() {
        evictionLock.lock();
        try {
            for (int slot = 0; slot < entries; slot++) {
                if (isEvictable(slot) && touched[slot] >>> 1 != epoch) {
                    forget(slot);
                    VERSION.setRelease(version, slot, version[slot] + 2);
                    counters.entriesCleaned.increment();
                }
            }
            // Readers in the middle of a forgotten slot must see its new version before they can see its pages go.
            VarHandle.fullFence();
            refillFreeSlots();
            releaseFreeRuns();
            epoch++;
            slotMayBeFree.signalAll();
        } finally {
            evictionLock.unlock();
        }
    }

    int residentCount() {
        return residentCount;
    }

    int dirtyCount() {
        return dirtyCount;
    }

    /** Unmaps the slab. Nobody uses the cache any more. */
    @Override
    public void close() {
        slab.close();
    }

    private long address(int slot) {
        return (long) slot * entryBytes;
    }

    private MemorySegment piece(int slot) {
        return memory.asSlice(address(slot), entryBytes);
    }

    private boolean unchanged(int slot, int before) {
        VarHandle.loadLoadFence();
        return (int) VERSION.getOpaque(version, slot) == before;
    }

    private void touch(int slot) {
        int now = epoch << 1 | 1;
        if (touched[slot] != now) {
            touched[slot] = now;
        }
    }

    /** Counts a look-up that has to wait, its own load or another's, as one miss. */
    private boolean missed(boolean waited) {
        if (!waited) {
            counters.misses.increment();
        }
        return true;
    }

    /** A look-up that had to wait is no hit, and not yet the use that earns a second chance. */
    private void countAnswer(int slot, boolean waited) {
        if (!waited) {
            touch(slot);
            counters.hits.increment();
        }
    }

    /** Makes {@code key} resident, one thread per piece at a time and different pieces in parallel. */
    private void load(long key) throws IOException {
        ReentrantLock stripe = loadStripes[(int) (key ^ key >>> 6) & (STRIPES - 1)];
        stripe.lock();
        try {
            int resident = directory.slotOf(key);
            if (resident != SliceDirectory.ABSENT && (long) OWNER.getVolatile(owner, resident) == key) {
                return;
            }
            int slot = takeSlot();
            boolean loaded = false;
            try {
                source.load(key, piece(slot));
                loaded = true;
            } finally {
                settle(slot, loaded ? key : NOBODY);
            }
            counters.loads.increment();
            counters.bytesLoaded.add(entryBytes);
        } finally {
            stripe.unlock();
        }
    }

    /** A slot in state loading, owned by nobody: a free one, or else the next clean one that the hand finds unused. */
    private int takeSlot() {
        evictionLock.lock();
        try {
            int slot = freeCount > 0 ? freeSlots[--freeCount] : findVictim();
            while (slot == SliceDirectory.ABSENT) {
                slotMayBeFree.awaitUninterruptibly();
                slot = freeCount > 0 ? freeSlots[--freeCount] : findVictim();
            }
            if (owner[slot] != NOBODY) {
                forget(slot);
                counters.evictions.increment();
            }
            VERSION.setOpaque(version, slot, version[slot] + 1);
            VarHandle.fullFence();
            return slot;
        } finally {
            evictionLock.unlock();
        }
    }

    /**
     * CLOCK with a second chance. One round takes every chance away. Hits take no lock and may hand chances out again
     * behind the hand, so the second round takes what comes first: else a miss could wait on others' hits for ever.
     */
    private int findVictim() {
        for (int step = 0; step < 2 * entries; step++) {
            int slot = hand;
            hand = hand + 1 == entries ? 0 : hand + 1;
            if (!isEvictable(slot)) {
                continue;
            }
            if (step >= entries || (touched[slot] & 1) == 0) {
                return slot;
            }
            touched[slot] &= ~1;
        }
        return SliceDirectory.ABSENT;
    }

    /** Ends a load: the slot is {@code key}'s from now on, or free again when it is nobody's. */
    private void settle(int slot, long key) {
        evictionLock.lock();
        try {
            if (key == NOBODY) {
                freeSlots[freeCount++] = slot;
            } else {
                OWNER.setVolatile(owner, slot, key);
                touched[slot] = epoch << 1;
                residentCount++;
            }
            VERSION.setRelease(version, slot, version[slot] + 1);
            if (key != NOBODY) {
                directory.put(key, slot);
            }
            slotMayBeFree.signalAll();
        } finally {
            evictionLock.unlock();
        }
    }

    private boolean isEvictable(int slot) {
        return owner[slot] != NOBODY && !dirty[slot] && (version[slot] & 1) == 0;
    }

    private void forget(int slot) {
        directory.remove(owner[slot]);
        OWNER.setVolatile(owner, slot, NOBODY);
        residentCount--;
    }

    private void markDirty(int slot) {
        touch(slot);
        if (!dirty[slot]) {
            dirty[slot] = true;
            dirtyCount++;
        }
    }

    private int[] dirtySlotsByKey() {
        evictionLock.lock();
        try {
            int[] slots = new int[dirtyCount];
            int found = 0;
            for (int slot = 0; found < slots.length; slot++) {
                if (dirty[slot]) {
                    slots[found++] = slot;
                }
            }
            return Arrays.stream(slots)
                    .boxed()
                    .sorted((left, right) -> Long.compare(owner[left], owner[right]))
                    .mapToInt(Integer::intValue)
                    .toArray();
        } finally {
            evictionLock.unlock();
        }
    }

    private boolean isFree(int slot) {
        return owner[slot] == NOBODY && (version[slot] & 1) == 0;
    }

    private void refillFreeSlots() {
        freeCount = 0;
        for (int slot = entries - 1; slot >= 0; slot--) {
            if (isFree(slot)) {
                freeSlots[freeCount++] = slot;
            }
        }
    }

    private void releaseFreeRuns() {
        for (int slot = 0; slot < entries; slot++) {
            int first = slot;
            while (slot < entries && isFree(slot)) {
                slot++;
            }
            if (slot > first) {
                slab.release(address(first), (long) (slot - first) * entryBytes);
            }
        }
    }
}
