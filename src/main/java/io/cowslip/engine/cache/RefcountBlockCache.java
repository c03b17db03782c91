package io.cowslip.engine.cache;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.RefcountBits;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * The refcount cache of one writable image: whole refcount blocks, keyed by their index in the refcount table. Only
 * writers look at refcounts, so everything here happens under the image's metadata lock, except {@link #stats}.
 *
 * <p>Dirty blocks may be written at any time: counts are raised before anything points at a cluster and lowered only
 * after nothing does, on the disk as well. So a block that is written early can at worst leak clusters.
 */
public final class RefcountBlockCache implements AutoCloseable {
    private static final int ROW_BITS = 10;

    private final CacheBudget budget;
    private final CacheCounters counters;
    private final TableCache blocks;
    private final int refcountOrder;
    private final long mappableBytes;

    /** An empty cache; the source's keys are indexes in the refcount table. */
    public RefcountBlockCache(CacheBudget budget, ImageGeometry geometry, TableSource source, CacheCounters counters)
            throws ImageException {
        this.budget = budget;
        this.counters = counters;
        this.refcountOrder = geometry.refcountOrder();
        this.blocks = TableCache.ofBlocks(
                budget.refcountEntryBytes(),
                budget.refcountEntries(),
                ImageGeometry.MAX_REFCOUNT_TABLE_BYTES / Long.BYTES,
                ROW_BITS,
                source,
                counters);
        this.mappableBytes = mappableBytes(budget, geometry);
    }

    public CacheBudget budget() {
        return budget;
    }

    private static long mappableBytes(CacheBudget budget, ImageGeometry geometry) {
        return (long) budget.refcountEntries() << (geometry.refcountsPerBlockBits() + geometry.clusterBits());
    }

    /** What an image shows that has no refcount cache because it is not written: the sizes, and that nothing is in it. */
    public static CacheStats statsWithoutCache(CacheBudget budget, ImageGeometry geometry, long fileBytes) {
        return snapshot(new CacheCounters(), 0, 0, budget, mappableBytes(budget, geometry), fileBytes);
    }

    private static CacheStats snapshot(
            CacheCounters counters, int resident, int dirty, CacheBudget budget, long mappableBytes, long fileBytes) {
        long coversBytes = Math.min(mappableBytes, fileBytes);
        return counters.snapshot(
                resident,
                dirty,
                (long) resident * budget.refcountEntryBytes(),
                budget.refcountEntryBytes(),
                budget.refcountEntries(),
                coversBytes,
                fileBytes == 0 ? 1 : (double) coversBytes / fileBytes);
    }

    /** The count at {@code index} of a block. */
    public long count(long blockIndex, int index) throws IOException {
        return RefcountBits.get(blocks.pieceForReading(blockIndex), refcountOrder, index);
    }

    /** Whether so many blocks are dirty that they must be written back before another one may change. */
    public boolean mustWriteBackBeforeChangeOf(long blockIndex) {
        return blocks.mustWriteBackBeforeChangeOf(blockIndex);
    }

    /** Sets the count at {@code index} of a block, after {@link #mustWriteBackBeforeChangeOf} said no. */
    public void setCount(long blockIndex, int index, long count) throws IOException {
        RefcountBits.set(blocks.pieceForChange(blockIndex), refcountOrder, index, count);
    }

    /** Drops blocks that turned out not to come into being, changed or not. */
    public void forgetFrom(long firstBlockIndex, long count) {
        for (long blockIndex = firstBlockIndex; blockIndex < firstBlockIndex + count; blockIndex++) {
            blocks.discard(blockIndex);
        }
    }

    /** Takes over the blocks that {@code other} has, which has nothing dirty and whose place this one is to take. */
    public void takeOver(RefcountBlockCache other) {
        blocks.takeOver(other.blocks, Long.MAX_VALUE);
    }

    /** The last index in a block with a count other than 0, below {@code end}; -1 where there is none. */
    public int lastCounted(long blockIndex, int end) throws IOException {
        MemorySegment block = blocks.pieceForReading(blockIndex);
        int index = end - 1;
        while (index >= 0 && RefcountBits.get(block, refcountOrder, index) == 0) {
            index--;
        }
        return index;
    }

    /** Whether any block is newer than the file. */
    public boolean hasDirty() {
        return blocks.hasDirty();
    }

    /** Writes all dirty blocks. For the write barrier alone, under the metadata lock. */
    public void writeBack(TableSink sink) throws IOException {
        blocks.writeBack(sink);
    }

    /** Drops blocks not used since the last call and gives their memory back. */
    public void clean() {
        blocks.clean();
    }

    /**
     * What the cache has done and holds. Any thread.
     *
     * @param fileBytes size of the image file, for the coverage
     */
    public CacheStats stats(long fileBytes) {
        return snapshot(counters, blocks.residentCount(), blocks.dirtyCount(), budget, mappableBytes, fileBytes);
    }

    /** Gives the memory back. By the owner, once nobody uses the cache; what is dirty is lost. */
    @Override
    public void close() {
        blocks.close();
    }
}
