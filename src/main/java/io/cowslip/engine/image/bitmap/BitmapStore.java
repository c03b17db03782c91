package io.cowslip.engine.image.bitmap;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.alloc.MetadataOverlap;
import io.cowslip.engine.alloc.Refcounts;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.BitmapDirectory;
import io.cowslip.engine.format.BitmapEntry;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.MetadataKind;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.map.ImageMetadata;
import io.cowslip.engine.image.map.WriteBarrier;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Writes bitmaps, always to new clusters:
 *
 * <pre>
 *   bits, tables, directory, refcounts → sync → header → sync → the old clusters may be used again
 * </pre>
 *
 * <p>Until the header leads to the new directory the old one counts, in which everything that may have changed is marked
 * as in use. So a crash or a failure leaks at most. Under the metadata lock.
 */
public final class BitmapStore {
    private final HostFile file;
    private final ImageGeometry geometry;
    private final ClusterAllocator allocator;
    private final WriteBarrier barrier;
    private final Refcounts refcounts;
    private final MetadataOverlap overlap;
    private final BitmapFile reader;
    private final BitmapHeader header;
    private @Nullable BitmapDirectory directory;

    /** @param directory where the bitmaps are; null: there are none yet */
    public BitmapStore(ImageMetadata metadata, @Nullable BitmapDirectory directory) {
        this.file = metadata.file();
        this.geometry = metadata.geometry();
        this.allocator = metadata.allocator();
        this.barrier = metadata.barrier();
        this.refcounts = metadata.refcounts();
        this.overlap = metadata.overlap();
        this.reader = new BitmapFile(file, geometry);
        this.header = new BitmapHeader(file, barrier, refcounts);
        this.directory = directory;
    }

    /** Clusters that nothing durable leads to yet. */
    static final class NewClusters {
        private final List<ClusterAllocator.Run> runs = new ArrayList<>();
    }

    BitmapFile reader() {
        return reader;
    }

    /** Refuses a first bitmap where the format or the header has no place for it. */
    void requireRoom() throws IOException {
        header.requireRoom();
    }

    /** Gives back what a failure left without use. */
    void giveBack(NewClusters clusters) {
        clusters.runs.forEach(allocator::giveBack);
        clusters.runs.clear();
    }

    /** Writes {@code bits} as {@code bitmap}'s, which says where they are then. */
    BitmapEntry write(BitmapEntry bitmap, DirtyBits bits, NewClusters into) throws IOException {
        long length = bits.lengthBytes();
        int entries = Math.max(1, Math.toIntExact(Math.ceilDiv(length, (long) geometry.clusterBytes())));
        MemorySegment table = MemorySegment.ofArray(new byte[Math.multiplyExact(entries, Long.BYTES)]);
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment cluster = loan.segment(geometry.clusterBytes());
            for (int index = 0; (long) index << geometry.clusterBits() < length; index++) {
                long atByte = (long) index << geometry.clusterBits();
                table.set(BigEndian.LONG, (long) index * Long.BYTES, writeCluster(bits, atByte, cluster, into));
            }
        }
        return bitmap.withTable(writeTable(table, into), entries);
    }

    /** Writes a cluster of bits and returns the table's entry for it. */
    private long writeCluster(DirtyBits bits, long atByte, MemorySegment buffer, NewClusters into) throws IOException {
        if (bits.isAll(false, atByte, buffer.byteSize())) {
            return 0;
        }
        if (bits.isAll(true, atByte, buffer.byteSize())) {
            return BitmapFile.ALL_ONES;
        }
        bits.store(atByte, buffer);
        long hostOffset = allocate(1, into);
        barrier.tableWritten();
        file.write(hostOffset, buffer);
        return hostOffset;
    }

    /** Writes whole clusters, so that nothing old lies behind a table. */
    private long writeTable(MemorySegment table, NewClusters into) throws IOException {
        long clusters = Math.ceilDiv(table.byteSize(), (long) geometry.clusterBytes());
        long hostOffset = allocate(Math.toIntExact(clusters), into);
        barrier.tableWritten();
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment cluster = loan.segment(geometry.clusterBytes());
            for (long at = 0; at < table.byteSize(); at += cluster.byteSize()) {
                cluster.fill((byte) 0);
                MemorySegment.copy(table, at, cluster, 0, Math.min(cluster.byteSize(), table.byteSize() - at));
                file.write(hostOffset + at, cluster);
            }
        }
        return hostOffset;
    }

    /** Consecutive clusters; those that are found on the way and do not reach are given back in the end. */
    private long allocate(int clusters, NewClusters into) throws IOException {
        List<ClusterAllocator.Run> tooShort = new ArrayList<>();
        try {
            while (true) {
                ClusterAllocator.Run run = allocator.allocate(clusters);
                if (run.clusters() == clusters) {
                    into.runs.add(run);
                    return run.hostOffset();
                }
                tooShort.add(run);
                ClusterAllocator.Run joined = joined(tooShort, clusters);
                if (joined != null) {
                    into.runs.add(joined);
                    return joined.hostOffset();
                }
            }
        } finally {
            tooShort.forEach(allocator::giveBack);
        }
    }

    /** The last runs as one where they follow each other and are as many as wanted; what is too much stays. */
    private ClusterAllocator.@Nullable Run joined(List<ClusterAllocator.Run> runs, int clusters) {
        long start = runs.getLast().hostOffset();
        int count = runs.getLast().clusters();
        int first = runs.size() - 1;
        while (count < clusters && first > 0) {
            ClusterAllocator.Run before = runs.get(first - 1);
            if (before.hostOffset() + ((long) before.clusters() << geometry.clusterBits()) != start) {
                return null;
            }
            start = before.hostOffset();
            count += before.clusters();
            first--;
        }
        if (count < clusters) {
            return null;
        }
        runs.subList(first, runs.size()).clear();
        if (count > clusters) {
            runs.add(new ClusterAllocator.Run(start + ((long) clusters << geometry.clusterBits()), count - clusters));
        }
        return new ClusterAllocator.Run(start, clusters);
    }

    /** Marks entries in place; returns once that is durable. The entries are as long as those in the file. */
    void rewriteFlags(List<BitmapEntry> entries) throws IOException {
        BitmapDirectory now = directory;
        if (now != null) {
            byte[] bytes = BitmapDirectory.toBytes(entries);
            overlap.requireNoneIn(now.hostOffset(), bytes.length, MetadataKind.BITMAP_DIRECTORY);
            try (IoBuffers.Loan loan = IoBuffers.borrow(bytes.length)) {
                barrier.tableWritten();
                file.write(now.hostOffset(), loan.segment(bytes.length).copyFrom(MemorySegment.ofArray(bytes)));
            }
            barrier.commit(refcounts);
        }
    }

    /** Makes these the image's bitmaps, durably. */
    void replaceDirectory(List<BitmapEntry> entries, NewClusters into) throws IOException {
        BitmapDirectory old = directory;
        BitmapHeader.Now now = header.now();
        if (entries.isEmpty()) {
            barrier.commit(refcounts);
            orStop(() -> header.removeAll(now));
            directory = null;
        } else {
            byte[] bytes = BitmapDirectory.toBytes(entries);
            long hostOffset = writeTable(MemorySegment.ofArray(bytes), into);
            BitmapDirectory next = new BitmapDirectory(hostOffset, bytes.length, entries.size());
            barrier.commit(refcounts);
            into.runs.clear();
            overlap.add(MetadataKind.BITMAP_DIRECTORY, next.hostOffset(), next.sizeBytes());
            orStop(() -> header.lead(now, next));
            directory = next;
        }
        if (old != null) {
            overlap.remove(MetadataKind.BITMAP_DIRECTORY, old.hostOffset(), old.sizeBytes());
            allocator.free(old.hostOffset(), old.sizeBytes(), false);
        }
    }

    @FunctionalInterface
    private interface HeaderChange {
        void make() throws IOException;
    }

    /** A failure leaves it open which directory the file leads to, and so whether bitmaps in it are called saved. */
    private void orStop(HeaderChange change) throws IOException {
        try {
            change.make();
        } catch (ImageException refused) {
            barrier.stop(refused);
            throw refused;
        }
    }

    /**
     * The clusters of bitmaps as the file has them, read before the file stops leading to them: then a host that refuses
     * has changed nothing. What is damaged leaks, and so does all where that is more than the file can have.
     */
    List<ClusterAllocator.Run> clustersOf(List<BitmapEntry> bitmaps) throws IOException {
        long most = file.sizeBytes() >>> geometry.clusterBits();
        List<ClusterAllocator.Run> runs = new ArrayList<>();
        for (BitmapEntry bitmap : bitmaps) {
            if (reader.hasTable(bitmap)) {
                addClusters(bitmap, most, runs);
            }
        }
        return runs.size() > most ? List.of() : runs;
    }

    private void addClusters(BitmapEntry bitmap, long most, List<ClusterAllocator.Run> runs) throws IOException {
        reader.eachEntry(bitmap, bitmap.tableEntries(), (index, entry) -> {
            if (runs.size() <= most && reader.isCluster(entry)) {
                runs.add(new ClusterAllocator.Run(entry, 1));
            }
        });
        long tableBytes = geometry.roundUpToCluster((long) bitmap.tableEntries() * Long.BYTES);
        runs.add(
                new ClusterAllocator.Run(bitmap.tableOffset(), Math.toIntExact(tableBytes >>> geometry.clusterBits())));
    }

    /** Lets go of a bitmap's clusters, once the file does not lead to it any more. */
    void free(List<ClusterAllocator.Run> clusters) {
        for (ClusterAllocator.Run run : clusters) {
            allocator.free(run.hostOffset(), (long) run.clusters() << geometry.clusterBits(), false);
        }
    }
}
