package io.cowslip.engine.image.check;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.RefcountBits;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A new refcount table with new blocks, behind everything else in the file, that count the references which a check
 * found and themselves (qcow2 specification, "Host cluster management"). They mean nothing until the header leads to
 * them; what the old ones took is free from then on.
 */
public final class NewRefcounts {
    private final RepairFile target;
    private final ImageGeometry geometry;
    private final CheckRun found;
    private final WorkThreads threads;
    private final ReferenceCounts references;
    private final int countsPerBlock;
    private final int maxCount;

    /**
     * @param geometry the image's, with the width that the new counts are to have
     * @param threads told of the blocks that are written
     */
    public NewRefcounts(RepairFile target, ImageGeometry geometry, CheckRun found, WorkThreads threads) {
        this.target = target;
        this.geometry = geometry;
        this.found = found;
        this.threads = threads;
        this.references = found.references();
        this.countsPerBlock = 1 << geometry.refcountsPerBlockBits();
        this.maxCount = CheckRun.maxCount(geometry);
    }

    /** Where the header must lead. */
    public record Place(long tableOffset, int tableClusters) {}

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

    /**
     * Writes them, durable when this returns. Forgets the references of the old structures; counts that are too large for
     * their width become the largest.
     *
     * @throws ImageException NO_SPACE when the table would be larger than any may be, or the host has none
     */
    public Place write() throws IOException {
        found.forgetRefcountStructures();
        Plan plan = plan();
        long tableOffset = plan.first << geometry.clusterBits();
        writeBlocks(plan);
        writeTable(plan, tableOffset);
        target.sync();
        return new Place(tableOffset, plan.tableClusters);
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

    private long blocks(long clusters) {
        return Math.ceilDiv(clusters, (long) countsPerBlock);
    }

    private long firstCluster(long block) {
        return block << geometry.refcountsPerBlockBits();
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

    private boolean isUsed(long block) {
        return references.anyIn(firstCluster(block), firstCluster(block + 1));
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

    private void writeBlocks(Plan plan) throws IOException {
        threads.expect((long) plan.blockNumbers.length << geometry.clusterBits());
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment counts = loan.segment(geometry.clusterBytes());
            for (int i = 0; i < plan.blockNumbers.length; i++) {
                fill(counts.fill((byte) 0), plan.blockNumbers[i], plan);
                target.write((plan.first + plan.tableClusters + i) << geometry.clusterBits(), counts);
                threads.done(counts.byteSize());
            }
        }
    }

    private void fill(MemorySegment counts, long block, Plan plan) {
        long first = firstCluster(block);
        for (int index = 0; index < countsPerBlock; index++) {
            long cluster = first + index;
            boolean own = cluster >= plan.first && cluster < plan.end();
            int count = own ? 1 : counted(cluster);
            if (count > 0) {
                RefcountBits.set(counts, geometry.refcountOrder(), index, count);
            }
        }
    }

    private int counted(long cluster) {
        return cluster < references.clusters() ? Math.min(maxCount, references.get(cluster)) : 0;
    }

    private void writeTable(Plan plan, long tableOffset) throws IOException {
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
