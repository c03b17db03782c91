package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.alloc.Refcounts;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.image.check.ClusterCounters;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;

/**
 * Which clusters at a file's end could go elsewhere: what the active disk alone has, its L1 table, and the refcounts. One
 * thread.
 */
final class MovableClusters {
    private final ImageGeometry geometry;
    private final long first;
    private final long end;
    private final BitSet movable = new BitSet();
    private final ClusterCounters packed;

    /**
     * @param first as many clusters as are in use: the least that the file can have
     * @param end where the file ends, in clusters
     */
    MovableClusters(ImageGeometry geometry, long first, long end) throws ImageException {
        this.geometry = geometry;
        this.first = first;
        this.end = end;
        this.packed = new ClusterCounters(Math.max(1, end - first));
    }

    /** Refcount blocks, and their table. */
    void addRefcounts(Refcounts refcounts) throws ImageException {
        for (int index = 0; index < refcounts.table().entryCount(); index++) {
            if (refcounts.table().entry(index) != 0) {
                add(refcounts.blockOffset(index), geometry.clusterBytes());
            }
        }
        addTable(refcounts.table());
    }

    /** A table that can move whole. */
    void addTable(ResidentTable table) {
        add(table.hostOffset(), table.lengthBytes());
    }

    /** An L2 table that nothing else leads to, and what it leads to alone. */
    void addL2Table(long hostOffset, MemorySegment table, boolean externalData) {
        add(hostOffset, geometry.clusterBytes());
        for (long at = 0; !externalData && at < table.byteSize(); at += geometry.l2EntryBytes()) {
            long entry = table.get(BigEndian.LONG, at);
            if (L2Entry.isCompressed(entry)) {
                addPacked(entry);
            } else if (L2Entry.isCopied(entry)) {
                add(L2Entry.hostOffset(entry), geometry.clusterBytes());
            }
        }
    }

    private void add(long hostOffset, long lengthBytes) {
        long from = hostOffset >>> geometry.clusterBits();
        long to = geometry.roundUpToCluster(hostOffset + lengthBytes) >>> geometry.clusterBits();
        // A damaged entry may lead anywhere; what lies behind the end is nothing that could move.
        if (to > first && from < end) {
            movable.set(index(Math.max(from, first)), index(Math.min(to, end)));
        }
    }

    /** Compressed clusters share host clusters: one of these goes when all that lie in it do. */
    private void addPacked(long entry) {
        long hostOffset = L2Entry.compressedHostOffset(entry, geometry.clusterBits());
        long last = hostOffset + L2Entry.compressedPayloadBytes(entry, geometry.clusterBits()) - 1;
        for (long cluster = hostOffset >>> geometry.clusterBits();
                cluster <= last >>> geometry.clusterBits();
                cluster++) {
            if (cluster >= first && cluster < end) {
                packed.add(cluster - first, 1, 1);
            }
        }
    }

    private int index(long cluster) {
        return Math.toIntExact(cluster - first);
    }

    /** The cluster behind the last one that has to stay, or {@code first}: from there on all that is in use can go. */
    long floor(Refcounts refcounts) throws IOException {
        for (long cluster = end - 1; cluster >= first; cluster--) {
            long count = refcounts.count(cluster);
            if (count > 0 && !movable.get(index(cluster)) && packed.get(cluster - first) != count) {
                return cluster + 1;
            }
        }
        return first;
    }
}
