package io.cowslip.engine.image.snapshot;

import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.map.ClusterMap;
import io.cowslip.engine.image.map.ImageMetadata;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Counts what an L1 table reaches: each L2 table and each cluster that these lead to has one reference more or less.
 * The tables are read from the file, each in one piece, so nothing in the cache may be newer. Under the image's metadata
 * lock, while nothing else uses the image.
 */
final class SharedClusters {
    private final HostFile file;
    private final ImageGeometry geometry;
    private final ClusterMap map;
    private final ClusterAllocator allocator;
    private long raised;

    SharedClusters(ImageMetadata metadata) {
        this.file = metadata.file();
        this.geometry = metadata.geometry();
        this.map = metadata.map();
        this.allocator = metadata.allocator();
    }

    /** One reference of a table. */
    @FunctionalInterface
    private interface Visitor {
        /** Whether to go on. */
        boolean visit(long hostOffset, long lengthBytes) throws IOException;
    }

    /**
     * One reference more.
     *
     * @throws io.cowslip.engine.ImageException NO_SPACE when a count would be more than refcounts of this image hold:
     *     nothing is counted then
     */
    void raise(long[] l1Entries) throws IOException {
        raised = 0;
        boolean done = false;
        try {
            walk(l1Entries, (hostOffset, lengthBytes) -> {
                allocator.share(hostOffset, lengthBytes);
                raised++;
                return true;
            });
            done = true;
        } finally {
            if (!done) {
                takeBack(l1Entries);
            }
        }
    }

    private void takeBack(long[] l1Entries) throws IOException {
        if (raised > 0) {
            walk(l1Entries, (hostOffset, lengthBytes) -> {
                allocator.release(hostOffset, lengthBytes, false);
                return --raised > 0;
            });
        }
    }

    /**
     * One reference less; clusters without any may be used again.
     *
     * @param punch whether the host is to have their space back
     */
    void lower(long[] l1Entries, boolean punch) throws IOException {
        walk(l1Entries, (hostOffset, lengthBytes) -> {
            allocator.release(hostOffset, lengthBytes, punch);
            return true;
        });
    }

    private void walk(long[] l1Entries, Visitor visitor) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment table = loan.segment(geometry.clusterBytes());
            for (int index = 0; index < l1Entries.length; index++) {
                if (l1Entries[index] != 0) {
                    long hostOffset = map.tableOffset(index, l1Entries[index]);
                    // The table is read before it may be let go of.
                    file.readWhole("L2 table", hostOffset, table);
                    if (!visitor.visit(hostOffset, geometry.clusterBytes()) || !walk(index, table, visitor)) {
                        return;
                    }
                }
            }
        }
    }

    private boolean walk(int l1Index, MemorySegment table, Visitor visitor) throws IOException {
        int entries = geometry.clusterBytes() / geometry.l2EntryBytes();
        for (int index = 0; index < entries; index++) {
            long entry = table.get(BigEndian.LONG, (long) index * geometry.l2EntryBytes());
            map.requireSound(entry, (long) l1Index * entries + index);
            if (L2Entry.isCompressed(entry)) {
                int payloadBytes = L2Entry.compressedPayloadBytes(entry, geometry.clusterBits());
                if (!visitor.visit(L2Entry.compressedHostOffset(entry, geometry.clusterBits()), payloadBytes)) {
                    return false;
                }
            } else if (L2Entry.hostOffset(entry) != 0
                    && !visitor.visit(L2Entry.hostOffset(entry), geometry.clusterBytes())) {
                return false;
            }
        }
        return true;
    }

    /** The entries as a table has them that other tables share everything with. */
    static long[] withoutCopied(long[] l1Entries) {
        long[] shared = l1Entries.clone();
        for (int index = 0; index < shared.length; index++) {
            shared[index] &= ~L1Entry.COPIED;
        }
        return shared;
    }
}
