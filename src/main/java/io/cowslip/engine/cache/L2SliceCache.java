package io.cowslip.engine.cache;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ExtendedL2Entry;
import io.cowslip.engine.format.ImageGeometry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * The L2 cache of one open image layer: pieces of L2 tables, called slices, in memory within QEMU's budget.
 *
 * <h2>What it is for</h2>
 *
 * Every access to the disk asks the L2 tables where a guest cluster lies in the file. A table fills a whole cluster,
 * 64 KiB by default; an answer needs eight bytes of it. A slice is the part of a table that one miss reads, {@code
 * l2-cache-entry-size} bytes: with slices of 4 KiB a miss reads a sixteenth, and the same memory holds sixteen times
 * as many different places of the disk. What decides speed is <em>coverage</em>, the share of the disk that the cache
 * can map: the number of slices times the clusters that each maps.
 *
 * <h2>Slices are keyed by guest position</h2>
 *
 * Slice {@code n} maps the guest clusters from {@code n * entriesPerSlice} on. So a hit needs no look at the L1 table,
 * and a table that moves in the file takes its cached slices along. Where a slice lies in the file is the business of
 * its {@link TableSource} and of whoever writes it back.
 *
 * <h2>A slice is held in the smallest form that says the same</h2>
 *
 * The entries of most slices follow each other in the file, one run after the other. A slice that is one run is told by
 * its first entry: it is held in the directory's own word and takes 16 bytes of the cache's size, where the file has 4
 * KiB. Where entries share their flags and lie not too far apart, their distances are packed bit by bit, two to four
 * slices in the place of one ({@link SliceForm}). So the same size maps many times more disk. What an entry size means
 * for the file does not change: a miss still reads one slice.
 *
 * <h2>A hit takes no lock and writes nothing that others read</h2>
 *
 * The directory names a slot; the slot's version says whether it may be read; its owner, whether it is the right one;
 * the entry is copied out; and if the version is still the same, nothing happened in between and the copy counts. If
 * anything did not fit, the reader starts over, as for a miss. Since entries are copied and no reference is kept, there
 * are no pins to forget. The one store is the slot's {@code touched} mark, and only where it differs: a hot slot's
 * cache line stays shared. Counting goes to striped adders. A run is read with its word and needs none of this.
 *
 * <h2>Misses run in parallel</h2>
 *
 * A load passes a gate of its own slice, so each is loaded once however many threads want it, and nobody waits for the
 * read of another. The slice is read into a buffer on loan and gets its place only then: a failed load has changed
 * nothing. Where misses follow each other through a table, the slices ahead are read along with the one that is missed.
 *
 * <h2>Eviction and idleness share one field</h2>
 *
 * {@code touched} holds the epoch of the last use and whether the clock hand has seen it since; the word of a run has
 * bits for both. The hand gives what was used a second chance. Each {@link #clean} drops the slices whose last use is
 * not of the current epoch and begins the next: a slice lives for one to two intervals after its last use, as in QEMU.
 * Consecutive free frames are given back to the system together. A new slice starts with no second chance, so a scan of
 * the disk that uses each slice once passes through without driving out what is in use.
 *
 * <h2>Writers</h2>
 *
 * One thread at a time changes entries, under the image's metadata lock. A slice that is to change is made plain first.
 * It is dirty then and stays until it is written back; readers never evict it and never write it. At most half of the
 * frames may be dirty, so a reader always finds a slot in the end: {@link #mustWriteBackBeforePut} tells a writer to
 * commit first. In which order things reach the disk is not decided here.
 */
public final class L2SliceCache implements AutoCloseable {
    private final CacheBudget budget;
    private final CacheCounters counters;
    private final TableCache slices;
    private final long guestSlices;
    private final int sliceBits;
    private final int sliceMask;
    private final int entryBytes;
    private final SubclusterPairs pairs = new SubclusterPairs();
    private final long coversBytes;
    private final double coverage;

    /**
     * An empty cache. Slab memory is taken as slices come in.
     *
     * @param source reads slices; its keys are guest slices
     * @throws ImageException NO_SPACE when the system has no address space for it
     */
    public L2SliceCache(CacheBudget budget, ImageGeometry geometry, TableSource source, CacheCounters counters)
            throws ImageException {
        this.budget = budget;
        this.counters = counters;
        this.sliceBits = geometry.l2EntriesPerSliceBits(budget.l2EntryBytes());
        this.sliceMask = (1 << sliceBits) - 1;
        this.entryBytes = geometry.l2EntryBytes();
        int slicesPerTableBits = geometry.l2EntriesPerTableBits() - sliceBits;
        this.guestSlices = (long) geometry.l1EntriesNeeded() << slicesPerTableBits;
        this.slices = TableCache.ofSlices(
                budget.l2EntryBytes(),
                budget.l2Entries(),
                guestSlices,
                slicesPerTableBits,
                budget.l2Packed() && !geometry.extendedL2() ? geometry.clusterBits() : TableCache.NEVER_PACKED,
                source,
                counters);
        long mappable = (long) budget.l2Entries() << (sliceBits + geometry.clusterBits());
        this.coversBytes = Math.min(mappable, geometry.virtualSizeBytes());
        this.coverage = geometry.virtualSizeBytes() == 0 ? 1 : (double) coversBytes / geometry.virtualSizeBytes();
    }

    public CacheBudget budget() {
        return budget;
    }

    /** Guest clusters that one slice maps. */
    public int entriesPerSlice() {
        return sliceMask + 1;
    }

    /**
     * The L2 entry of {@code guestCluster}, loading its slice where needed. Any thread; takes no lock on a hit. Of an image
     * with extended L2 entries, see {@link #extendedEntry}.
     */
    public long entry(long guestCluster) throws IOException {
        return slices.read(guestCluster >>> sliceBits, (int) guestCluster & sliceMask);
    }

    /**
     * The extended L2 entry of {@code guestCluster}: both of its words as they were at one moment (qcow2 specification,
     * "Extended L2 Entries"). Any thread; takes no lock on a hit. Only of an image that has them.
     */
    public ExtendedL2Entry extendedEntry(long guestCluster) throws IOException {
        long slice = guestCluster >>> sliceBits;
        int word = ((int) guestCluster & sliceMask) << 1;
        while (true) {
            int before = pairs.begin();
            long entry = slices.read(slice, word);
            long bitmap = slices.readAlong(slice, word + 1);
            if (pairs.isStill(before)) {
                return new ExtendedL2Entry(entry, bitmap);
            }
        }
    }

    /**
     * How many guest clusters from {@code guestCluster} on have the entries {@code expected}, {@code expected + step} and
     * so forth, as far as {@code most} and the slice go. As {@link #entry}; within a slice it belongs to the lookup
     * before it, and at the beginning of one it is another.
     */
    public int matching(long guestCluster, long expected, long step, long most) throws IOException {
        int first = (int) guestCluster & sliceMask;
        int count = (int) Math.min(most, sliceMask + 1 - first);
        return slices.matching(guestCluster >>> sliceBits, first, expected, step, count);
    }

    /** Whether a slice begins with {@code guestCluster}. */
    public boolean beginsSlice(long guestCluster) {
        return (guestCluster & sliceMask) == 0;
    }

    /** Whether so many slices are dirty that they must be written back before {@link #put} may touch another one. */
    public boolean mustWriteBackBeforePut(long guestCluster) {
        return slices.mustWriteBackBeforeChangeOf(guestCluster >>> sliceBits);
    }

    /**
     * Publishes an entry: readers see it from now on. Under the image's metadata lock, after the bytes it leads to are
     * in the file, and after {@link #mustWriteBackBeforePut} said no.
     */
    public void put(long guestCluster, long entry) throws IOException {
        MemorySegment slice = slices.pieceForChange(guestCluster >>> sliceBits);
        SliceFrames.ENTRY.setRelease(slice, (guestCluster & sliceMask) * Long.BYTES, entry);
    }

    /** The same for an image with extended L2 entries: readers see both words change at once. */
    public void put(long guestCluster, ExtendedL2Entry entry) throws IOException {
        MemorySegment slice = slices.pieceForChange(guestCluster >>> sliceBits);
        long offset = (guestCluster & sliceMask) * entryBytes;
        pairs.change(() -> {
            SliceFrames.ENTRY.setRelease(slice, offset, entry.descriptor());
            SliceFrames.ENTRY.setRelease(slice, offset + Long.BYTES, entry.bitmap());
        });
    }

    /**
     * Copies the words of the slice that begins with {@code guestCluster}, if it is newer than the file. Where it is not,
     * the file has all that was put before the call. No lookup: nothing is loaded, counted or marked as used. Any thread;
     * the disk may have become too small for the cluster.
     *
     * @param words where they go, from {@code first} on
     */
    public boolean copyDirty(long guestCluster, long[] words, int first) {
        long slice = guestCluster >>> sliceBits;
        return slice < guestSlices && slices.copyDirty(slice, words, first);
    }

    /**
     * Takes over the slices that {@code other} has of the guest clusters before {@code endCluster}, as far as this cache's
     * disk reaches, if both have slices of one size: so a lookup that was a hit there is one here. For a cache that takes the other's place, before anybody
     * uses it; under the metadata lock, while {@code other} has nothing dirty.
     */
    public void takeOver(L2SliceCache other, long endCluster) {
        if (sliceBits == other.sliceBits) {
            slices.takeOver(other.slices, Math.min(guestSlices, endCluster >>> sliceBits));
        }
    }

    /** Whether any slice is newer than the file. */
    public boolean hasDirty() {
        return slices.hasDirty();
    }

    /** Writes all dirty slices. For the write barrier alone, under the metadata lock. */
    public void writeBack(TableSink sink) throws IOException {
        slices.writeBack(sink);
    }

    /** Drops slices not used since the last call and gives their memory back. Any thread. */
    public void clean() {
        slices.clean();
    }

    /** What the cache has done and holds. Any thread. */
    public CacheStats stats() {
        return counters.snapshot(
                slices.residentCount(),
                slices.dirtyCount(),
                slices.residentBytes(),
                budget.l2EntryBytes(),
                budget.l2Entries(),
                coversBytes,
                coverage);
    }

    /** Gives the memory back. By the owner, once nobody uses the cache; what is dirty is lost. */
    @Override
    public void close() {
        slices.close();
    }
}
