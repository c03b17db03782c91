package io.cowslip.engine.image.layer;

import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.alloc.MetadataOverlap;
import io.cowslip.engine.alloc.Refcounts;
import io.cowslip.engine.cache.ActiveL1;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.map.ClusterMap;
import io.cowslip.engine.image.map.ImageMetadata;
import io.cowslip.engine.image.map.MetadataLock;
import io.cowslip.engine.image.map.WritableMap;
import io.cowslip.engine.image.map.WriteBarrier;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Moves clusters of one image from its file's end into room before it: what the active disk alone has, which is its data,
 * plain and compressed, and its L2 tables, and the refcounts. While nothing else uses the image; takes the metadata lock
 * for each step.
 */
final class ClusterMover {
    private static final int RUN_BYTES = 2 << 20;
    private static final long COMMIT_BYTES = 64L << 20;

    private final Qcow2Layer layer;
    private final HostFile file;
    private final ImageGeometry geometry;
    private final ActiveL1 l1;
    private final ClusterMap map;
    private final Refcounts refcounts;
    private final ClusterAllocator allocator;
    private final WritableMap writableMap;
    private final WriteBarrier barrier;
    private final MetadataOverlap overlap;
    private final MetadataLock lock;

    ClusterMover(Qcow2Layer layer, ImageMetadata metadata, WritableMap writableMap) {
        this.layer = layer;
        this.file = metadata.file();
        this.geometry = metadata.geometry();
        this.l1 = metadata.l1();
        this.map = metadata.map();
        this.refcounts = metadata.refcounts();
        this.allocator = metadata.allocator();
        this.writableMap = writableMap;
        this.barrier = metadata.barrier();
        this.overlap = metadata.overlap();
        this.lock = metadata.lock();
    }

    /**
     * Lets go of L2 tables that map nothing, in an image with nothing below it and everything committed.
     *
     * @return whether there were any; cached slices mean nothing then
     */
    boolean dropEmptyTables() throws IOException {
        boolean dropped = false;
        for (int index = 0; index < l1.table().entryCount(); index++) {
            int table = index;
            if (L1Entry.tableOffset(l1.entry(table)) != 0 && isEmpty(table)) {
                lock.during(() -> drop(table));
                dropped = true;
            }
        }
        return dropped;
    }

    private void drop(int index) throws IOException {
        long tableOffset = map.tableOffset(index, l1.entry(index));
        l1.set(index, 0);
        allocator.free(tableOffset, geometry.clusterBytes(), true);
    }

    private boolean isEmpty(int index) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment table = table(index, loan);
            for (long at = 0; at < table.byteSize(); at += geometry.l2EntryBytes()) {
                long entry = table.get(BigEndian.LONG, at);
                if (entry != 0 && entry != L2Entry.ZERO) {
                    return false;
                }
            }
            return true;
        }
    }

    private MemorySegment table(int index, IoBuffers.Loan loan) throws IOException {
        MemorySegment table = loan.segment(geometry.clusterBytes());
        file.readWhole("L2 table", map.tableOffset(index, l1.entry(index)), table);
        return table;
    }

    /** What makes everything durable, without the lock. */
    @FunctionalInterface
    interface Commit {
        void commit() throws IOException;
    }

    /**
     * Moves what can be moved, as far as that lets the file become shorter; with everything committed.
     *
     * @return the cluster behind the last that cannot move: from there on nothing is to be left
     */
    long moveDown(WorkThreads work, Commit commit) throws IOException {
        long end = refcounts.endOfCounted();
        long floor = floor(end);
        if (floor >= end) {
            return floor;
        }
        // Tables of several clusters go first, while there is room for them in one piece.
        if (refcounts.table().hostOffset() >>> geometry.clusterBits() >= floor) {
            lock.during(() -> moveRefcountTable(floor));
        }
        work.expect((end - floor) << geometry.clusterBits());
        Move move = new Move(floor << geometry.clusterBits(), work, commit);
        for (int index = 0; index < l1.table().entryCount(); index++) {
            if (L1Entry.isCopied(l1.entry(index))) {
                move.clustersOf(index);
            }
        }
        commit.commit();
        for (int index = 0; index < l1.table().entryCount(); index++) {
            move.table(index);
        }
        return floor;
    }

    /** Moves refcount blocks of what stays to before {@code floor}, with everything committed. */
    void moveRefcountBlocks(long floor) throws IOException {
        for (int index = 0; index < refcounts.table().entryCount(); index++) {
            int block = index;
            boolean counts =
                    refcounts.table().entry(block) != 0 && (long) block << geometry.refcountsPerBlockBits() < floor;
            if (counts && refcounts.blockOffset(block) >>> geometry.clusterBits() >= floor) {
                lock.during(() -> moveBlock(block, floor));
            }
        }
    }

    private void moveBlock(int block, long floor) throws IOException {
        movingTo(allocator.allocate(1), floor, place -> {
            long old = refcounts.blockOffset(block);
            // The block has the count of its own new place as well.
            barrier.commitWithRefcounts(refcounts);
            copy(old, place, geometry.clusterBytes());
            refcounts.moveBlock(block, place);
            allocator.free(old, geometry.clusterBytes(), true);
        });
    }

    private void moveRefcountTable(long floor) throws IOException {
        long lengthBytes = refcounts.table().lengthBytes();
        int clusters = (int) (geometry.roundUpToCluster(lengthBytes) >>> geometry.clusterBits());
        movingTo(allocator.allocateAll(clusters), floor, refcounts::moveTable);
    }

    @FunctionalInterface
    private interface Moving {
        void moveTo(long hostOffset) throws IOException;
    }

    /** Moves something into {@code run} if that lies before {@code floor}; else, and when it fails, the run is given back. */
    private void movingTo(ClusterAllocator.Run run, long floor, Moving moving) throws IOException {
        boolean moved = false;
        try {
            if ((run.hostOffset() >>> geometry.clusterBits()) + run.clusters() <= floor) {
                moving.moveTo(run.hostOffset());
                moved = true;
            }
        } finally {
            if (!moved) {
                allocator.giveBack(run);
            }
        }
        barrier.commitWithRefcounts(refcounts);
    }

    private void copy(long fromHost, long toHost, long lengthBytes) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(lengthBytes)) {
            MemorySegment bytes = loan.segment(lengthBytes);
            // The last sector that a compressed cluster may reach into need not be in the file.
            bytes.asSlice(file.read(fromHost, bytes)).fill((byte) 0);
            file.write(toHost, bytes);
        }
        barrier.tableWritten();
    }

    /** The first cluster of those at the file's end that all could go elsewhere. */
    private long floor(long end) throws IOException {
        long used = 0;
        for (long cluster = 0; cluster < end; cluster++) {
            used += refcounts.count(cluster) > 0 ? 1 : 0;
        }
        MovableClusters movable = new MovableClusters(geometry, used, end);
        movable.addRefcounts(refcounts);
        movable.addTable(l1.table());
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            for (int index = 0; index < l1.table().entryCount(); index++) {
                if (L1Entry.isCopied(l1.entry(index))) {
                    movable.addL2Table(L1Entry.tableOffset(l1.entry(index)), table(index, loan), externalData());
                }
            }
        }
        return movable.floor(refcounts);
    }

    private boolean externalData() {
        return layer.data().isExternal();
    }

    /** One pass over the disk's map. */
    private final class Move {
        private final long floorBytes;
        private final WorkThreads work;
        private final Commit commit;
        private long movedBytes;
        private boolean roomForData = true;
        private boolean roomForPacked = true;

        Move(long floorBytes, WorkThreads work, Commit commit) {
            this.floorBytes = floorBytes;
            this.work = work;
            this.commit = commit;
        }

        /** Of one L2 table, what it leads to. */
        void clustersOf(int index) throws IOException {
            long cluster = (long) index << geometry.l2EntriesPerTableBits();
            long end = Math.min(
                    cluster + (1L << geometry.l2EntriesPerTableBits()),
                    geometry.withVirtualSizeBytes(layer.virtualSizeBytes()).guestClusters());
            while (!externalData() && cluster < end) {
                cluster += step(cluster, end);
            }
        }

        /** An L2 table itself, once all tables are in the file as they are. */
        void table(int index) throws IOException {
            long entry = l1.entry(index);
            if (L1Entry.isCopied(entry) && L1Entry.tableOffset(entry) >= floorBytes) {
                lock.during(() -> writableMap.moveCommittedTableDown(index));
                moved(geometry.clusterBytes());
            }
        }

        /** Moves from one cluster of the disk on what goes together; says how many clusters were looked at. */
        private long step(long cluster, long end) throws IOException {
            long entry = writableMap.entry(cluster);
            if (L2Entry.isCompressed(entry)) {
                if (roomForPacked && endOfPayload(entry) > floorBytes) {
                    lock.during(() -> movePacked(cluster, entry));
                    moved(L2Entry.compressedPayloadBytes(entry, geometry.clusterBits()));
                }
                return 1;
            }
            if (!roomForData || !L2Entry.isCopied(entry) || L2Entry.hostOffset(entry) < floorBytes) {
                return 1;
            }
            int wanted = runLength(cluster, entry, Math.min(end, writableMap.sliceEnd(cluster)));
            long[] done = {1};
            lock.during(() -> done[0] = Math.max(1, moveData(cluster, entry, wanted)));
            moved(done[0] << geometry.clusterBits());
            return done[0];
        }

        private int runLength(long cluster, long entry, long end) throws IOException {
            int most = (int) Math.min(end - cluster, Math.max(1, RUN_BYTES >> geometry.clusterBits()));
            int run = 1;
            while (run < most && writableMap.entry(cluster + run) == entry + ((long) run << geometry.clusterBits())) {
                run++;
            }
            return run;
        }

        private int moveData(long cluster, long entry, int wanted) throws IOException {
            ClusterAllocator.Run run = belowFloor(allocator.allocate(wanted));
            if (run.clusters() == 0) {
                roomForData = false;
                return 0;
            }
            int published = 0;
            try {
                copy(L2Entry.hostOffset(entry), run, cluster);
                writableMap.prepare(cluster);
                for (; published < run.clusters(); published++) {
                    long place = run.hostOffset() + ((long) published << geometry.clusterBits());
                    publish(cluster + published, L2Entry.ofCopiedData(place) | entry & L2Entry.ZERO);
                }
            } finally {
                giveBackFrom(run, published);
            }
            return published;
        }

        private void publish(long cluster, long descriptor) throws IOException {
            long bitmap =
                    geometry.extendedL2() ? writableMap.extendedEntry(cluster).bitmap() : 0;
            writableMap.replace(cluster, descriptor, bitmap, true);
        }

        /** What of a run lies where things are to move to; the rest is given back. */
        private ClusterAllocator.Run belowFloor(ClusterAllocator.Run run) {
            long room = Math.max(0, (floorBytes - run.hostOffset()) >> geometry.clusterBits());
            int kept = (int) Math.min(run.clusters(), room);
            giveBackFrom(run, kept);
            return new ClusterAllocator.Run(run.hostOffset(), kept);
        }

        private void giveBackFrom(ClusterAllocator.Run run, int first) {
            if (first < run.clusters()) {
                allocator.giveBack(new ClusterAllocator.Run(
                        run.hostOffset() + ((long) first << geometry.clusterBits()), run.clusters() - first));
            }
        }

        private void copy(long fromHost, ClusterAllocator.Run run, long cluster) throws IOException {
            long length = (long) run.clusters() << geometry.clusterBits();
            long guestOffset = cluster << geometry.clusterBits();
            try (IoBuffers.Loan loan = IoBuffers.borrow(length)) {
                MemorySegment bytes = loan.segment(length);
                layer.data().read(fromHost, guestOffset, bytes);
                layer.data().write(run.hostOffset(), guestOffset, bytes);
            }
            barrier.newDataWritten(length);
        }

        private long endOfPayload(long entry) {
            return L2Entry.compressedHostOffset(entry, geometry.clusterBits())
                    + L2Entry.compressedPayloadBytes(entry, geometry.clusterBits());
        }

        /** The payload's own end is not known, only that of its last sector: that much moves. */
        private void movePacked(long cluster, long entry) throws IOException {
            int payloadBytes = L2Entry.compressedPayloadBytes(entry, geometry.clusterBits());
            int length = Math.min(payloadBytes, geometry.clusterBytes());
            long place = allocator.allocateCompressed(length);
            boolean published = false;
            try {
                long moved = L2Entry.ofCompressed(place, length, geometry.clusterBits());
                if (place + length > floorBytes || !L2Entry.isCompressedLength(place, length, geometry.clusterBits())) {
                    roomForPacked = place + length <= floorBytes;
                    return;
                }
                ClusterMover.this.copy(L2Entry.compressedHostOffset(entry, geometry.clusterBits()), place, length);
                writableMap.prepare(cluster);
                writableMap.replace(cluster, moved, 0, true);
                published = true;
            } finally {
                if (!published) {
                    allocator.giveBackBytes(place, length);
                }
            }
        }

        /** Commits now and then: what was moved waits in memory for that. */
        private void moved(long bytes) throws IOException {
            work.done(bytes);
            movedBytes += bytes;
            if (movedBytes >= COMMIT_BYTES) {
                movedBytes = 0;
                commit.commit();
            }
        }
    }

    /** Gives the space of every free cluster of the file to the host. Under the lock, with everything durable. */
    void punchFree() throws IOException {
        long end = Math.min(refcounts.endOfCounted(), file.sizeBytes() >>> geometry.clusterBits());
        long cluster = 1;
        while (cluster < end) {
            long first = cluster;
            while (cluster < end && refcounts.count(cluster) == 0) {
                cluster++;
            }
            if (cluster > first) {
                long lengthBytes = (cluster - first) << geometry.clusterBits();
                overlap.requireNoneIn(first << geometry.clusterBits(), lengthBytes, null);
                file.punch(first << geometry.clusterBits(), lengthBytes);
            }
            cluster++;
        }
    }
}
