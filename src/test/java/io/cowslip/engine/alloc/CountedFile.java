package io.cowslip.engine.alloc;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.cache.CacheBudget;
import io.cowslip.engine.cache.CacheCounters;
import io.cowslip.engine.cache.RefcountBlockCache;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.MetadataKind;
import io.cowslip.engine.format.RefcountBits;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.testing.FaultyHostFiles;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.EnumSet;

/**
 * A file of clusters of 512 bytes of which only the refcounts matter: a header's cluster, a refcount table, a block, and
 * whatever a test allocates. Its four cached blocks make for as much writing back as there can be.
 */
final class CountedFile implements AutoCloseable {
    static final int CLUSTER_BITS = 9;
    static final int CLUSTER_BYTES = 1 << CLUSTER_BITS;

    final FaultyHostFiles files = new FaultyHostFiles(HostFiles.posix());
    final InFlightRequests requests = new InFlightRequests();
    final Quarantine quarantine = new Quarantine(requests);
    final HostFile file;
    final Refcounts refcounts;
    final ClusterAllocator allocator;
    final ImageGeometry geometry;

    /** With a refcount table of one cluster, 64 entries. */
    static CountedFile create(Path path, int refcountOrder) throws IOException {
        return create(path, refcountOrder, 1);
    }

    /** With a longer table, whose own clusters are counted if the one block can. */
    static CountedFile create(Path path, int refcountOrder, int tableClusters) throws IOException {
        ImageGeometry geometry = new ImageGeometry(CLUSTER_BITS, 1 << 20, refcountOrder, false);
        CountedFile created = new CountedFile(path, geometry, tableClusters);
        for (long cluster = 0; cluster < tableClusters + 2L && tableClusters < created.countsPerBlock(); cluster++) {
            if (created.refcounts.count(cluster) == 0) {
                created.refcounts.raise(cluster);
            }
        }
        return created;
    }

    private CountedFile(Path path, ImageGeometry geometry, int tableClusters) throws IOException {
        this.geometry = geometry;
        this.file = files.open(path, HostFiles.Mode.CREATE_NEW);
        int blockCluster = 1 + tableClusters;
        file.zero(0, (blockCluster + 1L) * CLUSTER_BYTES);
        ResidentTable table =
                ResidentTable.read("refcount table", file, CLUSTER_BYTES, tableClusters * (CLUSTER_BYTES / 8));
        table.set(0, (long) blockCluster * CLUSTER_BYTES);
        MetadataOverlap overlap = new MetadataOverlap(path, geometry);
        overlap.add(MetadataKind.MAIN_HEADER, 0, CLUSTER_BYTES);
        overlap.lookOutFor(EnumSet.allOf(MetadataKind.class));
        this.refcounts = new Refcounts(file, geometry, overlap, table, quarantine, this::writeBackBlocks);
        refcounts.useCache(new RefcountBlockCache(
                new CacheBudget(512, 2, CLUSTER_BYTES, 4, false),
                geometry,
                (block, one, into) -> file.read(refcounts.blockOffset(block), into),
                new CacheCounters()));
        this.allocator = new ClusterAllocator(file, geometry, refcounts, quarantine);
    }

    int countsPerBlock() {
        return 1 << geometry.refcountsPerBlockBits();
    }

    /** Clusters that the table, as long as it is, could have blocks for. */
    long countable() {
        return (long) refcounts.table().entryCount() * countsPerBlock();
    }

    private void writeBackBlocks() throws IOException {
        refcounts.cache().writeBack((block, from) -> file.write(refcounts.blockOffset(block), from));
    }

    /** What the write barrier does, as far as it is about refcounts. */
    void commit() throws IOException {
        writeBackBlocks();
        if (refcounts.table().isDirty()) {
            refcounts.table().writeBack(file);
        }
        refcounts.tablePublished();
        quarantine.barrierWritten();
        quarantine.barrierSynced();
    }

    /** Commits until no count is left to drop. No request is in flight. */
    void settle() throws IOException {
        commit();
        while (!quarantine.isEmpty()) {
            allocator.reclaim();
            commit();
        }
        commit();
    }

    /** What the file itself counts must be {@code owned}, and the refcounts' own clusters, once each. */
    void verifyCounts(BitSet owned) throws IOException {
        settle();
        BitSet used = new BitSet();
        used.set(0);
        ResidentTable table = ResidentTable.read(
                "refcount table",
                file,
                refcounts.table().hostOffset(),
                refcounts.table().entryCount());
        use(used, table.hostOffset(), table.lengthBytes());
        for (int block = 0; block < table.entryCount(); block++) {
            if (table.entry(block) != 0) {
                use(used, table.entry(block), CLUSTER_BYTES);
            }
        }
        assertThat(used.intersects(owned)).as("a cluster has two owners").isFalse();
        used.or(owned);
        BitSet counted = counted(table);
        assertThat(difference(counted, used).stream())
                .as("counted and not used")
                .isEmpty();
        assertThat(difference(used, counted).stream())
                .as("used and not counted")
                .isEmpty();
    }

    private BitSet counted(ResidentTable table) throws IOException {
        BitSet counted = new BitSet();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment block = arena.allocate(CLUSTER_BYTES, 8);
            for (int index = 0; index < table.entryCount(); index++) {
                if (table.entry(index) == 0) {
                    continue;
                }
                file.read(table.entry(index), block);
                for (int cluster = 0; cluster < countsPerBlock(); cluster++) {
                    long count = RefcountBits.get(block, geometry.refcountOrder(), cluster);
                    assertThat(count).isBetween(0L, 1L);
                    counted.set(index * countsPerBlock() + cluster, count == 1);
                }
            }
        }
        return counted;
    }

    private static void use(BitSet used, long hostOffset, long lengthBytes) {
        assertThat(hostOffset % CLUSTER_BYTES).isZero();
        int first = (int) (hostOffset / CLUSTER_BYTES);
        int end = (int) ((hostOffset + lengthBytes) / CLUSTER_BYTES);
        assertThat(used.get(first, end).isEmpty()).as("a cluster has two uses").isTrue();
        used.set(first, end);
    }

    private static BitSet difference(BitSet from, BitSet taken) {
        BitSet rest = (BitSet) from.clone();
        rest.andNot(taken);
        return rest;
    }

    /** The run's clusters, marked in {@code owned}; none of them may be there already. */
    static ClusterAllocator.Run own(BitSet owned, ClusterAllocator.Run run) {
        use(owned, run.hostOffset(), (long) run.clusters() * CLUSTER_BYTES);
        return run;
    }

    @Override
    public void close() throws IOException {
        refcounts.cache().close();
        file.close();
    }
}
