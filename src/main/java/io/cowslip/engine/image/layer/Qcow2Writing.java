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
import io.cowslip.engine.format.EncryptionArea;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.MetadataKind;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.bitmap.BitmapStore;
import io.cowslip.engine.image.bitmap.Bitmaps;
import io.cowslip.engine.image.map.ClusterMap;
import io.cowslip.engine.image.map.DataClusters;
import io.cowslip.engine.image.map.ImageMetadata;
import io.cowslip.engine.image.map.MetadataLock;
import io.cowslip.engine.image.map.PassedDiscards;
import io.cowslip.engine.image.map.WritableMap;
import io.cowslip.engine.image.map.WriteBarrier;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.snapshot.SnapshotPlaces;
import io.cowslip.engine.image.snapshot.Snapshots;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The writing half of an open qcow2 image: everything that changes metadata, behind the image's one metadata lock.
 * Reading goes on beside it, and so do data I/O of writes and a flush's last sync.
 */
final class Qcow2Writing {
    private static final long SETTLE_POLL_NANOS = 50_000;

    private final HostFile file;
    private final ImageGeometry geometry;
    private final InFlightRequests requests;
    private final GroupCommit commits;
    private final MetadataOverlap overlap;
    private final SnapshotPlaces snapshotPlaces;
    private final boolean lazyInHeader;
    private final Refcounts refcounts;
    private final ClusterAllocator allocator;
    private final WriteBarrier barrier;
    private final MetadataLock lock;
    private final PassedDiscards passedDiscards = new PassedDiscards();
    private final ClusterWriter writer;
    private final RangeEraser ranges;
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
        layer.capabilities().require(options);
        this.file = layer.file();
        this.geometry = header.geometry();
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
        this.lock = new MetadataLock(file.path(), barrier);
        this.refcounts = new Refcounts(file, geometry, overlap, refcountTable, quarantine, this::writeBackRefcounts);
        refcounts.requireSoundTable(file.sizeBytes());
        refcounts.useCache(caches.create(this::loadRefcountBlock));
        this.allocator = new ClusterAllocator(file, geometry, refcounts, quarantine);
        ImageMetadata metadata =
                new ImageMetadata(file, geometry, l1, map, refcounts, allocator, barrier, overlap, lock);
        DataClusters clusters = layer.data().isExternal()
                ? new DataClusters.Placed(layer.data(), geometry)
                : new DataClusters.Counted(allocator, geometry);
        WritableMap writableMap = new WritableMap(metadata, clusters);
        ClusterReservations reservations = new ClusterReservations(lock.newCondition());
        this.writer = new ClusterWriter(metadata, layer, writableMap, clusters, reservations, passedDiscards);
        KeptClusters kept = new KeptClusters(layer.data(), overlap, geometry, passedDiscards);
        ClusterEraser eraser = new ClusterEraser(metadata, layer, writableMap, reservations, passedDiscards, kept);
        this.ranges = new RangeEraser(metadata, layer, eraser, requests);
        this.compressing = new CompressingWrites(
                geometry,
                layer,
                lock,
                new CompressedWriter(metadata, writableMap, eraser, reservations, passedDiscards),
                eraser.zeroesAnyCluster());
        this.bitmaps = beginWriting(header, metadata, layer.virtualSizeBytes());
        this.snapshots = new Snapshots(metadata, snapshotPlaces, passedDiscards, bitmaps, layer.diskSize());
        Preallocator preallocator = new Preallocator(metadata, layer, writableMap, clusters);
        this.resizer = new Resizer(layer, metadata, bitmaps, writableMap, preallocator);
        this.mover = new ClusterMover(layer, metadata, writableMap);
    }

    /** The file is written here for the first time. When that fails the refcount cache is gone. */
    private static Bitmaps beginWriting(ImageHeader header, ImageMetadata metadata, long diskBytes) throws IOException {
        boolean begun = false;
        try {
            BitmapDirectory directory = header.bitmapDirectory(metadata.file().sizeBytes());
            Bitmaps writable = Bitmaps.writable(new BitmapStore(metadata, directory), directory, diskBytes);
            metadata.barrier().beginWriting(header);
            writable.begin();
            begun = true;
            return writable;
        } finally {
            if (!begun) {
                metadata.refcounts().cache().close();
            }
        }
    }

    private MetadataOverlap overlap(ImageHeader header, ResidentTable l1, ImageOptions options) throws IOException {
        MetadataOverlap known = new MetadataOverlap(file.path(), geometry);
        known.add(MetadataKind.MAIN_HEADER, 0, geometry.clusterBytes());
        known.add(MetadataKind.ACTIVE_L1, l1.hostOffset(), l1.lengthBytes());
        known.follow(l1, MetadataKind.ACTIVE_L2);
        EncryptionArea luks =
                header.cryptMethod() == ImageHeader.CRYPT_LUKS ? header.encryptionArea(file.sizeBytes()) : null;
        if (luks != null) {
            known.add(MetadataKind.MAIN_HEADER, luks.hostOffset(), luks.lengthBytes());
        }
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

    /** Puts other rules of what may be late and what is looked out for in force. */
    void guard(ImageOptions options) throws IOException {
        lock.during(() -> {
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

    /** The lock behind which all that changes here changes. */
    MetadataLock lock() {
        return lock;
    }

    /** The order in which the file is written. */
    WriteBarrier barrier() {
        return barrier;
    }

    /**
     * Writes what one step takes on where that needs new entries, and says how far; 0 where the range begins with what
     * can be written in place. The data goes to the file without the metadata lock.
     */
    long writeSome(long guestOffset, MemorySegment from) throws IOException {
        ClusterWriter.Begun write = lock.stepOrNull(() -> writer.begin(guestOffset, from));
        if (write == null) {
            return 0;
        }
        boolean filled = false;
        try {
            writer.fill(write);
            filled = true;
        } catch (ImageException failure) {
            throw lock.stoppingIfCorrupt(failure);
        } finally {
            if (!filled) {
                lock.ending(() -> writer.abandon(write));
            }
        }
        lock.ending(() -> writer.publish(write));
        return write.part().byteSize();
    }

    /** Writes all of {@code from}, compressed where it can be. */
    void writeCompressing(long guestOffset, MemorySegment from) throws IOException {
        compressing.write(guestOffset, from, requests);
    }

    /** Which discards go on to the host. */
    PassedDiscards passedDiscards() {
        return passedDiscards;
    }

    /** As {@link RangeEraser#zero}. */
    void zero(long guestOffset, long lengthBytes, boolean unmap) throws IOException {
        ranges.zero(guestOffset, lengthBytes, unmap);
    }

    /** As {@link RangeEraser#discard}. */
    void discard(long guestOffset, long lengthBytes) throws IOException {
        ranges.discard(guestOffset, lengthBytes);
    }

    /** Waits for nobody's changes of metadata while all that there is to sync was written in place. */
    void flush() throws IOException {
        commits.commit(() -> {
            barrier.syncMuchData();
            lock.during(() -> barrier.writeInOrder(refcounts));
            barrier.sync();
            lock.during(() -> {
                barrier.synced();
                allocator.reclaimWherePossible();
            });
        });
    }

    /** Writes to the image file what is no part of its map, durable on return. */
    void writeDurably(long hostOffset, byte[] bytes) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(bytes.length)) {
            MemorySegment from = loan.segment(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
            lock.during(() -> barrier.writeDurably(hostOffset, from));
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
        return lock.step(() -> use.of(bitmaps));
    }

    /** As {@link ImageLayer#saveBitmaps}. */
    void saveBitmaps() throws IOException {
        lock.during(bitmaps::save);
    }

    /** As {@link ImageLayer#resumeBitmaps}. */
    void resumeBitmaps() throws IOException {
        lock.during(bitmaps::begin);
    }

    /** The guest's bytes go first: whatever becomes of the bitmaps, those are safe. No request is in flight. */
    void settleAndSaveBitmaps() throws IOException {
        settle();
        saveBitmaps();
        settle();
    }

    /** Puts another refcount cache in the place of the one in use, and ends that. */
    void replaceRefcountCache(RefcountCaches caches) throws IOException {
        RefcountBlockCache other = caches.create(this::loadRefcountBlock);
        try {
            lock.during(() -> {
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
        lock.during(() -> {
            barrier.commit(refcounts);
            action.run();
        });
    }

    /** What gives the disk another size, in the file. */
    Resizer resizer() {
        return resizer;
    }

    /** What moves clusters towards the file's start. */
    ClusterMover mover() {
        return mover;
    }

    /** The image's snapshots. Under the lock, with everything committed, while nothing else uses the image. */
    Snapshots snapshots() {
        return snapshots;
    }

    /** The refcount cache in use. */
    RefcountBlockCache refcountCache() {
        return refcounts.cache();
    }

    /** Drops idle entries of the refcount cache. */
    void cleanRefcountCache() {
        lock.whileNothingChanges(() -> refcounts.cache().clean());
    }

    /** @param result of the action */
    private record Settled<T>(@Nullable T result) {}

    /** Takes an action in the same step that finds everything committed, once no request uses what was freed. */
    <T> @Nullable T whenSettled(MetadataLock.Action<T> action) throws IOException {
        while (true) {
            Settled<T> settled = lock.stepOrNull(
                    () -> barrier.trySettle(refcounts, allocator) ? new Settled<>(action.take()) : null);
            if (settled != null) {
                return settled.result;
            }
            LockSupport.parkNanos(SETTLE_POLL_NANOS);
        }
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
