package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.alloc.InFlightRequests;
import io.cowslip.engine.alloc.MetadataOverlap;
import io.cowslip.engine.alloc.Quarantine;
import io.cowslip.engine.alloc.Refcounts;
import io.cowslip.engine.cache.ActiveL1;
import io.cowslip.engine.cache.RefcountBlockCache;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.cache.TableSource;
import io.cowslip.engine.format.BitmapDirectory;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.MetadataKind;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.bitmap.BitmapStore;
import io.cowslip.engine.image.bitmap.Bitmaps;
import io.cowslip.engine.image.map.ClippedClusters;
import io.cowslip.engine.image.map.ClusterMap;
import io.cowslip.engine.image.map.DataClusters;
import io.cowslip.engine.image.map.DataStore;
import io.cowslip.engine.image.map.DiskSize;
import io.cowslip.engine.image.map.MetadataLock;
import io.cowslip.engine.image.map.PassedDiscards;
import io.cowslip.engine.image.map.WritableMap;
import io.cowslip.engine.image.map.WriteBarrier;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.snapshot.SnapshotPlaces;
import io.cowslip.engine.image.snapshot.Snapshots;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The writing half of an open qcow2 image: everything that changes metadata, behind the image's one metadata lock.
 * Reading goes on beside it, and so do data I/O of writes and a flush's last sync.
 */
final class Qcow2Writing {
    private static final int ZEROS_BYTES = 256 << 10;
    private static final long SETTLE_POLL_NANOS = 50_000;

    private final HostFile file;
    private final ImageGeometry geometry;
    private final DiskSize diskSize;
    private final Qcow2Layer layer;
    private final InFlightRequests requests;
    private final GroupCommit commits;
    private final ReentrantLock metadataLock = new ReentrantLock();
    private final MetadataOverlap overlap;
    private final SnapshotPlaces snapshotPlaces;
    private final boolean lazyInHeader;
    private final Refcounts refcounts;
    private final ClusterAllocator allocator;
    private final WriteBarrier barrier;
    private final PassedDiscards passedDiscards = new PassedDiscards();
    private final ClusterWriter writer;
    private final ClusterEraser eraser;
    private final CompressingWrites compressing;
    private final Snapshots snapshots;
    private final Bitmaps bitmaps;
    private final Resizer resizer;
    private final ClusterMover mover;

    Qcow2Writing(
            Qcow2Layer layer,
            ImageHeader header,
            ActiveL1 l1,
            ClusterMap map,
            InFlightRequests requests,
            ImageOptions options,
            RefcountCaches caches)
            throws IOException {
        requirePossible(header.version(), layer.data(), options);
        this.file = layer.file();
        this.geometry = header.geometry();
        this.diskSize = layer.diskSize();
        this.layer = layer;
        this.requests = requests;
        this.commits = new GroupCommit(file.path());
        Quarantine quarantine = new Quarantine(requests);
        ResidentTable refcountTable = ResidentTable.read(
                "refcount table",
                file,
                header.refcountTableOffset(),
                (header.refcountTableClusters() << header.clusterBits()) / Long.BYTES);
        this.overlap = overlap(header, l1.table(), options);
        this.snapshotPlaces = new SnapshotPlaces(file, overlap);
        snapshotPlaces.addAll(header);
        snapshotPlaces.require(options.overlapCheck().kinds());
        this.lazyInHeader = header.features().lazyRefcounts();
        this.barrier = new WriteBarrier(
                file, layer.data().file(), header, l1, map, quarantine, overlap, lazyRefcounts(options));
        this.refcounts = new Refcounts(file, geometry, overlap, refcountTable, quarantine, this::writeBackRefcounts);
        refcounts.requireSoundTable(file.sizeBytes());
        refcounts.useCache(caches.create(this::loadRefcountBlock));
        this.allocator = new ClusterAllocator(file, geometry, refcounts, quarantine);
        DataClusters clusters = layer.data().isExternal()
                ? new DataClusters.Placed(layer.data(), geometry)
                : new DataClusters.Counted(allocator, geometry);
        WritableMap writableMap = new WritableMap(file, geometry, l1, map, refcounts, allocator, clusters, barrier);
        ClusterReservations reservations = new ClusterReservations(metadataLock);
        this.writer = new ClusterWriter(
                geometry, diskSize, layer, writableMap, clusters, barrier, reservations, passedDiscards);
        this.eraser = new ClusterEraser(
                geometry,
                diskSize,
                header.version(),
                layer.backing(),
                writableMap,
                reservations,
                barrier,
                passedDiscards,
                new KeptClusters(layer.data(), overlap, geometry, passedDiscards));
        this.compressing = new CompressingWrites(
                geometry,
                layer,
                this,
                new CompressedWriter(
                        file, geometry, writableMap, eraser, allocator, barrier, reservations, passedDiscards),
                eraser.zeroesAnyCluster());
        try {
            BitmapDirectory directory = header.bitmapDirectory(file.sizeBytes());
            this.bitmaps = Bitmaps.writable(
                    new BitmapStore(file, geometry, allocator, barrier, refcounts, overlap, directory),
                    directory,
                    diskSize.bytes());
            barrier.beginWriting(header);
            bitmaps.begin();
        } catch (IOException | RuntimeException | Error refused) {
            refcounts.cache().close();
            throw refused;
        }
        this.snapshots = new Snapshots(
                file,
                geometry,
                l1,
                map,
                refcounts,
                allocator,
                barrier,
                overlap,
                snapshotPlaces,
                passedDiscards,
                bitmaps,
                diskSize);
        Preallocator preallocator = new Preallocator(
                geometry, header.version(), layer.data(), writableMap, clusters, barrier, this::changing);
        this.resizer = new Resizer(
                header,
                layer,
                l1,
                map,
                refcounts,
                allocator,
                barrier,
                overlap,
                bitmaps,
                writableMap,
                preallocator,
                this::changing);
        this.mover =
                new ClusterMover(layer, geometry, l1, map, refcounts, allocator, writableMap, barrier, this::changing);
    }

    private MetadataOverlap overlap(ImageHeader header, ResidentTable l1, ImageOptions options) throws IOException {
        MetadataOverlap known = new MetadataOverlap(file.path(), geometry);
        known.add(MetadataKind.MAIN_HEADER, 0, geometry.clusterBytes());
        known.add(MetadataKind.ACTIVE_L1, l1.hostOffset(), l1.lengthBytes());
        known.follow(l1, MetadataKind.ACTIVE_L2);
        BitmapDirectory bitmaps = header.bitmapDirectory(file.sizeBytes());
        if (bitmaps != null) {
            known.add(MetadataKind.BITMAP_DIRECTORY, bitmaps.hostOffset(), bitmaps.sizeBytes());
        }
        known.lookOutFor(options.overlapCheck().kinds());
        return known;
    }

    private boolean lazyRefcounts(ImageOptions options) {
        Boolean asked = options.lazyRefcounts();
        return asked == null ? lazyInHeader : asked;
    }

    /** Refuses {@code lazy-refcounts}, {@code compress} and {@code discard-no-unref} where the image cannot have them. */
    static void requirePossible(int version, DataStore data, ImageOptions options) throws ImageException {
        requireVersionFor(version, options);
        if (options.writes().compress()) {
            requireCompressionPossible(data);
        }
    }

    /** As QEMU: an external data file has no compressed clusters, and what is compressed is not encrypted. */
    private static void requireCompressionPossible(DataStore data) throws ImageException {
        if (data.isExternal() || data.encrypted() != null) {
            throw ImageException.invalidOption(
                    "compress",
                    "compress is true, but the image "
                            + (data.isExternal() ? "has its data in another file" : "is encrypted")
                            + ", where there are no compressed clusters; leave compress out");
        }
    }

    /** As QEMU: version 2 has no dirty bit, and no clusters that have a place and read as zeros. */
    private static void requireVersionFor(int version, ImageOptions options) throws ImageException {
        if (version == 2 && Boolean.TRUE.equals(options.lazyRefcounts())) {
            throw ImageException.invalidOption(
                    "lazy-refcounts",
                    "lazy-refcounts is on, but the image is of version 2, which cannot say that its refcounts are late;"
                            + " version 3 can");
        }
        if (version == 2 && options.writes().discardNoUnref()) {
            throw ImageException.invalidOption(
                    "discard-no-unref",
                    "discard-no-unref is on, but the image is of version 2, in which a cluster that reads as zeros cannot"
                            + " keep its place; in version 3 it can");
        }
    }

    /** Puts other rules of what may be late and what is looked out for in force. */
    void guard(ImageOptions options) throws IOException {
        changing(() -> {
            barrier.useLazyRefcounts(lazyRefcounts(options), refcounts);
            snapshotPlaces.require(options.overlapCheck().kinds());
            overlap.lookOutFor(options.overlapCheck().kinds());
        });
    }

    /** Refuses to write the guest's bytes over metadata. Any thread. */
    void requireNoMetadataIn(long hostOffset, long lengthBytes) throws ImageException {
        overlap.requireNoneIn(hostOffset, lengthBytes, null);
    }

    /** Makes a refcount cache, given where it loads from. */
    @FunctionalInterface
    interface RefcountCaches {
        RefcountBlockCache create(TableSource source) throws ImageException;
    }

    /** A change of metadata with something to tell. */
    @FunctionalInterface
    interface Action<T> {
        @Nullable
        T take() throws IOException;
    }

    WriteBarrier barrier() {
        return barrier;
    }

    /**
     * Writes what one step takes on where that needs new entries, and says how far; 0 where the range begins with what
     * can be written in place. The data goes to the file without the metadata lock.
     */
    long writeSome(long guestOffset, MemorySegment from) throws IOException {
        ClusterWriter.Begun write = underLock(() -> writer.begin(guestOffset, from));
        if (write == null) {
            return 0;
        }
        boolean filled = false;
        try {
            writer.fill(write);
            filled = true;
        } catch (ImageException failure) {
            throw stoppingIfCorrupt(failure);
        } finally {
            if (!filled) {
                ending(() -> writer.abandon(write));
            }
        }
        ending(() -> writer.publish(write));
        return write.part().byteSize();
    }

    /** Writes all of {@code from}, compressed where it can be. */
    void writeCompressing(long guestOffset, MemorySegment from) throws IOException {
        compressing.write(guestOffset, from, requests);
    }

    PassedDiscards passedDiscards() {
        return passedDiscards;
    }

    void zero(long guestOffset, long lengthBytes, boolean unmap) throws IOException {
        barrier.requireSound();
        if (layer.data().isRaw()) {
            changeRaw(() -> {
                if (unmap) {
                    layer.data().discard(guestOffset, guestOffset, lengthBytes);
                } else {
                    layer.data().zero(guestOffset, guestOffset, lengthBytes);
                }
            });
            return;
        }
        long end = guestOffset + lengthBytes;
        long firstWhole = eraser.firstErasable(geometry.roundUpToCluster(guestOffset));
        long endWhole = eraser.endOfWholeClusters(end);
        if (firstWhole >= endWhole) {
            zeroParts(guestOffset, end);
            return;
        }
        zeroParts(guestOffset, firstWhole);
        inSteps(firstWhole, endWhole, unmap ? eraser::zeroUnmapping : eraser::zero);
        zeroParts(endWhole, end);
    }

    /** Zeroes less than whole clusters: as data, except for whole subclusters where there are any. */
    private void zeroParts(long guestOffset, long end) throws IOException {
        if (!geometry.extendedL2()) {
            writeZeros(guestOffset, end);
            return;
        }
        long position = guestOffset;
        while (position < end) {
            long clusterEnd = Math.min(end, geometry.clusterStart(position) + geometry.clusterBytes());
            long firstWhole = geometry.roundUpToSubcluster(position);
            long endWhole = clusterEnd == diskSize.bytes()
                    ? geometry.roundUpToSubcluster(clusterEnd)
                    : clusterEnd & -1L << geometry.subclusterBits();
            boolean erased = firstWhole < endWhole
                    && Boolean.TRUE.equals(underLock(() -> eraser.zeroSubclusters(firstWhole, endWhole - firstWhole)));
            writeZeros(position, erased ? firstWhole : clusterEnd);
            writeZeros(endWhole, erased ? clusterEnd : endWhole);
            position = clusterEnd;
        }
    }

    void discard(long guestOffset, long lengthBytes) throws IOException {
        barrier.requireSound();
        long firstWhole = geometry.roundUpToCluster(guestOffset);
        long endWhole = eraser.endOfWholeClusters(guestOffset + lengthBytes);
        if (!layer.data().isRaw()) {
            inSteps(firstWhole, endWhole, eraser::discard);
        } else if (firstWhole < endWhole) {
            long end = Math.min(endWhole, diskSize.bytes());
            changeRaw(() -> layer.data().discard(firstWhole, firstWhole, end - firstWhole));
        }
    }

    /**
     * Changes a data file that is to read as the disk at any moment, even after a crash: only there, and never also in
     * the map, which could tell it differently. What the map has for zeros already is zeros in the file as well.
     */
    private void changeRaw(MetadataLock.Change change) throws IOException {
        try {
            change.make();
        } finally {
            barrier.dataWritten();
        }
    }

    /** Writes zeros as a guest would, except where the disk reads as zeros anyhow. */
    private void writeZeros(long guestOffset, long end) throws IOException {
        if (guestOffset >= end || layer.readsAsZeros(guestOffset, end - guestOffset)) {
            return;
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(ZEROS_BYTES)) {
            MemorySegment zeros = loan.segment().fill((byte) 0);
            long position = guestOffset;
            while (position < end) {
                long clusterEnd = geometry.clusterStart(position) + geometry.clusterBytes();
                long length = Math.min(ZEROS_BYTES, Math.min(end, clusterEnd) - position);
                if (!layer.readsAsZeros(position, length)) {
                    layer.write(position, zeros.asSlice(0, length), requests);
                }
                position += length;
            }
        }
    }

    /** Waits for nobody's changes of metadata while all that there is to sync was written in place. */
    void flush() throws IOException {
        commits.commit(() -> {
            barrier.syncMuchData();
            changing(() -> barrier.writeInOrder(refcounts));
            barrier.sync();
            changing(() -> {
                barrier.synced();
                allocator.reclaimWherePossible();
            });
        });
    }

    /** Writes to the image file what is no part of its map, durable on return. */
    void writeDurably(long hostOffset, byte[] bytes) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(bytes.length)) {
            MemorySegment from = loan.segment(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
            changing(() -> barrier.writeDurably(hostOffset, from));
        }
    }

    /** Writes everything, counts of freed clusters included. No request is in flight. */
    void settle() throws IOException {
        whenSettled(() -> null);
    }

    /** The dirty bitmaps, for those who only mark. */
    Bitmaps bitmaps() {
        return bitmaps;
    }

    /** Uses the dirty bitmaps while no metadata changes. */
    <T> T withBitmaps(Bitmaps.Use<T> use) throws IOException {
        return step(() -> use.of(bitmaps));
    }

    void saveBitmaps() throws IOException {
        changing(bitmaps::save);
    }

    void resumeBitmaps() throws IOException {
        changing(bitmaps::begin);
    }

    /** Puts another refcount cache in the place of the one in use, and ends that. */
    void replaceRefcountCache(RefcountCaches caches) throws IOException {
        RefcountBlockCache other = caches.create(this::loadRefcountBlock);
        try {
            changing(() -> {
                barrier.writeBackRefcounts(refcounts);
                other.takeOver(refcounts.cache());
                refcounts.cache().close();
                refcounts.useCache(other);
            });
        } catch (IOException refused) {
            other.close();
            throw refused;
        }
    }

    /** Runs while no metadata changes and nothing in the L2 cache is newer than the file. */
    void whileClean(Runnable action) throws IOException {
        changing(() -> {
            barrier.commit(refcounts);
            action.run();
        });
    }

    Resizer resizer() {
        return resizer;
    }

    /** As {@link Resizer#growTable}. */
    void growTable(long newBytes) throws IOException {
        changing(() -> resizer.growTable(newBytes));
    }

    /** As {@link Resizer#publishGrowth}. */
    void publishGrowth(long oldBytes, long newBytes) throws IOException {
        changing(() -> resizer.publishGrowth(oldBytes, newBytes));
    }

    /**
     * Makes a smaller size of the disk true, with the image marked as dirty until {@link #trimFile} ends that. No request
     * is in flight.
     *
     * @param replaceSlices puts other slices in the place of the cached ones
     * @return what is to be let go of; null: nothing
     */
    @Nullable
    ClippedClusters clip(long newBytes, Runnable replaceSlices) throws IOException {
        return whenSettled(() -> {
            ClippedClusters clipped = beginLettingGo(() -> resizer.clip(newBytes));
            diskSize.set(newBytes);
            replaceSlices.run();
            return clipped;
        });
    }

    /**
     * Makes the image have nothing of the disk, durably, with the image marked as dirty until {@link #trimFile} ends that.
     * No request is in flight.
     *
     * @param replaceSlices puts other slices in the place of the cached ones
     * @return what is to be let go of
     */
    ClippedClusters empty(Runnable replaceSlices) throws IOException {
        return Objects.requireNonNull(whenSettled(() -> {
            ClippedClusters freed = Objects.requireNonNull(beginLettingGo(resizer::empty));
            replaceSlices.run();
            return freed;
        }));
    }

    /** Lets go of what a smaller disk has lost, one step after the other, beside requests. */
    void release(@Nullable ClippedClusters clipped) throws IOException {
        if (clipped != null) {
            clipped.release(this::changing);
            changing(() -> resizer.moveTablesDown(diskSize.bytes()));
        }
    }

    /** What moves clusters towards the file's start. */
    ClusterMover mover() {
        return mover;
    }

    /** Moves the L1 table to where there is room before it. No request is in flight. */
    void moveL1Down() throws IOException {
        changing(() -> resizer.moveTablesDown(diskSize.bytes()));
        settle();
    }

    /** Ends the file after its last cluster in use, and gives all free space to the host. No request is in flight. */
    void tidyFile() throws IOException {
        changing(() -> {
            resizer.trimFile();
            mover.punchFree();
        });
    }

    /** Ends the file after its last cluster in use, and what {@link #clip} or {@link #empty} began. */
    void trimFile() throws IOException {
        changing(() -> {
            resizer.trimFile();
            barrier.endDirtyChange();
        });
    }

    /**
     * Makes true what leaves clusters behind that are to be let go of. Who fails to do that leaves them to whoever opens
     * the image next.
     */
    private @Nullable ClippedClusters beginLettingGo(Clip clip) throws IOException {
        barrier.beginDirtyChange();
        boolean done = false;
        try {
            ClippedClusters clipped = clip.make();
            done = true;
            return clipped;
        } finally {
            if (!done && barrier.isSound()) {
                barrier.endDirtyChange();
            }
        }
    }

    @FunctionalInterface
    private interface Clip {
        @Nullable
        ClippedClusters make() throws IOException;
    }

    /** What is done with snapshots. */
    @FunctionalInterface
    public interface SnapshotAction {
        void take(Snapshots snapshots) throws IOException;
    }

    /**
     * Changes snapshots, with everything else committed. No request is in flight, and none begins meanwhile.
     *
     * @param forgetSlices puts other slices in the place of the cached ones, which mean nothing afterwards
     */
    void changeSnapshots(SnapshotAction action, Runnable forgetSlices) throws IOException {
        whenSettled(() -> {
            try {
                action.take(snapshots);
            } finally {
                forgetSlices.run();
            }
            return null;
        });
    }

    RefcountBlockCache refcountCache() {
        return refcounts.cache();
    }

    void cleanRefcountCache() {
        metadataLock.lock();
        try {
            refcounts.cache().clean();
        } finally {
            metadataLock.unlock();
        }
    }

    /** The metadata lock is given up after each L2 table's worth of disk, so that others get their turn. */
    private void inSteps(long guestOffset, long end, Step step) throws IOException {
        long position = guestOffset;
        while (position < end) {
            long bytesPerTable = geometry.guestBytesPerTable();
            long from = position;
            long to = Math.min(end, (position & -bytesPerTable) + bytesPerTable);
            changing(() -> step.apply(from, to - from));
            position = to;
        }
    }

    @FunctionalInterface
    private interface Step {
        void apply(long guestOffset, long lengthBytes) throws IOException;
    }

    private void changing(MetadataLock.Change change) throws IOException {
        underLock(() -> {
            change.make();
            return null;
        });
    }

    /** Takes a step of a change of metadata that has something to tell. */
    <T> T step(Action<T> action) throws IOException {
        return Objects.requireNonNull(underLock(action));
    }

    /** Ends what was begun, also when the image takes no more changes: others may be waiting for its end. */
    void ending(MetadataLock.Change end) throws IOException {
        metadataLock.lock();
        try {
            end.make();
        } catch (ImageException failure) {
            throw stoppingIfCorrupt(failure);
        } finally {
            metadataLock.unlock();
        }
    }

    /** @param result of the action */
    private record Settled<T>(@Nullable T result) {}

    /** Takes an action in the same step that finds everything committed, once no request uses what was freed. */
    private <T> @Nullable T whenSettled(Action<T> action) throws IOException {
        while (true) {
            Settled<T> settled =
                    underLock(() -> barrier.trySettle(refcounts, allocator) ? new Settled<>(action.take()) : null);
            if (settled != null) {
                return settled.result;
            }
            LockSupport.parkNanos(SETTLE_POLL_NANOS);
        }
    }

    private <T> @Nullable T underLock(Action<T> action) throws IOException {
        metadataLock.lock();
        try {
            barrier.requireSound();
            return action.take();
        } catch (ImageException failure) {
            throw stoppingIfCorrupt(failure);
        } finally {
            metadataLock.unlock();
        }
    }

    /** Metadata that contradicts itself must not be built upon: the image takes no more writes. Any thread. */
    ImageException stoppingIfCorrupt(ImageException failure) {
        // What lies below may be corrupt as well, and compressed data, which is not metadata.
        if (failure.kind() == ImageException.Kind.CORRUPT && file.path().equals(failure.path())) {
            barrier.markCorrupt(failure);
        }
        return failure;
    }

    private void writeBackRefcounts() throws IOException {
        barrier.writeBackRefcounts(refcounts);
    }

    /** One at a time: blocks do not follow each other in the file. */
    private void loadRefcountBlock(long blockIndex, int blocks, MemorySegment into) throws IOException {
        if (blocks != 1) {
            throw new IllegalArgumentException(blocks + " refcount blocks were asked for at once");
        }
        file.readWhole("refcount block", refcounts.blockOffset(blockIndex), into);
    }
}
