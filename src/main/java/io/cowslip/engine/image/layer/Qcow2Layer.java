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
import io.cowslip.engine.image.bitmap.Bitmaps;
import io.cowslip.engine.image.encryption.KeySlots;
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
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import org.jspecify.annotations.Nullable;

/**
 * An open qcow2 file: map, then act. {@link Qcow2Reading} reads it, {@link Qcow2Extents} tells what it has, and {@link
 * Qcow2Writing} changes its metadata; to write over what has its place already is done here.
 */
public final class Qcow2Layer implements ImageLayer {
    private final HostFile file;
    private final DataStore data;
    private final ImageGeometry geometry;
    private final DiskSize diskSize;
    private final @Nullable ImageLayer backing;
    private final ClusterCodec codec;
    private final ClusterMap map;
    private final Qcow2Extents extents;
    private final Qcow2Reading reading;
    private final LayerCaches caches;
    private final @Nullable Qcow2Writing writing;
    private final ImageHeader header;
    private volatile boolean compressing;
    private volatile boolean corrupt;
    private volatile long fileEndSeen;

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
        this.extents = new Qcow2Extents(this, map);
        this.codec = ClusterCodec.of(header.compressionType());
        this.reading = new Qcow2Reading(this, map, codec);
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
        reading.read(guestOffset, into);
    }

    /** What the map says; where it contradicts itself the image is corrupt from now on, and marked so if it is written. */
    Extent mapped(long guestOffset, long maxLengthBytes) throws IOException {
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

    @Override
    public long transferTo(long guestOffset, long minLengthBytes, long maxLengthBytes, WritableByteChannel target)
            throws IOException {
        return reading.transferTo(guestOffset, minLengthBytes, maxLengthBytes, target);
    }

    @Override
    public GuestExtent extentAt(long guestOffset, long maxLengthBytes) throws IOException {
        return extents.extentAt(guestOffset, maxLengthBytes);
    }

    /** How the layer below reads, and zeros where there is none. */
    public GuestExtent extentBelow(long guestOffset, long lengthBytes) throws IOException {
        return extents.extentBelow(guestOffset, lengthBytes);
    }

    @Override
    public MappedExtent mapAt(long guestOffset, long maxLengthBytes) throws IOException {
        return extents.mapAt(guestOffset, maxLengthBytes);
    }

    @Override
    public OwnRun ownRunAt(long guestOffset, long maxLengthBytes) throws IOException {
        return extents.ownRunAt(guestOffset, maxLengthBytes);
    }

    @Override
    public Holding holdingIn(long guestOffset, long lengthBytes) throws IOException {
        return extents.holdingIn(guestOffset, lengthBytes);
    }

    @Override
    public int unitBytes() {
        return geometry.extendedL2() ? 1 << geometry.subclusterBits() : geometry.clusterBytes();
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
            requireDataAt(run.hostOffset(), run.lengthBytes());
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

    /**
     * Refuses to write the guest's bytes where an entry leads but no data can be. Any thread.
     *
     * @throws ImageException CORRUPT
     */
    void requireDataAt(long hostOffset, long lengthBytes) throws IOException {
        if (!data.isExternal()) {
            try {
                requireInFile(hostOffset);
                writable().requireNoMetadataIn(hostOffset, lengthBytes);
            } catch (ImageException hit) {
                throw noticingCorruption(hit);
            }
        }
    }

    /** What was allocated was written, so the file reaches its cluster: an entry that leads further is not to make it. */
    private void requireInFile(long hostOffset) throws IOException {
        if (hostOffset > fileEndSeen) {
            fileEndSeen = file.sizeBytes();
            if (hostOffset >= fileEndSeen + clusterBytes()) {
                throw ImageException.of(
                        ImageException.Kind.CORRUPT,
                        file.path(),
                        "an L2 entry leads to " + hostOffset + ", behind the end of the file at " + fileEndSeen);
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
        return corrupt || (writing != null && writing.barrier().isCorrupt());
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
        new DiskClipping(data, diskSize, writable(), caches).empty();
    }

    /**
     * Makes the file smaller by moving what lies at its end, once nothing else is to be let go of. Nothing else uses the
     * image.
     *
     * @param work told of the bytes that are moved
     */
    public void moveDown(WorkThreads work) throws IOException {
        new Qcow2Compaction(this, writable(), caches).moveDown(work);
    }

    /** The snapshots of a layer that is written. */
    public Qcow2Snapshots snapshots() {
        return new Qcow2Snapshots(this, writable(), caches);
    }

    @Override
    public void lock(ImageLock lock) throws IOException {
        new Qcow2Files(file, data).lock(lock);
    }

    @Override
    public void unlock() throws IOException {
        new Qcow2Files(file, data).unlock();
    }

    @Override
    public void close() throws IOException {
        try {
            if (writing != null) {
                writing.settleAndSaveBitmaps();
            }
        } finally {
            caches.close();
            codec.close();
            data.forgetKey();
            if (writing != null) {
                writing.barrier().beforeClose();
            }
            new Qcow2Files(file, data).close();
        }
    }
}
