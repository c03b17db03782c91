package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.alloc.InFlightRequests;
import io.cowslip.engine.cache.ActiveL1;
import io.cowslip.engine.cache.CacheBudget;
import io.cowslip.engine.cache.CacheCounters;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.codec.ClusterCodec;
import io.cowslip.engine.format.ExtendedL2Entry;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.bitmap.Bitmaps;
import io.cowslip.engine.image.encryption.KeySlots;
import io.cowslip.engine.image.map.ClippedClusters;
import io.cowslip.engine.image.map.ClusterMap;
import io.cowslip.engine.image.map.DataStore;
import io.cowslip.engine.image.map.DiskSize;
import io.cowslip.engine.image.map.DiskTables;
import io.cowslip.engine.image.map.EntryComparison;
import io.cowslip.engine.image.map.Extent;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.map.MappedExtent;
import io.cowslip.engine.image.map.WriteBarrier;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.snapshot.SnapshotReader;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import org.jspecify.annotations.Nullable;

/** An open qcow2 file: map, then act. Reading is here; what changes metadata is in {@link Qcow2Writing}. */
public final class Qcow2Layer implements ImageLayer {
    private final HostFile file;
    private final DataStore data;
    private final ImageGeometry geometry;
    private final DiskSize diskSize;
    private final @Nullable ImageLayer backing;
    private final ClusterCodec codec;
    private final ClusterMap map;
    private final LayerCaches caches;
    private final @Nullable Qcow2Writing writing;
    private final ImageHeader header;
    private volatile boolean compressing;
    private volatile boolean corrupt;

    /**
     * An image whose header was read and found supported; {@code file} is locked already.
     *
     * @param data where the header says that the guest's bytes are
     * @param requests the requests that may be using this layer
     */
    public Qcow2Layer(
            HostFile file,
            DataStore data,
            ImageHeader header,
            @Nullable ImageLayer backing,
            boolean writable,
            ImageOptions options,
            CacheFactory factory,
            InFlightRequests requests)
            throws IOException {
        this.file = file;
        this.header = header;
        this.data = data;
        this.geometry = header.geometry();
        this.diskSize = new DiskSize(header.virtualSizeBytes());
        this.backing = backing;
        this.corrupt = header.features().corrupt();
        CacheBudget budget = CacheBudget.of(options.caches(), geometry);
        CacheMaker maker = new CacheMaker(factory, geometry, new CacheCounters(), new CacheCounters());
        ActiveL1 l1 = new ActiveL1(ResidentTable.read("L1 table", file, header.l1TableOffset(), header.l1Entries()));
        this.map = new ClusterMap(
                file,
                geometry,
                header.version(),
                data.isExternal(),
                l1,
                source -> maker.slices(budget, header.virtualSizeBytes(), source));
        this.codec = ClusterCodec.of(header.compressionType());
        try {
            this.writing = writable
                    ? new Qcow2Writing(
                            this, header, l1, map, requests, options, source -> maker.refcounts(budget, source))
                    : null;
        } catch (IOException | RuntimeException | Error refused) {
            maker.destroy(map.slices());
            codec.close();
            throw refused;
        }
        this.caches = new LayerCaches(maker, budget, diskSize, map, writing);
    }

    @Override
    public HostFile file() {
        return file;
    }

    @Override
    public HostFile dataFile() {
        return data.file();
    }

    /** What the image's compressed clusters are made and read with. */
    public ClusterCodec codec() {
        return codec;
    }

    /** 2 or 3. */
    public int version() {
        return header.version();
    }

    /** Where the guest's bytes are. */
    public DataStore data() {
        return data;
    }

    /** The tables of the disk as it is now. */
    public DiskTables tables() {
        return map.tables(diskSize);
    }

    /** {@link ClusterMap#tableOffset}. */
    public long tableOffset(int index, long l1Entry) throws ImageException {
        return map.tableOffset(index, l1Entry);
    }

    /** What the image can do when it is written. */
    ImageCapabilities capabilities() {
        return new ImageCapabilities(header.version(), data);
    }

    /** Cluster size and all that follows from it. */
    public ImageGeometry geometry() {
        return geometry;
    }

    /** {@link ClusterMap#requireSound} of an entry as long as this image's are; its second word may be missing. */
    public void requireSound(ExtendedL2Entry entry, long cluster) throws ImageException {
        if (geometry.extendedL2()) {
            map.requireSound(entry, cluster);
        } else {
            map.requireSound(entry.descriptor(), cluster);
        }
    }

    /** {@link ClusterMap#hasPlace}. */
    public boolean hasPlace(long entry) {
        return map.hasPlace(entry);
    }

    /** What the entries of two states of this disk say about each other. */
    public EntryComparison comparison() {
        return new EntryComparison(geometry, header.version(), backing == null ? 0 : backing.virtualSizeBytes());
    }

    @Override
    public ImageFormat format() {
        return ImageFormat.QCOW2;
    }

    @Override
    public long virtualSizeBytes() {
        return diskSize.bytes();
    }

    /** How large the disk is, for all that works on it. */
    DiskSize diskSize() {
        return diskSize;
    }

    @Override
    public @Nullable ImageLayer backing() {
        return backing;
    }

    @Override
    public void followWrites(ImageOptions options) {
        compressing = options.writes().compress();
        if (writing != null) {
            writing.passedDiscards().follow(options);
        }
    }

    @Override
    public int clusterBytes() {
        return geometry.clusterBytes();
    }

    @Override
    public boolean isWritable() {
        return writing != null;
    }

    @Override
    public void read(long guestOffset, MemorySegment into) throws IOException {
        long done = 0;
        while (done < into.byteSize()) {
            Extent extent = mapped(guestOffset + done, into.byteSize() - done);
            readExtent(extent, guestOffset + done, into.asSlice(done, extent.lengthBytes()));
            done += extent.lengthBytes();
        }
    }

    /** What the map says; where it contradicts itself the image is corrupt from now on, and marked so if it is written. */
    private Extent mapped(long guestOffset, long maxLengthBytes) throws IOException {
        try {
            return map.extentAt(guestOffset, maxLengthBytes);
        } catch (ImageException failure) {
            throw noticingCorruption(failure);
        }
    }

    private ImageException noticingCorruption(ImageException failure) {
        if (writing != null) {
            writing.lock().stoppingIfCorrupt(failure);
        } else if (failure.kind() == ImageException.Kind.CORRUPT) {
            corrupt = true;
        }
        return failure;
    }

    private void readExtent(Extent extent, long guestOffset, MemorySegment into) throws IOException {
        switch (extent) {
            case Extent.Data run -> data.read(run.hostOffset(), guestOffset, into);
            case Extent.Zero zero -> into.fill((byte) 0);
            case Extent.Hole hole -> readBelow(guestOffset, into);
            case Extent.Compressed compressed -> readCompressed(compressed, into);
        }
    }

    private void readBelow(long guestOffset, MemorySegment into) throws IOException {
        if (backing == null) {
            into.fill((byte) 0);
        } else {
            backing.readPadded(guestOffset, into);
        }
    }

    private void readCompressed(Extent.Compressed compressed, MemorySegment into) throws IOException {
        try (IoBuffers.Loan packed = IoBuffers.borrow(compressed.payloadBytes());
                IoBuffers.Loan plain = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment payload = packed.segment(compressed.payloadBytes());
            // The last sector that a payload may reach into need not be in the file.
            payload.asSlice(file.read(compressed.hostOffset(), payload)).fill((byte) 0);
            MemorySegment cluster = plain.segment(geometry.clusterBytes());
            codec.decode(payload, cluster);
            MemorySegment.copy(cluster, compressed.offsetInCluster(), into, 0, into.byteSize());
        }
    }

    @Override
    public long transferTo(long guestOffset, long minLengthBytes, long maxLengthBytes, WritableByteChannel target)
            throws IOException {
        return switch (map.extentAt(guestOffset, maxLengthBytes)) {
            case Extent.Data run -> data.transferTo(run.hostOffset(), minLengthBytes, run.lengthBytes(), target);
            case Extent.Hole hole -> transferBelow(guestOffset, minLengthBytes, hole.lengthBytes(), target);
            case Extent.Zero zero -> HostFile.NOT_TRANSFERABLE;
            case Extent.Compressed compressed -> HostFile.NOT_TRANSFERABLE;
        };
    }

    private long transferBelow(long guestOffset, long minLengthBytes, long lengthBytes, WritableByteChannel target)
            throws IOException {
        if (backing == null || guestOffset >= backing.virtualSizeBytes()) {
            return HostFile.NOT_TRANSFERABLE;
        }
        long within = Math.min(lengthBytes, backing.virtualSizeBytes() - guestOffset);
        return backing.transferTo(guestOffset, minLengthBytes, within, target);
    }

    @Override
    public GuestExtent extentAt(long guestOffset, long maxLengthBytes) throws IOException {
        return switch (mapped(guestOffset, maxLengthBytes)) {
            case Extent.Data run -> data.extentAt(run.hostOffset(), guestOffset, run.lengthBytes());
            case Extent.Compressed compressed -> new GuestExtent(guestOffset, compressed.lengthBytes(), false, false);
            case Extent.Zero zero -> new GuestExtent(guestOffset, zero.lengthBytes(), true, false);
            case Extent.Hole hole -> extentBelow(guestOffset, hole.lengthBytes());
        };
    }

    /** How the layer below reads, and zeros where there is none. */
    public GuestExtent extentBelow(long guestOffset, long lengthBytes) throws IOException {
        if (backing == null || guestOffset >= backing.virtualSizeBytes()) {
            return new GuestExtent(guestOffset, lengthBytes, true, true);
        }
        return backing.extentAt(guestOffset, Math.min(lengthBytes, backing.virtualSizeBytes() - guestOffset));
    }

    @Override
    public MappedExtent mapAt(long guestOffset, long maxLengthBytes) throws IOException {
        return switch (mapped(guestOffset, maxLengthBytes)) {
            case Extent.Data run -> data.mapAt(run.hostOffset(), guestOffset, run.lengthBytes());
            case Extent.Compressed compressed -> MappedExtent.packed(guestOffset, compressed.lengthBytes());
            case Extent.Zero zero -> {
                MappedExtent zeros = MappedExtent.zeros(guestOffset, zero.lengthBytes());
                yield zero.hasPlace() && data.encrypted() == null
                        ? zeros.at(zero.hostOffset(), data.file().path())
                        : zeros;
            }
            case Extent.Hole hole -> mapBelow(guestOffset, hole.lengthBytes());
        };
    }

    @Override
    public OwnRun ownRunAt(long guestOffset, long maxLengthBytes) throws IOException {
        Extent extent = mapped(guestOffset, maxLengthBytes);
        return new OwnRun(extent.lengthBytes(), !(extent instanceof Extent.Hole));
    }

    @Override
    public int unitBytes() {
        return geometry.extendedL2() ? 1 << geometry.subclusterBits() : geometry.clusterBytes();
    }

    /** Of a cluster that shows something of the layers below nothing can be let go, nor of one that a snapshot has too. */
    @Override
    public Holding holdingIn(long guestOffset, long lengthBytes) throws IOException {
        boolean backed = backing != null && guestOffset < backing.virtualSizeBytes();
        if (backing != null && header.version() == 2 || !map.hasOwnTable(guestOffset >>> geometry.clusterBits())) {
            return Holding.NOTHING;
        }
        boolean bytes = false;
        boolean places = false;
        long position = guestOffset;
        while (position < guestOffset + lengthBytes) {
            Extent extent = mapped(position, guestOffset + lengthBytes - position);
            switch (extent) {
                case Extent.Data run -> {
                    if (!run.copied()) {
                        return Holding.NOTHING;
                    }
                    bytes = true;
                }
                case Extent.Compressed compressed -> bytes = true;
                case Extent.Zero zero -> places |= zero.hasPlace();
                case Extent.Hole hole -> {
                    if (backed) {
                        return Holding.NOTHING;
                    }
                }
            }
            position += extent.lengthBytes();
        }
        if (bytes && data.isRaw() && readsAsZeros(guestOffset, lengthBytes)) {
            // Holes of the data file, where a place in the map costs nothing.
            return Holding.NOTHING;
        }
        return bytes ? Holding.BYTES : places ? Holding.PLACES : Holding.NOTHING;
    }

    private MappedExtent mapBelow(long guestOffset, long lengthBytes) throws IOException {
        if (backing == null || guestOffset >= backing.virtualSizeBytes()) {
            return MappedExtent.absent(guestOffset, lengthBytes);
        }
        return backing.mapAt(guestOffset, Math.min(lengthBytes, backing.virtualSizeBytes() - guestOffset))
                .deeper();
    }

    @Override
    public void write(long guestOffset, MemorySegment from, InFlightRequests requests) throws IOException {
        if (compressing) {
            writable().writeCompressing(guestOffset, from);
        } else {
            writePlain(guestOffset, from, requests);
        }
    }

    /** {@link #write} without any compression. */
    void writePlain(long guestOffset, MemorySegment from, InFlightRequests requests) throws IOException {
        ImageLayer.super.write(guestOffset, from, requests);
    }

    @Override
    public long writeInPlace(long guestOffset, MemorySegment from) throws IOException {
        WriteBarrier barrier = writable().barrier();
        barrier.requireSound();
        long done = 0;
        while (done < from.byteSize()
                && mapped(guestOffset + done, from.byteSize() - done) instanceof Extent.Data run
                && run.copied()) {
            requireNoMetadataIn(run);
            try {
                data.write(run.hostOffset(), guestOffset + done, from.asSlice(done, run.lengthBytes()));
            } finally {
                // A write that fails may have reached the file in part, and what is read must be what a flush keeps.
                barrier.dataWritten();
            }
            done += run.lengthBytes();
        }
        return done;
    }

    private void requireNoMetadataIn(Extent.Data run) throws ImageException {
        if (!data.isExternal()) {
            try {
                writable().requireNoMetadataIn(run.hostOffset(), run.lengthBytes());
            } catch (ImageException hit) {
                throw noticingCorruption(hit);
            }
        }
    }

    @Override
    public long writeSome(long guestOffset, MemorySegment from) throws IOException {
        return writable().writeSome(guestOffset, from);
    }

    @Override
    public void zero(long guestOffset, long lengthBytes, boolean unmap) throws IOException {
        writable().zero(guestOffset, lengthBytes, unmap);
    }

    @Override
    public void discard(long guestOffset, long lengthBytes) throws IOException {
        writable().discard(guestOffset, lengthBytes);
    }

    @Override
    public void flush() throws IOException {
        writable().flush();
    }

    @Override
    public void settle() throws IOException {
        writable().settle();
    }

    @Override
    public void changed(long guestOffset, long lengthBytes) {
        writable().bitmaps().changed(guestOffset, lengthBytes);
    }

    @Override
    public void saveBitmaps() throws IOException {
        writable().saveBitmaps();
    }

    @Override
    public void resumeBitmaps() throws IOException {
        writable().resumeBitmaps();
    }

    @Override
    public <T> T withBitmaps(Bitmaps.Use<T> use) throws IOException {
        return writing == null ? use.of(Bitmaps.readOnly(file, header)) : writing.withBitmaps(use);
    }

    /** The image's key slots as the file has them now. */
    public KeySlots keySlots() throws IOException {
        return new KeySlots(file, (hostOffset, bytes) -> writable().writeDurably(hostOffset, bytes));
    }

    private Qcow2Writing writable() {
        if (writing == null) {
            throw new IllegalStateException("a layer opened read-only was asked to write");
        }
        return writing;
    }

    @Override
    public boolean isCorrupt() {
        return corrupt || writing != null && writing.barrier().isCorrupt();
    }

    @Override
    public void requirePossible(ImageOptions options) throws ImageException {
        if (!options.readOnly()) {
            capabilities().require(options);
        }
    }

    @Override
    public void guard(ImageOptions options) throws IOException {
        if (writing != null) {
            writing.guard(options);
        }
    }

    @Override
    public LayerStats stats() throws IOException {
        return new LayerStats(
                file.path(),
                ImageFormat.QCOW2,
                diskSize.bytes(),
                geometry.clusterBytes(),
                caches.l2Stats(),
                caches.refcountStats(file.sizeBytes()),
                isCorrupt());
    }

    @Override
    public void cleanCaches() {
        caches.clean();
    }

    @Override
    public CacheChange prepareCaches(CacheOptions options) throws IOException {
        return caches.prepare(options);
    }

    @Override
    public DiskResizing resizing() {
        return new Qcow2Resizing(data, diskSize, writable(), caches);
    }

    /**
     * Lets go of all that the layer has of the disk, so that what is below shows through, durably. Snapshots and bitmaps
     * stay. Nothing else uses the image.
     */
    public void empty() throws IOException {
        if (diskSize.bytes() == 0) {
            return;
        }
        LayerCaches.Change change = caches.prepareEmpty();
        try {
            ClippedClusters freed = writable().empty(change::replaceSlices);
            if (data.isExternal()) {
                data.punchWherePossible(0, diskSize.bytes());
            }
            writable().release(freed);
            writable().trimFile();
        } finally {
            change.finish();
        }
    }

    /**
     * Makes the file smaller by moving what lies at its end, once nothing else is to be let go of. Nothing else uses the
     * image.
     */
    public void moveDown(WorkThreads work) throws IOException {
        if (diskSize.bytes() == 0) {
            return;
        }
        ClusterMover mover = writable().mover();
        // Bitmaps are written anew when they are saved: the second time into what the first time has left.
        settleAndSave(writable());
        writable().resumeBitmaps();
        settleAndSave(writable());
        if (backing == null && mover.dropEmptyTables()) {
            writable().settle();
            LayerCaches.Change change = caches.prepareEmpty();
            try {
                change.putInForce();
            } finally {
                change.finish();
            }
        }
        writable().moveL1Down();
        long floor = mover.moveDown(work, writable()::flush);
        writable().settle();
        mover.moveRefcountBlocks(floor);
        writable().settle();
        writable().tidyFile();
    }

    /** As {@link Qcow2Writing#changeSnapshots}, with other, empty slices afterwards. */
    public void changeSnapshots(Qcow2Writing.SnapshotAction action) throws IOException {
        if (data.isExternal()) {
            throw ImageException.of(
                    ImageException.Kind.UNSUPPORTED_FEATURE,
                    file.path(),
                    "an image with an external data file cannot have snapshots");
        }
        LayerCaches.Change change = caches.prepareEmpty();
        try {
            writable().changeSnapshots(action, change::replaceSlices);
        } finally {
            change.finish();
        }
    }

    /**
     * Goes back to a snapshot, whose disk may have another size.
     *
     * @param options what cache sizes are asked for
     */
    public void revert(String idOrName, CacheOptions options) throws IOException {
        Long diskBytes = SnapshotReader.diskBytesOf(idOrName, file);
        if (diskBytes == null || diskBytes == diskSize.bytes()) {
            changeSnapshots(snapshots -> snapshots.revert(idOrName));
            return;
        }
        LayerCaches.Change resized = caches.prepareEmpty(options, diskBytes);
        try {
            revert(idOrName, diskBytes, resized);
        } finally {
            resized.finish();
        }
    }

    private void revert(String idOrName, long diskBytes, LayerCaches.Change resized) throws IOException {
        LayerCaches.Change unlessDone = caches.prepareEmpty();
        try {
            writable()
                    .changeSnapshots(
                            snapshots -> snapshots.revert(idOrName),
                            () -> (diskSize.bytes() == diskBytes ? resized : unlessDone).replaceSlices());
            resized.replaceRefcountCache();
        } finally {
            unlessDone.finish();
        }
    }

    @Override
    public void lock(ImageLock lock) throws IOException {
        file.lock(lock);
        if (data.isExternal()) {
            boolean locked = false;
            try {
                data.file().lock(lock);
                locked = true;
            } finally {
                if (!locked) {
                    file.lock(lock == ImageLock.WRITER ? ImageLock.READER : ImageLock.WRITER);
                }
            }
        }
    }

    @Override
    public void unlock() throws IOException {
        file.unlock();
        if (data.isExternal()) {
            data.file().unlock();
        }
    }

    private void closeFiles() throws IOException {
        try {
            if (data.isExternal()) {
                data.file().close();
            }
        } finally {
            file.close();
        }
    }

    /** The guest's bytes go first: whatever becomes of the bitmaps, those are safe. */
    private static void settleAndSave(Qcow2Writing writing) throws IOException {
        writing.settle();
        writing.saveBitmaps();
        writing.settle();
    }

    @Override
    public void close() throws IOException {
        try {
            if (writing != null) {
                settleAndSave(writing);
            }
        } finally {
            caches.close();
            codec.close();
            data.forgetKey();
            if (writing != null) {
                writing.barrier().beforeClose();
            }
            closeFiles();
        }
    }
}
