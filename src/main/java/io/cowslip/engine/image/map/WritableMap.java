package io.cowslip.engine.image.map;

import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.alloc.Refcounts;
import io.cowslip.engine.cache.ActiveL1;
import io.cowslip.engine.format.ExtendedL2Entry;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Changes to the map of one image: makes L2 tables, publishes entries, lets go of what they led to. Under the image's
 * metadata lock. Every step leaves the map whole, so a commit may come between any two.
 */
public final class WritableMap {
    private final HostFile file;
    private final ImageGeometry geometry;
    private final ActiveL1 l1;
    private final ClusterMap map;
    private final Refcounts refcounts;
    private final ClusterAllocator allocator;
    private final DataClusters clusters;
    private final WriteBarrier barrier;

    /** @param clusters what gives the guest's clusters their places */
    public WritableMap(ImageMetadata metadata, DataClusters clusters) {
        this.file = metadata.file();
        this.geometry = metadata.geometry();
        this.l1 = metadata.l1();
        this.map = metadata.map();
        this.refcounts = metadata.refcounts();
        this.allocator = metadata.allocator();
        this.clusters = clusters;
        this.barrier = metadata.barrier();
    }

    /** The entry of {@code guestCluster} as it stands; 0 where there is no table. */
    public long entry(long guestCluster) throws IOException {
        if (geometry.extendedL2()) {
            return extendedEntry(guestCluster).descriptor();
        }
        if (!hasTable(guestCluster)) {
            return 0;
        }
        long entry = map.slices().entry(guestCluster);
        map.requireSound(entry, guestCluster);
        return entry;
    }

    /** The same with its bitmap, where L2 entries are extended. Any thread while the entry's cluster is reserved. */
    public ExtendedL2Entry extendedEntry(long guestCluster) throws IOException {
        return hasTable(guestCluster) ? map.soundEntry(map.slices(), guestCluster) : ExtendedL2Entry.NONE;
    }

    /** Whether the cluster's L2 table is there. */
    public boolean hasTable(long guestCluster) {
        return L1Entry.tableOffset(l1.entry(map.l1Index(guestCluster))) != 0;
    }

    /** First cluster of the slice after that of {@code guestCluster}. */
    public long sliceEnd(long guestCluster) {
        int entriesPerSlice = map.slices().entriesPerSlice();
        return (guestCluster / entriesPerSlice + 1) * entriesPerSlice;
    }

    /** Sees to it that the entries of {@code guestCluster}'s slice can be published. Allocates nothing that leaks. */
    public void prepare(long guestCluster) throws IOException {
        int index = map.l1Index(guestCluster);
        long l1Entry = l1.entry(index);
        if (L1Entry.tableOffset(l1Entry) == 0) {
            l1.set(index, L1Entry.ofCopiedTable(newTable()));
        } else if (!L1Entry.isCopied(l1Entry)) {
            moveSharedTable(index, L1Entry.tableOffset(l1Entry));
        }
        makeRoom(guestCluster);
    }

    private void makeRoom(long guestCluster) throws IOException {
        if (map.slices().mustWriteBackBeforePut(guestCluster)) {
            barrier.commit(refcounts);
        }
    }

    /** Makes everything published so far durable. */
    public void commit() throws IOException {
        barrier.commit(refcounts);
    }

    private long newTable() throws IOException {
        return newTable(host -> file.zero(host, geometry.clusterBytes()));
    }

    /** A cluster for an L2 table, filled; given back when that fails. */
    private long newTable(TableFill fill) throws IOException {
        ClusterAllocator.Run run = allocator.allocate(1);
        boolean filled = false;
        try {
            fill.fill(run.hostOffset());
            barrier.tableWritten();
            filled = true;
        } finally {
            if (!filled) {
                allocator.giveBack(run);
            }
        }
        return run.hostOffset();
    }

    /** Writes a new table at {@code hostOffset}. */
    @FunctionalInterface
    private interface TableFill {
        void fill(long hostOffset) throws IOException;
    }

    /** A table that something else refers to as well must not change: this image gets a copy of its own. */
    private void moveSharedTable(int index, long sharedTable) throws IOException {
        barrier.commit(refcounts);
        long ownTable = newTable(host -> copyTable(sharedTable, host));
        l1.set(index, L1Entry.ofCopiedTable(ownTable));
        allocator.free(sharedTable, geometry.clusterBytes(), false);
    }

    /** Moves the L2 table of {@code guestCluster} to where there is room before it, if there is any. */
    public void moveTableDown(long guestCluster) throws IOException {
        int index = map.l1Index(guestCluster);
        long old = L1Entry.tableOffset(l1.entry(index));
        if (old == 0 || !L1Entry.isCopied(l1.entry(index))) {
            return;
        }
        barrier.commit(refcounts);
        moveCommittedTableDown(index);
    }

    /** The same for the L2 table of an L1 entry, of which nothing is newer than the file, and which nothing else leads to. */
    public void moveCommittedTableDown(int index) throws IOException {
        long old = L1Entry.tableOffset(l1.entry(index));
        long moved = newTable(host -> copyTable(old, host));
        if (moved < old) {
            l1.set(index, L1Entry.ofCopiedTable(moved));
            allocator.free(old, geometry.clusterBytes(), true);
        } else {
            allocator.giveBack(new ClusterAllocator.Run(moved, 1));
        }
    }

    private void copyTable(long fromHost, long toHost) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment table = loan.segment(geometry.clusterBytes());
            file.readWhole("L2 table", fromHost, table);
            file.write(toHost, table);
        }
    }

    /**
     * Publishes an entry and lets go of the one it replaces. After {@link #prepare} of the same slice, with nothing else
     * in between but more of this.
     *
     * @param punch whether the host is to have the old cluster's space back
     */
    public void replace(long guestCluster, long entry, boolean punch) throws IOException {
        long old = entry(guestCluster);
        map.slices().put(guestCluster, entry);
        release(old, entry, punch);
    }

    /** The same where L2 entries are extended. */
    public void replace(long guestCluster, ExtendedL2Entry entry, boolean punch) throws IOException {
        long old = entry(guestCluster);
        map.slices().put(guestCluster, entry);
        release(old, entry.descriptor(), punch);
    }

    /** Publishes an entry with {@code bitmap} where L2 entries are extended, and without it where they are not. */
    public void replace(long guestCluster, long descriptor, long bitmap, boolean punch) throws IOException {
        if (geometry.extendedL2()) {
            replace(guestCluster, new ExtendedL2Entry(descriptor, bitmap), punch);
        } else {
            replace(guestCluster, descriptor, punch);
        }
    }

    private void release(long old, long replacement, boolean punch) {
        if (L2Entry.isCompressed(old)) {
            allocator.free(
                    L2Entry.compressedHostOffset(old, geometry.clusterBits()),
                    L2Entry.compressedPayloadBytes(old, geometry.clusterBits()),
                    punch);
        } else {
            // A compressed cluster may have bits where others have their place, but never lies where another still
            // does.
            clusters.release(old, L2Entry.isCompressed(replacement) ? 0 : replacement, punch);
        }
    }
}
