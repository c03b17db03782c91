package io.cowslip.engine.image.map;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.alloc.MetadataOverlap;
import io.cowslip.engine.alloc.Quarantine;
import io.cowslip.engine.alloc.Refcounts;
import io.cowslip.engine.cache.ActiveL1;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.MetadataKind;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.file.UnsyncedData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * The one order in which a qcow2 file's metadata reaches the disk.
 *
 * <pre>
 *   data, refcount blocks  → sync → refcount table → sync → header, when the table moved → sync
 *                          → L2 slices → sync → L1 table → sync → counts of freed clusters may drop
 * </pre>
 *
 * <p>Each stage only ever points at what the stages before it have made durable: a slice at data and at clusters whose
 * counts are raised, an L1 entry at a whole L2 table, the refcount table at whole blocks. Counts drop, in memory and so
 * later in the file, when no durable pointer is left. There is one direction, hence no cycle of dependencies to detect,
 * and a crash between any two writes leaves at worst clusters that are counted and not used: leaks.
 *
 * <p>With lazy refcounts the first stage waits until the image is closed, or the refcount table moves: the file is marked
 * as dirty instead, durably before anything else is written, and whoever opens it for writing after a crash makes the
 * counts anew from the tables. All that follows is the same, so a crash loses nothing that was flushed.
 *
 * <p>A stage with nothing to write costs no sync. A flush after overwriting in place is one sync; after an allocation
 * in a known L2 table, two; with a new table, three.
 *
 * <p>{@link #commit} may be called at any moment between two complete changes: a data cluster is written and counted
 * before its entry is published, so a commit in between writes counts without an owner at worst. When a write-back
 * fails, what is dirty stays dirty and the next commit starts again from the first stage. When a sync fails, nobody
 * knows what the disk has: the image takes no more writes until it is opened again, and the host forgets what it remembers
 * of the file when it is closed ({@link UnsyncedData#beforeClose}).
 *
 * <p>Under the image's metadata lock, except where it says otherwise. The last sync of a flush needs no lock: others may
 * change metadata in memory while it goes on, and commit it after it.
 */
public final class WriteBarrier {
    private static final long MUCH_BYTES = 16L << 20;

    private final HostFile file;
    private final ImageGeometry geometry;
    private final int cryptMethod;
    private final ActiveL1 l1;
    private final ClusterMap map;
    private final Quarantine quarantine;
    private final MetadataOverlap overlap;
    private final UnsyncedData unsynced;
    private final IncompatibleBits bits;
    private final UnsyncedData unsyncedData;
    private final AtomicLong newBytes = new AtomicLong();
    private boolean lazyRefcounts;
    private int dirtyChanges;
    private volatile boolean corrupt;

    /** @param dataFile where the guest's bytes are: {@code file} or another */
    public WriteBarrier(
            HostFile file,
            HostFile dataFile,
            ImageHeader header,
            ActiveL1 l1,
            ClusterMap map,
            Quarantine quarantine,
            MetadataOverlap overlap,
            boolean lazyRefcounts) {
        this.file = file;
        this.geometry = header.geometry();
        this.cryptMethod = header.cryptMethod();
        this.l1 = l1;
        this.map = map;
        this.quarantine = quarantine;
        this.overlap = overlap;
        this.lazyRefcounts = lazyRefcounts;
        this.unsynced = new UnsyncedData(file);
        this.bits = new IncompatibleBits(file, header, unsynced);
        this.unsyncedData = file == dataFile ? unsynced : new UnsyncedData(dataFile);
    }

    /**
     * Notes that bytes of the guest were written which no sync covers yet. After the write, before anything points at
     * them. Any thread.
     */
    public void dataWritten() {
        unsyncedData.written();
    }

    /** The same for a new L2 table. */
    public void tableWritten() {
        unsynced.written();
    }

    /** The same for the guest's bytes in new clusters. */
    public void newDataWritten(long bytes) {
        newBytes.addAndGet(bytes);
        unsyncedData.written();
    }

    /** Refuses to go on after a failed sync or with metadata known to be corrupt. Any thread. */
    public void requireSound() throws ImageException {
        unsynced.requireSound();
        unsyncedData.requireSound();
    }

    /** As {@link UnsyncedData#beforeClose}, of both files. */
    public void beforeClose() {
        unsynced.beforeClose();
        unsyncedData.beforeClose();
    }

    /** Whether neither happened. Any thread. */
    public boolean isSound() {
        return unsynced.isSound() && unsyncedData.isSound();
    }

    /**
     * Takes no more writes, because {@code cause} found the metadata corrupt, and says so in the file (qcow2 specification,
     * incompatible bit 1), so that nobody else writes either. Any thread.
     */
    public void markCorrupt(ImageException cause) {
        corrupt = true;
        if (unsynced.fail(cause)) {
            try {
                bits.markCorrupt();
            } catch (IOException refused) {
                cause.addSuppressed(refused);
            }
        }
    }

    /** Takes no more writes, because {@code cause} leaves it open what the file says. Any thread. */
    public void stop(ImageException cause) {
        unsynced.fail(cause);
    }

    /** Whether metadata was found corrupt since the image was opened. Any thread. */
    public boolean isCorrupt() {
        return corrupt;
    }

    /** From now on refcounts may be late in the file or not; if not, none is when this returns. */
    public void useLazyRefcounts(boolean lazy, Refcounts refcounts) throws IOException {
        if (lazyRefcounts && !lazy) {
            commitWithRefcounts(refcounts);
            markClean();
        }
        lazyRefcounts = lazy;
    }

    /**
     * Begins a change in the middle of which COPIED flags and refcounts, which no one write can change together, disagree
     * in the file, or clusters are counted that nothing leads to any more: says so durably with the dirty bit (qcow2
     * specification, incompatible bit 0), so that whoever opens the file for writing after a crash, or after a failure in
     * the middle, repairs it. Version 2 has no such bit. A change that is never ended leaves the bit set.
     */
    public void beginDirtyChange() throws IOException {
        requireSound();
        bits.markDirty();
        dirtyChanges++;
    }

    /**
     * Ends a change that {@link #beginDirtyChange} began and a commit has made durable. Where the host refuses to take the
     * dirty bit away, closing tries again.
     */
    public void endDirtyChange() throws IOException {
        dirtyChanges--;
        if (!lazyRefcounts) {
            try {
                markClean();
            } catch (ImageException refused) {
                // What was asked for is done and durable, and the bit costs a repair at worst. A failed sync ends it
                // all.
                requireSound();
            }
        }
    }

    private void markClean() throws IOException {
        if (dirtyChanges == 0) {
            bits.markClean();
        }
    }

    /** Makes everything that was written durable, in order. */
    public void commit(Refcounts refcounts) throws IOException {
        writeInOrder(refcounts);
        sync();
        synced();
    }

    /** The same with all counts, also where they may be late. */
    public void commitWithRefcounts(Refcounts refcounts) throws IOException {
        writeInOrder(refcounts, true);
        sync();
        synced();
    }

    /** All of {@link #commit} but its last sync, which needs no lock. */
    public void writeInOrder(Refcounts refcounts) throws IOException {
        // A moved table must be published: its old place is about to be used again.
        writeInOrder(refcounts, !lazyRefcounts || refcounts.tableMoved());
    }

    private void writeInOrder(Refcounts refcounts, boolean withRefcounts) throws IOException {
        requireSound();
        if (withRefcounts) {
            writeBackRefcounts(refcounts);
            publishRefcountTable(refcounts);
        } else if (refcounts.isDirty() || map.slices().hasDirty() || l1.isDirty()) {
            bits.markDirty();
        }
        if (map.slices().hasDirty()) {
            syncFiles();
            int entriesPerSlice = map.slices().entriesPerSlice();
            map.slices()
                    .writeBack((slice, from) ->
                            write(MetadataKind.ACTIVE_L2, map.sliceOffset(slice * entriesPerSlice), from));
        }
        if (l1.isDirty()) {
            unsynced.sync();
            unsynced.written();
            ResidentTable table = l1.table();
            overlap.requireNoneIn(table.hostOffset(), table.lengthBytes(), MetadataKind.ACTIVE_L1);
            l1.writeBack(file);
        }
        quarantine.barrierWritten();
    }

    /** Makes durable what was written. Any thread, without a lock. */
    public void sync() throws IOException {
        newBytes.set(0);
        syncFiles();
    }

    /** The guest's bytes first, whichever file has them: what points at them is never there before them. */
    private void syncFiles() throws IOException {
        unsyncedData.sync();
        if (unsynced != unsyncedData) {
            unsynced.sync();
        }
    }

    /** Writes to the encryption header, on which nothing else depends, durable on return. Under the metadata lock. */
    public void writeDurably(long hostOffset, MemorySegment from) throws IOException {
        requireSound();
        write(MetadataKind.MAIN_HEADER, hostOffset, from);
        unsynced.sync();
    }

    /** Syncs when that may take long, so that not much is left for a sync under the lock. Any thread, without it. */
    public void syncMuchData() throws IOException {
        if (newBytes.get() >= MUCH_BYTES) {
            sync();
        }
    }

    /** Ends a commit: a {@link #sync} that began after its {@link #writeInOrder} is over. */
    public void synced() {
        quarantine.barrierSynced();
    }

    /**
     * Commits until nothing is left to do, counts of freed clusters included; false where requests that are in flight may
     * still use some of those. It is tried again then, with the lock left between: such a request may be waiting for it.
     */
    public boolean trySettle(Refcounts refcounts, ClusterAllocator allocator) throws IOException {
        commitWithRefcounts(refcounts);
        allocator.reclaim();
        commitWithRefcounts(refcounts);
        if (!quarantine.isEmpty()) {
            return false;
        }
        markClean();
        return true;
    }

    /** Writes the dirty refcount blocks, which may happen at any time: see {@link Refcounts}. */
    public void writeBackRefcounts(Refcounts refcounts) throws IOException {
        if (refcounts.cache().hasDirty()) {
            refcounts
                    .cache()
                    .writeBack((block, from) -> write(MetadataKind.REFCOUNT_BLOCK, refcounts.blockOffset(block), from));
        }
    }

    /**
     * Makes the file say what is true while it is written: autoclear features that are not kept up to date are cleared
     * (header bytes 88 to 95). What becomes of persistent bitmaps {@code Bitmaps} says.
     */
    public void beginWriting(ImageHeader header) throws IOException {
        long autoclear = header.forWriting().features().autoclear();
        if (autoclear != header.features().autoclear()) {
            try (IoBuffers.Loan loan = IoBuffers.borrow(Long.BYTES)) {
                MemorySegment field = loan.segment(Long.BYTES);
                field.set(BigEndian.LONG, 0, autoclear);
                write(MetadataKind.MAIN_HEADER, HeaderLayout.AUTOCLEAR_FEATURES, field);
            }
        }
        syncFiles();
    }

    private void publishRefcountTable(Refcounts refcounts) throws IOException {
        if (!refcounts.table().isDirty() && !refcounts.tableMoved()) {
            return;
        }
        unsynced.sync();
        unsynced.written();
        ResidentTable table = refcounts.table();
        overlap.requireNoneIn(table.hostOffset(), table.lengthBytes(), MetadataKind.REFCOUNT_TABLE);
        table.writeBack(file);
        if (refcounts.tableMoved()) {
            unsynced.sync();
            writeRefcountTablePlace(refcounts.table());
            unsynced.sync();
            refcounts.tablePublished();
        }
    }

    /** Header bytes 48 to 59 in one write, which lies in one sector: the table moves whole or not at all. */
    private void writeRefcountTablePlace(ResidentTable table) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(Long.BYTES + Integer.BYTES)) {
            MemorySegment fields = loan.segment(Long.BYTES + Integer.BYTES);
            fields.set(BigEndian.LONG, 0, table.hostOffset());
            fields.set(BigEndian.INT, Long.BYTES, (int) (table.lengthBytes() >>> geometry.clusterBits()));
            write(MetadataKind.MAIN_HEADER, HeaderLayout.REFCOUNT_TABLE_OFFSET, fields);
        }
    }

    /** Writes the whole header, with the feature bits as they are now: whoever marks the image as corrupt needs no lock. */
    public void writeHeader(MemorySegment whole) throws IOException {
        overlap.requireNoneIn(0, whole.byteSize(), MetadataKind.MAIN_HEADER);
        unsynced.written();
        bits.writeHeader(whole);
    }

    /** Writes a table to where it lies alone, and zeros behind it up to {@code wholeBytes}. */
    public void writeTable(MetadataKind kind, long hostOffset, MemorySegment table, long wholeBytes)
            throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(wholeBytes)) {
            MemorySegment whole = loan.segment(wholeBytes);
            whole.asSlice(table.byteSize()).fill((byte) 0);
            write(kind, hostOffset, whole.copyFrom(table));
        }
    }

    /** Writes a whole L2 table that the active disk and snapshots may share: what it leads to stays the same. */
    public void writeSharedL2Table(long hostOffset, MemorySegment table) throws IOException {
        overlap.requireOnlyL2In(hostOffset, table.byteSize());
        unsynced.written();
        file.write(hostOffset, table);
    }

    /**
     * Makes the header name another snapshot table (bytes 60 to 71), durably, after everything before is durable. A
     * failure leaves it open which one it names, so that the image takes no more writes.
     */
    public void publishSnapshotTable(int snapshots, long tableOffset) throws IOException {
        publishTable(HeaderLayout.SNAPSHOT_COUNT, snapshots, tableOffset);
    }

    /** The same for the L1 table (bytes 36 to 47). */
    public void publishL1Table(int entries, long tableOffset) throws IOException {
        publishTable(HeaderLayout.L1_ENTRIES, entries, tableOffset);
    }

    private void publishTable(int field, int count, long tableOffset) throws IOException {
        publish(field, Integer.BYTES + Long.BYTES, fields -> {
            fields.set(BigEndian.INT, 0, count);
            fields.set(BigEndian.LONG, Integer.BYTES, tableOffset);
        });
    }

    /** The same for the disk's size (bytes 24 to 31). */
    public void publishDiskSize(long sizeBytes) throws IOException {
        publish(HeaderLayout.VIRTUAL_SIZE, Long.BYTES, fields -> fields.set(BigEndian.LONG, 0, sizeBytes));
    }

    /** The same for the disk's size and its L1 table at once (bytes 24 to 47, of which 32 to 35 stay as they are). */
    public void publishDisk(long sizeBytes, int l1Entries, long l1TableOffset) throws IOException {
        publish(HeaderLayout.VIRTUAL_SIZE, HeaderLayout.REFCOUNT_TABLE_OFFSET - HeaderLayout.VIRTUAL_SIZE, fields -> {
            fields.set(BigEndian.LONG, 0, sizeBytes);
            fields.set(BigEndian.INT, HeaderLayout.CRYPT_METHOD - HeaderLayout.VIRTUAL_SIZE, cryptMethod);
            fields.set(BigEndian.INT, HeaderLayout.L1_ENTRIES - HeaderLayout.VIRTUAL_SIZE, l1Entries);
            fields.set(BigEndian.LONG, HeaderLayout.L1_TABLE_OFFSET - HeaderLayout.VIRTUAL_SIZE, l1TableOffset);
        });
    }

    /** Changes header fields in one write within a sector. */
    private void publish(int field, int lengthBytes, Consumer<MemorySegment> filling) throws IOException {
        unsynced.sync();
        try (IoBuffers.Loan loan = IoBuffers.borrow(lengthBytes)) {
            MemorySegment fields = loan.segment(lengthBytes);
            filling.accept(fields);
            write(MetadataKind.MAIN_HEADER, field, fields);
        } catch (ImageException refused) {
            unsynced.fail(refused);
            throw refused;
        }
        unsynced.sync();
    }

    private void write(MetadataKind kind, long hostOffset, MemorySegment from) throws IOException {
        overlap.requireNoneIn(hostOffset, from.byteSize(), kind);
        unsynced.written();
        file.write(hostOffset, from);
    }
}
