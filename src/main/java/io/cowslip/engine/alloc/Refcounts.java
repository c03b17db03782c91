package io.cowslip.engine.alloc;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.RefcountBlockCache;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.MetadataKind;
import io.cowslip.engine.format.RefcountBits;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How often each host cluster is referred to (qcow2 specification, "Host cluster management"): counts, the blocks that
 * hold them, and the table of blocks, which grow with the file. Knows nothing of what the clusters are for. Under the
 * image's metadata lock.
 *
 * <p>A new block lies in the first cluster of the very range that it counts, and so counts itself: making one never
 * needs another. A new table comes with the blocks that count it, right after the range of the old one.
 */
public final class Refcounts {
    private static final long BLOCK_OFFSET_MASK = 0xFFFF_FFFF_FFFF_FE00L;

    private final HostFile file;
    private final ImageGeometry geometry;
    private final MetadataOverlap overlap;
    private final Quarantine quarantine;
    private final RefcountWriteBack writeBack;
    private final long countsPerBlock;
    private ResidentTable table;
    private volatile @Nullable RefcountBlockCache blocks;
    private final List<ResidentTable> replaced = new ArrayList<>();
    private boolean tableMoved;

    /** The refcounts of an open image, usable once {@link #useCache} gave them a cache. */
    public Refcounts(
            HostFile file,
            ImageGeometry geometry,
            MetadataOverlap overlap,
            ResidentTable table,
            Quarantine quarantine,
            RefcountWriteBack writeBack) {
        this.file = file;
        this.geometry = geometry;
        this.overlap = overlap;
        this.table = table;
        this.quarantine = quarantine;
        this.writeBack = writeBack;
        this.countsPerBlock = 1L << geometry.refcountsPerBlockBits();
        overlap.add(MetadataKind.REFCOUNT_TABLE, table.hostOffset(), table.lengthBytes());
        overlap.follow(table, MetadataKind.REFCOUNT_BLOCK);
    }

    /** Uses {@code cache}, which loads from {@link #blockOffset}, in the place of one that has nothing dirty. */
    public void useCache(RefcountBlockCache cache) {
        blocks = cache;
    }

    public RefcountBlockCache cache() {
        return Objects.requireNonNull(blocks, "refcounts are used before they have a cache");
    }

    public ResidentTable table() {
        return table;
    }

    /** Whether any count, block or table is newer than the file. */
    public boolean isDirty() {
        return tableMoved || table.isDirty() || cache().hasDirty();
    }

    /** Whether the header does not name the table's place yet. */
    public boolean tableMoved() {
        return tableMoved;
    }

    /** The header names the table's place. */
    public void tablePublished() {
        tableMoved = false;
        for (ResidentTable old : replaced) {
            overlap.remove(MetadataKind.REFCOUNT_TABLE, old.hostOffset(), old.lengthBytes());
        }
        replaced.clear();
    }

    /**
     * Host offset of a block that the table names.
     *
     * @throws ImageException CORRUPT when that is no cluster
     */
    public long blockOffset(long blockIndex) throws ImageException {
        long offset = table.entry((int) blockIndex) & BLOCK_OFFSET_MASK;
        if (offset <= 0 || geometry.offsetInCluster(offset) != 0) {
            throw ImageException.of(
                    ImageException.Kind.CORRUPT,
                    file.path(),
                    "refcount block " + blockIndex + " lies at " + offset + ", which is no cluster of the file");
        }
        return offset;
    }

    /** Whether the counts of the clusters around {@code cluster} have a block. Without one they are all 0. */
    boolean hasBlock(long cluster) {
        long blockIndex = blockIndex(cluster);
        return blockIndex < table.entryCount() && table.entry((int) blockIndex) != 0;
    }

    public long count(long cluster) throws IOException {
        return hasBlock(cluster) ? cache().count(blockIndex(cluster), indexInBlock(cluster)) : 0;
    }

    /** Counts one more reference to {@code cluster}, whose block must be there. */
    void raise(long cluster) throws IOException {
        long count = count(cluster);
        if (count >= RefcountBits.maxCount(geometry.refcountOrder())) {
            throw ImageException.of(
                    ImageException.Kind.NO_SPACE,
                    file.path(),
                    "cluster " + cluster + " has " + count + " references, the most that "
                            + (1 << geometry.refcountOrder()) + "-bit refcounts can count");
        }
        set(cluster, count + 1);
    }

    /** Counts one reference less, and returns what is left. */
    long lower(long cluster) throws IOException {
        long count = count(cluster);
        if (count <= 0) {
            throw ImageException.of(
                    ImageException.Kind.CORRUPT,
                    file.path(),
                    "cluster " + cluster + " was in use with a refcount of " + Long.toUnsignedString(count)
                            + "; \"qemu-img check -r all\" repairs that");
        }
        if (count == 1) {
            requireNoMetadataIn(cluster);
        }
        set(cluster, count - 1);
        return count - 1;
    }

    /**
     * Refuses a table that names a block twice or outside of the file. So what a search for free clusters can look at is
     * bounded by the file's own size, and no count has two places.
     *
     * @throws ImageException CORRUPT
     */
    public void requireSoundTable(long fileBytes) throws ImageException {
        long[] offsets = new long[table.entryCount()];
        int blocks = 0;
        for (int index = 0; index < offsets.length; index++) {
            if (table.entry(index) != 0) {
                offsets[blocks++] = blockOffset(index);
            }
        }
        Arrays.sort(offsets, 0, blocks);
        for (int index = 0; index < blocks; index++) {
            boolean twice = index > 0 && offsets[index] == offsets[index - 1];
            if (twice || offsets[index] > fileBytes - geometry.clusterBytes()) {
                throw ImageException.of(
                        ImageException.Kind.CORRUPT,
                        file.path(),
                        "the refcount table names the block at " + offsets[index]
                                + (twice ? " twice" : ", which does not lie in the file")
                                + "; \"qemu-img check -r all\" repairs that");
            }
        }
    }

    /**
     * Takes the blocks out of the table that count nothing but themselves. Nobody allocates before the table is durable
     * without them; those that others count are to be let go of then.
     *
     * @return host offsets of what was taken out, by index in the table
     * @throws ImageException CORRUPT where a block that counts nothing has to count metadata
     */
    public SortedMap<Integer, Long> takeOutEmptyBlocks() throws IOException {
        SortedMap<Integer, Long> taken = new TreeMap<>();
        try {
            for (int index = table.entryCount() - 1; index >= 0; index--) {
                if (table.entry(index) != 0 && isEmpty(index)) {
                    requireNoTableCountedBy(index);
                    taken.put(index, table.entry(index));
                    table.set(index, 0);
                }
            }
        } catch (IOException | RuntimeException unread) {
            putBackBlocks(taken);
            throw unread;
        }
        taken.keySet().forEach(index -> cache().forgetFrom(index, 1));
        return taken;
    }

    /** Other blocks may be empty as well. */
    private void requireNoTableCountedBy(int blockIndex) throws ImageException {
        overlap.requireNoneIn(
                blockIndex * countsPerBlock << geometry.clusterBits(),
                countsPerBlock << geometry.clusterBits(),
                MetadataKind.REFCOUNT_BLOCK);
    }

    private boolean isEmpty(int blockIndex) throws IOException {
        int last = cache().lastCounted(blockIndex, (int) countsPerBlock);
        if (last < 0) {
            return true;
        }
        return countsItself(blockIndex, blockOffset(blockIndex))
                && last == indexInBlock(blockOffset(blockIndex) >>> geometry.clusterBits())
                && cache().lastCounted(blockIndex, last) < 0;
    }

    /** A block lies at {@code hostOffset} from now on, where the file has all that it counts. */
    public void moveBlock(int blockIndex, long hostOffset) {
        table.set(blockIndex, hostOffset);
    }

    /** Moves the table to clusters that are counted; in the file with the next write barrier, which lets go of the old. */
    public void moveTable(long hostOffset) {
        ResidentTable old = table;
        table = old.movedTo(hostOffset, old.entryCount());
        overlap.followChanges(table, MetadataKind.REFCOUNT_BLOCK);
        replaceTable(old);
    }

    private void replaceTable(ResidentTable old) {
        tableMoved = true;
        replaced.add(old);
        overlap.add(MetadataKind.REFCOUNT_TABLE, table.hostOffset(), table.lengthBytes());
        quarantine.add(
                old.hostOffset() >>> geometry.clusterBits(), old.lengthBytes() >>> geometry.clusterBits(), false);
    }

    /** Whether the block at {@code hostOffset} has the count of its own cluster. */
    public boolean countsItself(int blockIndex, long hostOffset) {
        return blockIndex(hostOffset >>> geometry.clusterBits()) == blockIndex;
    }

    /** Puts blocks back that were taken out, as the file has them. */
    public void putBackBlocks(SortedMap<Integer, Long> taken) {
        taken.forEach((index, entry) -> table.set(index, entry));
    }

    /** The cluster behind the last that is counted. */
    public long endOfCounted() throws IOException {
        for (int index = table.entryCount() - 1; index >= 0; index--) {
            int last = table.entry(index) == 0 ? -1 : cache().lastCounted(index, (int) countsPerBlock);
            if (last >= 0) {
                return index * countsPerBlock + last + 1;
            }
        }
        return 0;
    }

    private void set(long cluster, long count) throws IOException {
        long blockIndex = blockIndex(cluster);
        if (cache().mustWriteBackBeforeChangeOf(blockIndex)) {
            writeBack.writeBackRefcounts();
        }
        cache().setCount(blockIndex, indexInBlock(cluster), count);
    }

    /** Makes the block that counts {@code cluster} where there is none: it takes the first cluster of its range. */
    void makeBlock(long cluster) throws IOException {
        long blockIndex = blockIndex(cluster);
        if (blockIndex >= table.entryCount()) {
            growTable(blockIndex);
            if (hasBlock(cluster)) {
                return;
            }
        }
        makeBlockAt(blockIndex, blockIndex * countsPerBlock);
    }

    /**
     * Refuses to give out or take back a cluster that holds metadata, whatever its count says.
     *
     * @throws ImageException CORRUPT: the counts are wrong
     */
    void requireNoMetadataIn(long cluster) throws ImageException {
        overlap.requireNoneIn(cluster);
    }

    private void makeBlockAt(long blockIndex, long cluster) throws IOException {
        requireNoMetadataIn(cluster);
        long hostOffset = cluster << geometry.clusterBits();
        file.zero(hostOffset, geometry.clusterBytes());
        table.set((int) blockIndex, hostOffset);
        boolean counted = false;
        try {
            if (hasBlock(cluster)) {
                set(cluster, 1);
            }
            counted = true;
        } finally {
            if (!counted) {
                table.set((int) blockIndex, 0);
            }
        }
    }

    /**
     * Moves to a longer table, in memory: the file keeps using the old one until the write barrier publishes the new.
     * Layout after the last cluster that the old table could count: the blocks for what follows, then the table.
     */
    private void growTable(long neededBlockIndex) throws IOException {
        int oldEntries = table.entryCount();
        long firstCluster = oldEntries * countsPerBlock;
        long roomy = Math.min(oldEntries + oldEntries / 2L, ImageGeometry.MAX_REFCOUNT_TABLE_BYTES / Long.BYTES);
        long wanted = Math.max(neededBlockIndex + 1, roomy);
        long tableClusters = 0;
        long newBlocks = 0;
        long newEntries = 0;
        while (newEntries < Math.max(wanted, oldEntries + newBlocks)) {
            tableClusters++;
            newEntries = (tableClusters << geometry.clusterBits()) / Long.BYTES;
            newBlocks = blocksFor(tableClusters);
        }
        requireTableFits(newEntries);
        ResidentTable old = table;
        long tableCluster = firstCluster + newBlocks;
        table = old.movedTo(tableCluster << geometry.clusterBits(), (int) newEntries);
        overlap.followChanges(table, MetadataKind.REFCOUNT_BLOCK);
        boolean grown = false;
        try {
            for (long block = 0; block < newBlocks; block++) {
                makeBlockAt(oldEntries + block, firstCluster + block);
            }
            for (long cluster = firstCluster; cluster < tableCluster + tableClusters; cluster++) {
                set(cluster, 1);
            }
            grown = true;
        } finally {
            if (!grown) {
                forgetBlocksFrom(oldEntries);
                table = old;
                cache().forgetFrom(oldEntries, newBlocks);
            }
        }
        replaceTable(old);
    }

    private void forgetBlocksFrom(int firstEntry) {
        for (int index = firstEntry; index < table.entryCount(); index++) {
            table.set(index, 0);
        }
    }

    /** Blocks that count themselves and a table of {@code tableClusters} behind them. */
    private long blocksFor(long tableClusters) {
        long newBlocks = 1;
        while (newBlocks * countsPerBlock < newBlocks + tableClusters) {
            newBlocks++;
        }
        return newBlocks;
    }

    private void requireTableFits(long entries) throws ImageException {
        if (entries * Long.BYTES > ImageGeometry.MAX_REFCOUNT_TABLE_BYTES) {
            throw ImageException.of(
                    ImageException.Kind.NO_SPACE,
                    file.path(),
                    "the image file cannot grow: its refcount table would need " + entries * Long.BYTES
                            + " bytes, and QEMU opens at most " + ImageGeometry.MAX_REFCOUNT_TABLE_BYTES);
        }
    }

    private long blockIndex(long cluster) {
        return cluster >>> geometry.refcountsPerBlockBits();
    }

    private int indexInBlock(long cluster) {
        return (int) (cluster & countsPerBlock - 1);
    }
}
