package io.cowslip.engine.image.check;

import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.RefcountBits;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Makes the refcounts say how many references there are. Where every count has its place, counts are changed there: each
 * is right before or after, whenever it is interrupted. Otherwise a new refcount table with new blocks is written behind
 * everything else, made durable, and put in the place of the old one by one write to the header. In version 3 its counts
 * are as wide as the references take.
 */
final class CountRepair {
    private final RepairFile target;
    private final ImageHeader header;
    private final ImageGeometry geometry;
    private final CheckRun found;
    private final WorkThreads threads;
    private final ReferenceCounts references;
    private final int countsPerBlock;
    private final int maxCount;

    CountRepair(RepairFile target, ImageHeader header, CheckRun found, WorkThreads threads) {
        this.target = target;
        this.header = header;
        this.geometry = header.geometry();
        this.found = found;
        this.threads = threads;
        this.references = found.references();
        this.countsPerBlock = 1 << geometry.refcountsPerBlockBits();
        this.maxCount = CheckRun.maxCount(geometry);
    }

    /** Whether all counts that are needed have a place of their own. */
    boolean isPossibleInPlace() {
        if (!found.refcountBlocksSound() || orderNeeded() > geometry.refcountOrder()) {
            return false;
        }
        long[] table = found.recorded().table();
        long blocks = blocks(references.clustersInUse());
        for (long block = 0; block < blocks; block++) {
            if ((block >= table.length || table[(int) block] == 0) && isUsed(block)) {
                return false;
            }
        }
        return true;
    }

    /** Changes the counts that are wrong where they are. */
    void repairInPlace() throws IOException {
        long[] table = found.recorded().table();
        for (int block = 0; block < table.length && block < blocks(references.clustersInUse()); block++) {
            if (table[block] != 0 && isWrong(block)) {
                writeBlock(block, table[block]);
            }
        }
    }

    private boolean isWrong(long block) {
        long end = Math.min(firstCluster(block + 1), references.clustersInUse());
        for (long cluster = firstCluster(block); cluster < end; cluster++) {
            if (wanted(cluster) != found.recorded().counters().get(cluster)) {
                return true;
            }
        }
        return false;
    }

    private boolean isUsed(long block) {
        return references.anyIn(firstCluster(block), firstCluster(block + 1));
    }

    private int wanted(long cluster) {
        return cluster < references.clusters() ? Math.min(maxCount, references.get(cluster)) : 0;
    }

    private long blocks(long clusters) {
        return Math.ceilDiv(clusters, (long) countsPerBlock);
    }

    private long firstCluster(long block) {
        return block << geometry.refcountsPerBlockBits();
    }

    private void writeBlock(long block, long hostOffset) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment counts = loan.segment(geometry.clusterBytes()).fill((byte) 0);
            fill(counts, block);
            target.write(hostOffset, counts);
        }
    }

    private void fill(MemorySegment counts, long block) {
        long first = firstCluster(block);
        for (int index = 0; index < countsPerBlock; index++) {
            int count = wanted(first + index);
            if (count > 0) {
                RefcountBits.set(counts, geometry.refcountOrder(), index, count);
            }
        }
    }

    /** Makes new structures, which the header leads to when this returns. */
    void rebuild() throws IOException {
        found.forgetRefcountStructures();
        int refcountOrder = orderNeeded();
        ImageGeometry wide = new ImageGeometry(
                geometry.clusterBits(), geometry.virtualSizeBytes(), refcountOrder, geometry.extendedL2());
        NewRefcounts.Place place = new NewRefcounts(target, wide, found, threads).write();
        target.putRefcountTable(place.tableOffset(), place.tableClusters(), refcountOrder);
    }

    /** The refcount order that it takes to count all references, or the image's own; version 2 has no other. */
    private int orderNeeded() {
        int order = geometry.refcountOrder();
        int most = header.version() == 2 ? 0 : references.most();
        while (most > RefcountBits.maxCount(order)) {
            order++;
        }
        return order;
    }
}
