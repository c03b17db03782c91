package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.alloc.MetadataOverlap;
import io.cowslip.engine.alloc.Refcounts;
import io.cowslip.engine.cache.ActiveL1;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.MetadataKind;
import io.cowslip.engine.format.SnapshotRecord;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.bitmap.Bitmaps;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.map.ClippedClusters;
import io.cowslip.engine.image.map.ClusterMap;
import io.cowslip.engine.image.map.DataStore;
import io.cowslip.engine.image.map.ImageMetadata;
import io.cowslip.engine.image.map.MetadataLock;
import io.cowslip.engine.image.map.WritableMap;
import io.cowslip.engine.image.map.WriteBarrier;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.image.snapshot.SnapshotReader;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/**
 * Gives the disk of a writable qcow2 image another size, in the file. One write of the header makes it true, less than a
 * sector long: a crash leaves the old size or the new one, with leaks at worst.
 *
 * <p>A disk that grows gets a longer L1 table first, then zeros behind its old end, and the size last. One that shrinks
 * gets, together with its size, an L1 table that leads to nothing behind the new end; where the end cuts an L2 table,
 * this leads to a copy of the part that is kept. What was lost is let go of when that is durable.
 *
 * <p>Under the metadata lock where a method does not say that it takes it.
 */
final class Resizer {
    private final HostFile file;
    private final ImageGeometry geometry;
    private final int version;
    private final DataStore data;
    private final @Nullable ImageLayer backing;
    private final ActiveL1 l1;
    private final ClusterMap map;
    private final Refcounts refcounts;
    private final ClusterAllocator allocator;
    private final WriteBarrier barrier;
    private final MetadataOverlap overlap;
    private final Bitmaps bitmaps;
    private final WritableMap writableMap;
    private final Preallocator preallocator;
    private final MetadataLock lock;

    Resizer(
            Qcow2Layer layer,
            ImageMetadata metadata,
            Bitmaps bitmaps,
            WritableMap writableMap,
            Preallocator preallocator) {
        this.file = metadata.file();
        this.geometry = metadata.geometry();
        this.version = layer.version();
        this.data = layer.data();
        this.backing = layer.backing();
        this.l1 = metadata.l1();
        this.map = metadata.map();
        this.refcounts = metadata.refcounts();
        this.allocator = metadata.allocator();
        this.barrier = metadata.barrier();
        this.overlap = metadata.overlap();
        this.bitmaps = bitmaps;
        this.writableMap = writableMap;
        this.preallocator = preallocator;
        this.lock = metadata.lock();
    }

    /**
     * Refuses, as QEMU does, what cannot be. Takes the lock.
     *
     * @throws ImageException INVALID_OPTION naming {@code virtual-size}; UNSUPPORTED_FEATURE; INCONSISTENT_BITMAP
     */
    void requirePossible(long sizeBytes) throws IOException {
        long mostBytes = ImageGeometry.MAX_L1_BYTES / Long.BYTES * geometry.guestBytesPerTable();
        if (sizeBytes > mostBytes) {
            throw ImageException.invalidOption(
                    "virtual-size",
                    file.path(),
                    "virtual-size is " + sizeBytes + "; with clusters of " + geometry.clusterBytes()
                            + " bytes it may be at most " + mostBytes);
        }
        lock.during(() -> {
            requireSnapshotsAllow();
            bitmaps.requireResizable(sizeBytes);
        });
    }

    private void requireSnapshotsAllow() throws IOException {
        for (SnapshotRecord snapshot :
                SnapshotReader.read(file, HeaderReader.read(file)).snapshots()) {
            if (version == 2 || snapshot.diskBytes() == null) {
                throw ImageException.of(
                        Kind.UNSUPPORTED_FEATURE,
                        file.path(),
                        "the image has a snapshot, \"" + snapshot.id() + "\", that does not say how large its disk is;"
                                + " delete it to resize the disk");
            }
        }
    }

    /** Makes the L1 table long enough. Longer than the disk needs it is allowed to be, whatever comes next. */
    void growTable(long sizeBytes) throws IOException {
        ResidentTable old = l1.table();
        int entries = geometry.withVirtualSizeBytes(sizeBytes).l1EntriesNeeded();
        if (entries <= old.entryCount()) {
            return;
        }
        moveTable(Arrays.copyOf(old.entries(), entries), allocateTable(entries));
    }

    /** The same in other clusters, which are its own already. */
    private void moveTable(long[] entries, ClusterAllocator.Run run) throws IOException {
        ResidentTable old = l1.table();
        boolean done = false;
        try {
            ResidentTable next = writeTable(entries, run);
            barrier.publishL1Table(entries.length, next.hostOffset());
            done = true;
            use(next);
        } finally {
            if (!done) {
                allocator.giveBack(run);
            }
        }
        if (old.lengthBytes() > 0) {
            allocator.free(old.hostOffset(), old.lengthBytes(), false);
        }
    }

    private ClusterAllocator.Run allocateTable(int entries) throws IOException {
        return allocator.allocateAll(
                (int) (geometry.roundUpToCluster((long) entries * Long.BYTES) >>> geometry.clusterBits()));
    }

    /** An L1 table in clusters of its own; all that is known is durable when this returns. */
    private ResidentTable writeTable(long[] entries, ClusterAllocator.Run run) throws IOException {
        MemorySegment bytes = MemorySegment.ofArray(new byte[entries.length * Long.BYTES]);
        MemorySegment.copy(entries, 0, bytes, BigEndian.LONG, 0, entries.length);
        barrier.writeTable(
                MetadataKind.ACTIVE_L1, run.hostOffset(), bytes, (long) run.clusters() << geometry.clusterBits());
        barrier.commit(refcounts);
        return ResidentTable.read("L1 table", file, run.hostOffset(), entries.length);
    }

    private void use(ResidentTable next) {
        ResidentTable old = l1.table();
        overlap.add(MetadataKind.ACTIVE_L1, next.hostOffset(), next.lengthBytes());
        overlap.follow(next, MetadataKind.ACTIVE_L2);
        l1.use(next);
        overlap.removeEntries(MetadataKind.ACTIVE_L2, old.entries());
        overlap.remove(MetadataKind.ACTIVE_L1, old.hostOffset(), old.lengthBytes());
    }

    /**
     * How far behind the old end there may be something that does not read as zeros: what the disk had there once, or
     * what shows through from below.
     */
    long endOfRemains(long newBytes) {
        long mapped = (long) l1.table().entryCount() * geometry.guestBytesPerTable();
        long below = backing == null ? 0 : geometry.roundUpToCluster(backing.virtualSizeBytes());
        return Math.min(newBytes, Math.max(mapped, below));
    }

    /** Gives the part of the disk that is new its places. Takes the lock. */
    void preallocate(long oldBytes, long newBytes, Preallocation mode, WorkThreads work) throws IOException {
        // A raw data file is told from the disk by nothing, so its map is whole from the start.
        Preallocation used = mode == Preallocation.OFF && data.isRaw() ? Preallocation.METADATA : mode;
        if (used != Preallocation.OFF) {
            preallocator.allocate(oldBytes, newBytes, used, work);
        }
    }

    /** Makes a greater size true, durably. */
    void publishGrowth(long oldBytes, long newBytes) throws IOException {
        bitmaps.resize(newBytes);
        boolean committed = false;
        try {
            barrier.commit(refcounts);
            committed = true;
        } finally {
            if (!committed) {
                bitmaps.resize(oldBytes);
            }
        }
        barrier.publishDiskSize(newBytes);
    }

    /**
     * Makes a smaller size true, durably. With everything committed, while nothing else uses the image.
     *
     * @return what is to be let go of; null: nothing
     */
    @Nullable
    ClippedClusters clip(long newBytes) throws IOException {
        ImageGeometry next = geometry.withVirtualSizeBytes(newBytes);
        ResidentTable old = l1.table();
        long[] kept = Arrays.copyOf(old.entries(), next.l1EntriesNeeded());
        List<ClusterAllocator.Run> taken = new ArrayList<>();
        boolean done = false;
        try {
            boolean copied = clipLastTable(kept, next.guestClusters(), taken);
            if (!copied && kept.length == old.entryCount()) {
                bitmaps.resize(newBytes);
                barrier.publishDiskSize(newBytes);
                done = true;
                return null;
            }
            taken.add(allocateTable(kept.length));
            ResidentTable table = writeTable(kept, taken.getLast());
            bitmaps.resize(newBytes);
            barrier.publishDisk(newBytes, kept.length, table.hostOffset());
            done = true;
            use(table);
            return new ClippedClusters(
                    file, geometry, data.isExternal(), map, allocator, old, next.guestClusters(), copied);
        } finally {
            if (!done) {
                taken.forEach(allocator::giveBack);
            }
        }
    }

    /**
     * Puts an L1 table that leads nowhere in the place of the one in use, durably. With everything committed, while nothing
     * else uses the image.
     *
     * @return what is to be let go of
     */
    ClippedClusters empty() throws IOException {
        ResidentTable old = l1.table();
        if (old.entryCount() > 0) {
            ClusterAllocator.Run run = allocateTable(old.entryCount());
            boolean done = false;
            try {
                ResidentTable table = writeTable(new long[old.entryCount()], run);
                barrier.publishL1Table(old.entryCount(), table.hostOffset());
                done = true;
                use(table);
            } finally {
                if (!done) {
                    allocator.giveBack(run);
                }
            }
        }
        return new ClippedClusters(file, geometry, data.isExternal(), map, allocator, old, 0, false);
    }

    /** Puts a copy in the place of an L2 table that is kept in part, if it has anything behind that. */
    private boolean clipLastTable(long[] l1Entries, long endCluster, List<ClusterAllocator.Run> taken)
            throws IOException {
        long firstByte = (endCluster & (1L << geometry.l2EntriesPerTableBits()) - 1) * geometry.l2EntryBytes();
        int index = l1Entries.length - 1;
        if (firstByte == 0 || L1Entry.tableOffset(l1Entries[index]) == 0) {
            return false;
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment table = loan.segment(geometry.clusterBytes());
            file.readWhole("L2 table", map.tableOffset(index, l1Entries[index]), table);
            if (ZeroDetection.isZero(table, firstByte, table.byteSize())) {
                return false;
            }
            table.asSlice(firstByte).fill((byte) 0);
            ClusterAllocator.Run run = allocator.allocateAll(1);
            taken.add(run);
            barrier.writeTable(MetadataKind.ACTIVE_L2, run.hostOffset(), table, table.byteSize());
            l1Entries[index] = L1Entry.ofCopiedTable(run.hostOffset());
            return true;
        }
    }

    /**
     * Moves the tables that became smaller to where there is room now: while they were made there may have been none but
     * at the file's end, which they would keep there.
     */
    void moveTablesDown(long diskBytes) throws IOException {
        ResidentTable table = l1.table();
        ClusterAllocator.Run run = allocateTable(table.entryCount());
        if (run.hostOffset() < table.hostOffset()) {
            moveTable(table.entries(), run);
        } else {
            allocator.giveBack(run);
        }
        writableMap.moveTableDown((diskBytes - 1) >>> geometry.clusterBits());
        barrier.commit(refcounts);
    }

    /**
     * Lets go of refcount blocks that count nothing, and ends the file after its last cluster in use.
     *
     * @throws ImageException CORRUPT where metadata would go with that, which the counts call free
     */
    void trimFile() throws IOException {
        barrier.commitWithRefcounts(refcounts);
        allocator.reclaimWherePossible();
        // A block that goes may have been the last thing that another one counts.
        while (letGoOfEmptyBlocks()) {
            barrier.commitWithRefcounts(refcounts);
        }
        long endBytes = refcounts.endOfCounted() << geometry.clusterBits();
        long fileBytes = file.sizeBytes();
        if (fileBytes > endBytes) {
            overlap.requireNoneIn(endBytes, fileBytes - endBytes, null);
            file.truncate(endBytes);
            barrier.tableWritten();
        }
    }

    /** Whether that may leave other blocks empty. */
    private boolean letGoOfEmptyBlocks() throws IOException {
        SortedMap<Integer, Long> empty = refcounts.takeOutEmptyBlocks();
        boolean durable = false;
        try {
            barrier.commitWithRefcounts(refcounts);
            durable = true;
        } finally {
            if (!durable) {
                refcounts.putBackBlocks(empty);
            }
        }
        boolean released = false;
        for (Map.Entry<Integer, Long> block : empty.entrySet()) {
            if (!refcounts.countsItself(block.getKey(), block.getValue())) {
                allocator.release(block.getValue(), geometry.clusterBytes(), true);
                released = true;
            }
        }
        return released;
    }
}
