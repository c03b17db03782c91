package io.cowslip.engine.image.map;

import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * What a disk loses that becomes smaller: the clusters behind its new end, the L2 tables that lead to nothing else, and
 * the old L1 table. The file does not lead there any more, durably, and no request does.
 */
public final class ClippedClusters {
    private final HostFile file;
    private final ImageGeometry geometry;
    private final boolean externalData;
    private final ClusterMap map;
    private final ClusterAllocator allocator;
    private final ResidentTable old;
    private final long firstCluster;
    private final boolean lastTableCopied;

    /**
     * @param externalData whether the guest's clusters lie elsewhere, without counts
     * @param old the L1 table before
     * @param firstCluster the first of the guest's clusters that is lost
     * @param lastTableCopied whether the L2 table with that one has been replaced by one without the clusters lost
     */
    public ClippedClusters(
            HostFile file,
            ImageGeometry geometry,
            boolean externalData,
            ClusterMap map,
            ClusterAllocator allocator,
            ResidentTable old,
            long firstCluster,
            boolean lastTableCopied) {
        this.file = file;
        this.geometry = geometry;
        this.externalData = externalData;
        this.map = map;
        this.allocator = allocator;
        this.old = old;
        this.firstCluster = firstCluster;
        this.lastTableCopied = lastTableCopied;
    }

    /** Lets go of all of it, one table at a time. What a failure leaves is counted and not used: leaks. */
    public void release(MetadataLock lock) throws IOException {
        int lastKept = map.l1Index(firstCluster);
        boolean clipsLast = (firstCluster & tableMask()) != 0;
        if (clipsLast && lastTableCopied) {
            lock.during(() -> releaseTable(lastKept, firstCluster & tableMask()));
        }
        for (int index = clipsLast ? lastKept + 1 : lastKept; index < old.entryCount(); index++) {
            int table = index;
            if (L1Entry.tableOffset(old.entry(table)) != 0) {
                lock.during(() -> releaseTable(table, 0));
            }
        }
        lock.during(() -> releaseAt(old.hostOffset(), old.lengthBytes()));
    }

    private long tableMask() {
        return (1L << geometry.l2EntriesPerTableBits()) - 1;
    }

    private void releaseTable(int index, long firstEntry) throws IOException {
        long hostOffset = map.tableOffset(index, old.entry(index));
        if (!externalData) {
            try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
                MemorySegment table = loan.segment(geometry.clusterBytes());
                file.readWhole("L2 table", hostOffset, table);
                for (long entry = firstEntry; entry <= tableMask(); entry++) {
                    long cluster = ((long) index << geometry.l2EntriesPerTableBits()) + entry;
                    releaseCluster(cluster, table.get(BigEndian.LONG, entry * geometry.l2EntryBytes()));
                }
            }
        }
        releaseAt(hostOffset, geometry.clusterBytes());
    }

    private void releaseCluster(long cluster, long entry) throws IOException {
        map.requireSound(entry, cluster);
        if (L2Entry.isCompressed(entry)) {
            releaseAt(
                    L2Entry.compressedHostOffset(entry, geometry.clusterBits()),
                    L2Entry.compressedPayloadBytes(entry, geometry.clusterBits()));
        } else if (L2Entry.hostOffset(entry) != 0) {
            releaseAt(L2Entry.hostOffset(entry), geometry.clusterBytes());
        }
    }

    /** Space goes back to the host whatever the options say of discards, as in QEMU: shrinking is asked for. */
    private void releaseAt(long hostOffset, long lengthBytes) throws IOException {
        if (lengthBytes > 0) {
            allocator.release(hostOffset, lengthBytes, true);
        }
    }
}
