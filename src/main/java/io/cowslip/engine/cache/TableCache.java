package io.cowslip.engine.cache;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntToLongFunction;

/**
 * A bounded write-back cache of equally sized pieces of on-disk tables: the mechanism that both metadata caches share.
 * {@link L2SliceCache} tells how it is meant. The directory says where a piece is: in a slot of the frames, or, where a
 * slice is one run, in the directory itself.
 *
 * <p>Lookups take no lock. Loads are the {@link PieceLoader}'s; places are given and taken under the eviction lock;
 * dirty pieces are plain, and become clean through {@link #writeBack}.
 */
final class TableCache implements AutoCloseable {
    static final int NEVER_PACKED = 0;

    private final int entryBytes;
    private final int entries;
    private final int clusterBits;
    private final CacheCounters counters;
    private final SliceDirectory directory;
    private final SliceFrames frames;
    private final SliceRuns runs;
    private final PieceLoader loader;
    private final Places places = new Places();
    private final ReentrantLock evictionLock = new ReentrantLock();
    private final Condition slotMayBeFree = evictionLock.newCondition();
    private volatile int dirtyCount;
    private volatile int epoch = 1;

    private TableCache(
            int entryBytes,
            int entries,
            long keys,
            int rowBits,
            int clusterBits,
            boolean readsAhead,
            TableSource source,
            CacheCounters counters)
            throws ImageException {
        this.entryBytes = entryBytes;
        this.entries = (int) Math.max(2, Math.min(entries, keys));
        this.clusterBits = clusterBits;
        this.counters = counters;
        this.directory = new SliceDirectory(keys, rowBits);
        this.frames = new SliceFrames(
                entryBytes, this.entries, clusterBits != NEVER_PACKED, clusterBits, directory, counters);
        this.runs = new SliceRuns(directory, frames, counters, entryBytes, this.entries);
        this.loader = new PieceLoader(
                entryBytes, keys, readsAhead ? this.entries / 4 : 1, source, counters, directory, places);
    }

    /**
     * A cache of refcount blocks: each as it is in the file, and none ahead of another, since they lie anywhere.
     *
     * @param entries how many blocks fit; memory is taken as they are used
     * @param keys how many different blocks there can be
     * @param rowBits log2 of the blocks that the directory keeps together
     */
    static TableCache ofBlocks(
            int entryBytes, int entries, long keys, int rowBits, TableSource source, CacheCounters counters)
            throws ImageException {
        return new TableCache(entryBytes, entries, keys, rowBits, NEVER_PACKED, false, source, counters);
    }

    /**
     * A cache of L2 slices, of which those of one table follow each other in the file.
     *
     * @param entries how many slices fit as they are in the file; memory is taken as they are used
     * @param keys how many different slices there can be
     * @param rowBits log2 of the slices in one table
     * @param clusterBits log2 of the bytes by which the entries of a run go up, for holding each slice in its smallest
     *     {@link SliceForm}; or {@link #NEVER_PACKED}
     */
    static TableCache ofSlices(
            int entryBytes,
            int entries,
            long keys,
            int rowBits,
            int clusterBits,
            TableSource source,
            CacheCounters counters)
            throws ImageException {
        return new TableCache(entryBytes, entries, keys, rowBits, clusterBits, true, source, counters);
    }

    /** The entry at {@code index} of the piece {@code key}, loading it where needed. Any thread. */
    long read(long key, int index) throws IOException {
        return read(key, index, false);
    }

    /** As {@link #read}, for what belongs to a look-up that was counted already. */
    long readAlong(long key, int index) throws IOException {
        return read(key, index, true);
    }

    private long read(long key, int index, boolean counted) throws IOException {
        boolean waited = counted;
        while (true) {
            long word = directory.word(key);
            if (SliceDirectory.isSlot(word)) {
                int slot = SliceDirectory.slot(word);
                int version = frames.versionFor(slot, key);
                if ((version & 1) == 0) {
                    long entry = frames.entry(slot, index);
                    if (frames.isStill(slot, version)) {
                        countSlot(slot, waited);
                        return entry;
                    }
                }
            } else if (SliceDirectory.isRun(word)) {
                countRun(key, word, waited);
                return runEntry(word, index);
            }
            waited = missed(waited);
            loader.load(key, false);
        }
    }

    /**
     * How many entries from {@code index} of the piece {@code key} on are {@code expected}, {@code expected + step} and so
     * forth, at most {@code most} and not past the piece's end. As {@link #read}; counts as a lookup where it begins with
     * the piece, since else one has come before.
     */
    int matching(long key, int index, long expected, long step, int most) throws IOException {
        boolean waited = index > 0;
        while (true) {
            long word = directory.word(key);
            if (SliceDirectory.isSlot(word)) {
                int slot = SliceDirectory.slot(word);
                int version = frames.versionFor(slot, key);
                if ((version & 1) == 0) {
                    int matching = matchingInSlot(slot, index, expected, step, most);
                    if (frames.isStill(slot, version)) {
                        countSlot(slot, waited);
                        return matching;
                    }
                }
            } else if (SliceDirectory.isRun(word)) {
                countRun(key, word, waited);
                return matchingInRun(word, index, expected, step, most);
            }
            waited = missed(waited);
            loader.load(key, false);
        }
    }

    /**
     * The piece {@code key} itself, loaded and marked dirty, so that it stays until {@link #writeBack}. Under the
     * image's metadata lock.
     */
    MemorySegment pieceForChange(long key) throws IOException {
        boolean waited = false;
        while (true) {
            evictionLock.lock();
            try {
                long word = directory.word(key);
                if (SliceDirectory.isSlot(word) && frames.isPlain(SliceDirectory.slot(word))) {
                    markDirty(SliceDirectory.slot(word));
                    return frames.piece(SliceDirectory.slot(word));
                }
                waited |= word != SliceDirectory.ABSENT;
            } finally {
                evictionLock.unlock();
            }
            waited = missed(waited);
            loader.load(key, true);
        }
    }

    /**
     * The piece {@code key} itself, for a cache that does not pack and of which every method is called under one lock:
     * valid until the next call.
     */
    MemorySegment pieceForReading(long key) throws IOException {
        long word = directory.word(key);
        if (word == SliceDirectory.ABSENT) {
            missed(false);
            loader.load(key, true);
            word = directory.word(key);
        } else {
            countSlot(SliceDirectory.slot(word), false);
        }
        return frames.piece(SliceDirectory.slot(word));
    }

    /** Whether {@code key} is clean or absent while as many pieces are dirty as may be. Under the metadata lock. */
    boolean mustWriteBackBeforeChangeOf(long key) {
        if (dirtyCount < Math.max(1, entries / 2)) {
            return false;
        }
        evictionLock.lock();
        try {
            long word = directory.word(key);
            return !SliceDirectory.isSlot(word) || !frames.isDirty(SliceDirectory.slot(word));
        } finally {
            evictionLock.unlock();
        }
    }

    boolean hasDirty() {
        return dirtyCount > 0;
    }

    /** Copies the piece {@code key} to {@code into} from {@code first} on, if it is dirty. Any thread. */
    boolean copyDirty(long key, long[] into, int first) {
        evictionLock.lock();
        try {
            long word = directory.word(key);
            int slot = SliceDirectory.slot(word);
            if (!SliceDirectory.isSlot(word) || !frames.isDirty(slot)) {
                return false;
            }
            for (int index = 0; index < entryBytes / Long.BYTES; index++) {
                into[first + index] = frames.entry(slot, index);
            }
            return true;
        } finally {
            evictionLock.unlock();
        }
    }

    /** Writes every dirty piece in the order of keys. A piece whose write fails stays dirty. Under the metadata lock. */
    void writeBack(TableSink sink) throws IOException {
        for (int slot : dirtySlots()) {
            sink.store(frames.key(slot), frames.piece(slot));
            counters.writeBacks.increment();
            counters.bytesWrittenBack.add(entryBytes);
            evictionLock.lock();
            try {
                frames.setDirty(slot, false);
                dirtyCount--;
                slotMayBeFree.signalAll();
            } finally {
                evictionLock.unlock();
            }
        }
    }

    /** Drops the piece {@code key} without writing it, if it is here. Under the metadata lock; not where runs are held. */
    void discard(long key) {
        evictionLock.lock();
        try {
            long word = directory.word(key);
            if (SliceDirectory.isSlot(word)) {
                int slot = SliceDirectory.slot(word);
                if (frames.isDirty(slot)) {
                    dirtyCount--;
                }
                frames.free(slot);
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
            counters.entriesCleaned.add(frames.clean(epoch) + runs.clean(epoch));
            frames.releaseMemory();
            epoch++;
            slotMayBeFree.signalAll();
        } finally {
            evictionLock.unlock();
        }
    }

    /**
     * Takes over what {@code other}, a cache of pieces of the same size, has of the keys before {@code end}, as far as
     * there is room. Neither has anything dirty, and nothing changes either meanwhile but reads; nobody uses this one yet.
     */
    void takeOver(TableCache other, long end) {
        try (IoBuffers.Loan loan = IoBuffers.borrow(entryBytes)) {
            MemorySegment piece = loan.segment(entryBytes);
            other.directory.forEach(key -> {
                if (key < end && other.copyOut(key, piece)) {
                    places.place(key, piece, false);
                }
            });
        }
    }

    int residentCount() {
        return frames.residentCount() + runs.count();
    }

    /** What the resident pieces take of the cache's size. */
    long residentBytes() {
        return frames.residentBytes() + (long) runs.count() * SliceRuns.RUN_BYTES;
    }

    int dirtyCount() {
        return dirtyCount;
    }

    /** Unmaps the slab. Nobody uses the cache any more. */
    @Override
    public void close() {
        frames.close();
    }

    private long runEntry(long word, int index) {
        long first = SliceDirectory.runEntry(word);
        return first + index * SliceForm.step(first, clusterBits);
    }

    private int matchingInRun(long word, int index, long expected, long step, int most) {
        if (runEntry(word, index) != expected) {
            return 0;
        }
        return SliceForm.step(expected, clusterBits) == step ? most : 1;
    }

    private int matchingInSlot(int slot, int index, long expected, long step, int most) {
        int matching = 0;
        long next = expected;
        while (matching < most && frames.entry(slot, index + matching) == next) {
            matching++;
            next += step;
        }
        return matching;
    }

    /** Counts a look-up that has to wait, its own load or another's, as one miss. */
    private boolean missed(boolean waited) {
        if (!waited) {
            counters.misses.increment();
        }
        return true;
    }

    /** A look-up that had to wait is no hit, and not yet the use that earns a second chance. */
    private void countSlot(int slot, boolean waited) {
        if (!waited) {
            frames.touch(slot, epoch);
            counters.hits.increment();
        }
    }

    private void countRun(long key, long word, boolean waited) {
        if (!waited) {
            directory.touchRun(key, word, epoch);
            counters.hits.increment();
        }
    }

    /** What becomes of what the loader brings. */
    private final class Places implements PieceLoader.Places {
        @Override
        public void place(long key, MemorySegment entriesOfPiece, boolean plain) {
            SliceForm form = plain || clusterBits == NEVER_PACKED
                    ? SliceForm.AS_IN_FILE
                    : SliceForm.of(entriesOfPiece, clusterBits);
            if (form.isRun()) {
                if (placeRun(key, form.base())) {
                    return;
                }
                form = SliceForm.packed(entriesOfPiece, clusterBits);
            }
            placeInSlot(key, entriesOfPiece, frames.mayShare() ? form : SliceForm.AS_IN_FILE);
        }

        @Override
        public void makePlain(long key) {
            try (IoBuffers.Loan loan = IoBuffers.borrow(entryBytes)) {
                MemorySegment copy = loan.segment(entryBytes);
                if (takeOut(key, copy)) {
                    placeInSlot(key, copy, SliceForm.AS_IN_FILE);
                }
            }
        }
    }

    private boolean placeRun(long key, long firstEntry) {
        evictionLock.lock();
        try {
            return runs.put(key, firstEntry, epoch);
        } finally {
            evictionLock.unlock();
        }
    }

    private void placeInSlot(long key, MemorySegment entriesOfPiece, SliceForm form) {
        int slot = takeSlot(form.slicesPerFrame());
        boolean settled = false;
        try {
            frames.fill(slot, entriesOfPiece, form);
            evictionLock.lock();
            try {
                frames.settle(slot, key, epoch);
                settled = true;
                slotMayBeFree.signalAll();
            } finally {
                evictionLock.unlock();
            }
        } finally {
            if (!settled) {
                giveUp(slot);
            }
        }
    }

    private void giveUp(int slot) {
        evictionLock.lock();
        try {
            frames.free(slot);
            slotMayBeFree.signalAll();
        } finally {
            evictionLock.unlock();
        }
    }

    private int takeSlot(int slicesPerFrame) {
        evictionLock.lock();
        try {
            int slot = frames.take(slicesPerFrame);
            while (slot == SliceFrames.NO_SLOT) {
                slotMayBeFree.awaitUninterruptibly();
                slot = frames.take(slicesPerFrame);
            }
            return slot;
        } finally {
            evictionLock.unlock();
        }
    }

    /** Copies the piece {@code key} if it is here. */
    private boolean copyOut(long key, MemorySegment into) {
        evictionLock.lock();
        try {
            long word = directory.word(key);
            if (SliceDirectory.isRun(word)) {
                fill(into, index -> runEntry(word, index));
                return true;
            }
            int slot = SliceDirectory.slot(word);
            if (!SliceDirectory.isSlot(word) || (frames.versionFor(slot, key) & 1) != 0) {
                return false;
            }
            fill(into, index -> frames.entry(slot, index));
            return true;
        } finally {
            evictionLock.unlock();
        }
    }

    /** Whoever looks for the piece before it is back waits at the gate. */
    private boolean takeOut(long key, MemorySegment into) {
        evictionLock.lock();
        try {
            long word = directory.word(key);
            if (SliceDirectory.isRun(word)) {
                fill(into, index -> runEntry(word, index));
                directory.remove(key);
                runs.gone();
                return true;
            }
            int slot = SliceDirectory.slot(word);
            if (!SliceDirectory.isSlot(word) || frames.isPlain(slot)) {
                return false;
            }
            fill(into, index -> frames.entry(slot, index));
            frames.free(slot);
            return true;
        } finally {
            evictionLock.unlock();
        }
    }

    private static void fill(MemorySegment into, IntToLongFunction entry) {
        for (int index = 0; index < into.byteSize() / Long.BYTES; index++) {
            into.setAtIndex(BigEndian.LONG, index, entry.applyAsLong(index));
        }
    }

    private void markDirty(int slot) {
        frames.touch(slot, epoch);
        if (!frames.isDirty(slot)) {
            frames.setDirty(slot, true);
            dirtyCount++;
        }
    }

    private int[] dirtySlots() {
        evictionLock.lock();
        try {
            return frames.dirtySlots();
        } finally {
            evictionLock.unlock();
        }
    }
}
