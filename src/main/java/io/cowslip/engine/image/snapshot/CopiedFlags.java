package io.cowslip.engine.image.snapshot;

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
import io.cowslip.engine.image.map.WriteBarrier;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * The COPIED flags of the active L1 table and of the L2 tables that it leads to: whether a cluster's count is exactly 1.
 * A flag that is missing costs a copy; one too many lets a guest write into a snapshot. L2 tables change in the file,
 * so whoever calls this gives up the cached slices. Under the image's metadata lock, while nothing else uses the image.
 */
final class CopiedFlags {
    private final HostFile file;
    private final ImageGeometry geometry;
    private final ActiveL1 l1;
    private final ClusterMap map;
    private final Refcounts refcounts;
    private final WriteBarrier barrier;

    CopiedFlags(ImageMetadata metadata) {
        this.file = metadata.file();
        this.geometry = metadata.geometry();
        this.l1 = metadata.l1();
        this.map = metadata.map();
        this.refcounts = metadata.refcounts();
        this.barrier = metadata.barrier();
    }

    /** What an L2 entry is to be. */
    @FunctionalInterface
    private interface Change {
        long of(long entry) throws IOException;
    }

    /** Clears all flags. */
    void clear() throws IOException {
        clearIn(l1.table().entries());
        for (int index = 0; index < l1.table().entryCount(); index++) {
            l1.set(index, l1.entry(index) & ~L1Entry.COPIED);
        }
    }

    /**
     * Clears the flags of the L2 tables that an L1 table with these entries leads to. A snapshot's have none, unless an
     * interrupted change or another program left some: nobody looks at them, until the disk goes back to the snapshot.
     */
    void clearIn(long[] l1Entries) throws IOException {
        for (int index = 0; index < l1Entries.length; index++) {
            if (l1Entries[index] != 0) {
                changeTable(map.tableOffset(index, l1Entries[index]), old -> old & ~L2Entry.COPIED);
            }
        }
    }

    /** Sets the flags where the counts say so, also below a table whose own count a crash left too high. */
    void setWhereSole() throws IOException {
        for (int index = 0; index < l1.table().entryCount(); index++) {
            long entry = l1.entry(index);
            if (entry != 0) {
                long hostOffset = map.tableOffset(index, entry);
                changeTable(hostOffset, this::copiedWhereSole);
                if (isSole(hostOffset)) {
                    l1.set(index, entry | L1Entry.COPIED);
                }
            }
        }
    }

    private long copiedWhereSole(long entry) throws IOException {
        long hostOffset = L2Entry.hostOffset(entry);
        return hostOffset != 0 && isSole(hostOffset) ? entry | L2Entry.COPIED : entry;
    }

    private boolean isSole(long hostOffset) throws IOException {
        return refcounts.count(hostOffset >>> geometry.clusterBits()) == 1;
    }

    private void changeTable(long hostOffset, Change change) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment table = loan.segment(geometry.clusterBytes());
            file.readWhole("L2 table", hostOffset, table);
            boolean changed = false;
            for (long at = 0; at < table.byteSize(); at += geometry.l2EntryBytes()) {
                long old = table.get(BigEndian.LONG, at);
                long entry = L2Entry.isCompressed(old) ? old : change.of(old);
                changed |= entry != old;
                table.set(BigEndian.LONG, at, entry);
            }
            if (changed) {
                barrier.writeSharedL2Table(hostOffset, table);
            }
        }
    }
}
