package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.RefcountBits;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

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
    private final ReferenceCounts references;
    private final int countsPerBlock;
    private final int maxCount;

    CountRepair(RepairFile target, ImageHeader header, CheckRun found) {
        this(target, header, header.geometry(), found);
    }

    /** @param geometry with the counts' width as it is to be */
    private CountRepair(RepairFile target, ImageHeader header, ImageGeometry geometry, CheckRun found) {
        this.target = target;
        this.header = header;
        this.geometry = geometry;
        this.found = found;
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
        long end = Math.min(firstCluster(block + 1), references.clusters());
        for (long cluster = firstCluster(block); cluster < end; cluster++) {
            if (references.get(cluster) > 0) {
                return true;
            }
        }
        return false;
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
            fill(counts, block, 0, 0);
            target.write(hostOffset, counts);
        }
    }

    /** Fills in a block's counts; clusters from {@code ownFirst} to {@code ownEnd} are those of the new structures. */
    private void fill(MemorySegment counts, long block, long ownFirst, long ownEnd) {
        long first = firstCluster(block);
        for (int index = 0; index < countsPerBlock; index++) {
            long cluster = first + index;
            int count = cluster >= ownFirst && cluster < ownEnd ? 1 : wanted(cluster);
            if (count > 0) {
                RefcountBits.set(counts, geometry.refcountOrder(), index, count);
            }
        }
    }

    /**
     * Where the new structures go: the table first, a block for each stretch of the file that has anything, in order.
     *
     * @param first the first of their clusters
     * @param blockNumbers which stretches have a block
     */
    private record Plan(long first, int tableClusters, long[] blockNumbers) {
        long end() {
            return first + tableClusters + blockNumbers.length;
        }
    }

    /** Forgets the references of the old structures, which the new ones replace. */
    void rebuild() throws IOException {
        found.forgetRefcountStructures();
        ImageGeometry wide = new ImageGeometry(
                geometry.clusterBits(), geometry.virtualSizeBytes(), orderNeeded(), geometry.extendedL2());
        new CountRepair(target, header, wide, found).writeAnew();
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

    private void writeAnew() throws IOException {
        Plan plan = plan();
        long tableOffset = plan.first << geometry.clusterBits();
        writeNewBlocks(plan);
        writeNewTable(plan, tableOffset);
        target.sync();
        target.putRefcountTable(tableOffset, plan.tableClusters, geometry.refcountOrder());
    }

    private Plan plan() throws IOException {
        long first = target.end(found) >>> geometry.clusterBits();
        Plan plan = new Plan(first, 1, new long[0]);
        while (true) {
            long blocksCovered = blocks(plan.end());
            int tableClusters =
                    Math.toIntExact(geometry.roundUpToCluster(blocksCovered * Long.BYTES) >>> geometry.clusterBits());
            Plan next = new Plan(first, tableClusters, usedBlocks(plan));
            if (next.end() == plan.end()) {
                requireTableAllowed(next);
                return next;
            }
            plan = next;
        }
    }

    private long[] usedBlocks(Plan plan) {
        long[] used = new long[Math.toIntExact(blocks(plan.end()))];
        int count = 0;
        for (long block = 0; block < used.length; block++) {
            boolean own = firstCluster(block) < plan.end() && firstCluster(block + 1) > plan.first;
            if (own || isUsed(block)) {
                used[count++] = block;
            }
        }
        return Arrays.copyOf(used, count);
    }

    private void requireTableAllowed(Plan plan) throws ImageException {
        long bytes = (long) plan.tableClusters << geometry.clusterBits();
        if (bytes > ImageGeometry.MAX_REFCOUNT_TABLE_BYTES) {
            throw ImageException.of(
                    ImageException.Kind.NO_SPACE,
                    target.file().path(),
                    "a refcount table for this file takes " + bytes + " bytes; it may have "
                            + ImageGeometry.MAX_REFCOUNT_TABLE_BYTES);
        }
    }

    private void writeNewBlocks(Plan plan) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment counts = loan.segment(geometry.clusterBytes());
            for (int i = 0; i < plan.blockNumbers.length; i++) {
                fill(counts.fill((byte) 0), plan.blockNumbers[i], plan.first, plan.end());
                target.write((plan.first + plan.tableClusters + i) << geometry.clusterBits(), counts);
            }
        }
    }

    private void writeNewTable(Plan plan, long tableOffset) throws IOException {
        int entriesPerCluster = geometry.clusterBytes() / Long.BYTES;
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment entries = loan.segment(geometry.clusterBytes());
            int next = 0;
            for (int cluster = 0; cluster < plan.tableClusters; cluster++) {
                entries.fill((byte) 0);
                long firstBlock = (long) cluster * entriesPerCluster;
                while (next < plan.blockNumbers.length && plan.blockNumbers[next] < firstBlock + entriesPerCluster) {
                    long blockCluster = plan.first + plan.tableClusters + next;
                    entries.set(
                            BigEndian.LONG,
                            (plan.blockNumbers[next] - firstBlock) * Long.BYTES,
                            blockCluster << geometry.clusterBits());
                    next++;
                }
                target.write(tableOffset + ((long) cluster << geometry.clusterBits()), entries);
            }
        }
    }
}
