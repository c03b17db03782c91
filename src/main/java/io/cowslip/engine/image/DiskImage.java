package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.alloc.InFlightRequests;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.image.bitmap.Bitmaps;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.layer.LayerStats;
import io.cowslip.engine.image.layer.Qcow2Layer;
import io.cowslip.engine.image.layer.ZeroDetection;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.map.MappedExtent;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.image.options.WriteOptions.DetectZeroes;
import io.cowslip.engine.image.snapshot.SnapshotReader;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * An open image with its backing chain: the guest's bytes. All methods may be called from any thread at once, except
 * {@link #close()}: the owner calls it when no other call is under way.
 *
 * <p>Offsets and lengths are bytes of the guest's disk and need no alignment. A range that leaves the disk is refused
 * with OUT_OF_RANGE before anything happens; a write to a read-only image with READ_ONLY. Writes are durable after the
 * next {@link #flush()} that returns. Segments must be native memory.
 */
public final class DiskImage implements AutoCloseable {
    private final Path path;
    private final ImageEnvironment environment;
    private final DiskGates gates;
    private final ChangeGate changes;
    private final ChangeGate reads;
    private final InFlightRequests requests;
    private final AtomicLong changeCount = new AtomicLong();
    private final AtomicLong snapshotChanges = new AtomicLong();
    private final PageTransfers transfers;
    private final PublishedSize diskSize;
    private final SnapshotReaders snapshotReaders = new SnapshotReaders();
    private final @Nullable Beside beside;
    private volatile ImageLayer top;
    private volatile ImageOptions options;
    private boolean closed;

    /** The image of the same file whose snapshot of this id this one reads, while that one may be written. */
    private record Beside(DiskImage image, String snapshotId) {}

    private DiskImage(
            Path path,
            ImageEnvironment environment,
            InFlightRequests requests,
            ImageLayer top,
            ImageOptions options,
            @Nullable Beside beside) {
        this.path = path;
        this.environment = environment;
        this.gates = new DiskGates(requests);
        this.changes = gates.changes();
        this.reads = gates.reads();
        this.requests = requests;
        this.top = top;
        this.diskSize = new PublishedSize(top.virtualSizeBytes(), changeCount);
        this.options = options;
        this.beside = beside;
        // Pages of a snapshot may still be on their way to a client when it is deleted and they are written over.
        this.transfers = new PageTransfers(!top.isWritable() && beside == null);
        top.followWrites(options);
    }

    /**
     * Opens {@code file} and its whole backing chain.
     *
     * @throws ImageException NOT_FOUND, FORBIDDEN, INVALID_FORMAT, UNSUPPORTED_FEATURE, INVALID_OPTION, BUSY, CORRUPT or
     *     IO; nothing stays open then
     */
    public static DiskImage open(Path file, ImageOptions options, ImageEnvironment environment) throws IOException {
        WriteOptions.check(options);
        InFlightRequests requests = new InFlightRequests();
        ImageLayer top = BackingChain.open(file, options, environment, requests);
        return new DiskImage(file, environment, requests, top, options.withoutSecrets(), null);
    }

    /**
     * Opens a snapshot of this image's file for reading, while this image goes on being written: what a snapshot holds
     * stays as it is, and it cannot be deleted until the image returned is closed. That is to be before this one is.
     *
     * @param wanted as for {@link #open}, read-only and with the snapshot
     * @throws ImageException as {@link #open}
     */
    public synchronized DiskImage openSnapshot(ImageOptions wanted) throws IOException {
        if (wanted.snapshot() == null || !wanted.readOnly()) {
            throw new IllegalArgumentException("a snapshot is opened beside its image for reading only");
        }
        String id = SnapshotReader.idOf(wanted.snapshot(), top.file());
        snapshotReaders.begin(id);
        boolean opened = false;
        try {
            InFlightRequests ownRequests = new InFlightRequests();
            ImageLayer layer = BackingChain.openSnapshot(path, top.file().identity(), wanted, environment, ownRequests);
            opened = true;
            return new DiskImage(path, environment, ownRequests, layer, wanted.withoutSecrets(), new Beside(this, id));
        } finally {
            if (!opened) {
                snapshotReaders.end(id);
            }
        }
    }

    /**
     * Opens {@code file} upon another chain than its header names: that of {@code backing}, with the options of the layer
     * below; null: upon nothing.
     *
     * @throws ImageException as {@link #open}
     */
    public static DiskImage openOver(
            Path file, @Nullable Path backing, ImageOptions options, ImageEnvironment environment) throws IOException {
        WriteOptions.check(options);
        InFlightRequests requests = new InFlightRequests();
        ImageLayer top = BackingChain.openOver(file, backing, options, environment, requests);
        return new DiskImage(file, environment, requests, top, options.withoutSecrets(), null);
    }

    /** Opens {@code file} and the layers between it and this image, for its owner to close before this. */
    public ImageLayer openAbove(Path file, ImageOptions options) throws IOException {
        return BackingChain.openAbove(file, top, options, environment, requests);
    }

    /** Size of the disk. */
    public long virtualSizeBytes() {
        return diskSize.bytes();
    }

    /** Whether writes are refused. */
    public boolean readOnly() {
        return options.readOnly();
    }

    /** Whether the image's own metadata is known to contradict itself. Then it takes no more writes. */
    public boolean isCorrupt() {
        return top.isCorrupt();
    }

    /** Fills {@code into} from {@code guestOffset}. */
    public void read(long guestOffset, MemorySegment into) throws IOException {
        int request = reads.enter();
        try {
            requireOnDisk(guestOffset, into.byteSize());
            top.read(guestOffset, into);
        } finally {
            reads.leave(request);
        }
    }

    /**
     * The right to hand this image's bytes to {@code connection} as pages of its files, for as long as an answer takes;
     * null where that cannot be, as with every image that was writable since it was opened.
     */
    public @Nullable PageTransfer pageTransfer(SocketChannel connection) throws IOException {
        return transfers.begin(this, connection);
    }

    /** As {@link PageTransfer#transfer}. */
    long transferTo(long guestOffset, long minLengthBytes, long maxLengthBytes, WritableByteChannel target)
            throws IOException {
        int request = reads.enter();
        try {
            requireOnDisk(guestOffset, maxLengthBytes);
            return transfers.areAllowed()
                    ? top.transferTo(guestOffset, minLengthBytes, maxLengthBytes, target)
                    : HostFile.NOT_TRANSFERABLE;
        } finally {
            reads.leave(request);
        }
    }

    /** Writes all of {@code from} at {@code guestOffset}. When it fails, a prefix may be written. */
    public void write(long guestOffset, MemorySegment from) throws IOException {
        changing(guestOffset, from.byteSize(), layer -> {
            DetectZeroes detection = options.writes().detectZeroes();
            if (detection == DetectZeroes.OFF) {
                layer.write(guestOffset, from, requests);
            } else {
                ZeroDetection.write(layer, guestOffset, from, detection == DetectZeroes.UNMAP, requests);
            }
        });
    }

    /**
     * Writes that begin and end at multiples of this cost least, in bytes: where they are compressed a cluster, of which
     * a part would have to be merged with the rest; else 1.
     */
    public int writeUnitBytes() {
        return options.writes().compress() ? Math.max(1, top.clusterBytes()) : 1;
    }

    /** Makes the range read as zeros. Whole clusters keep their space in the file but need no data written. */
    public void zero(long guestOffset, long lengthBytes) throws IOException {
        changing(guestOffset, lengthBytes, layer -> layer.zero(guestOffset, lengthBytes, false));
    }

    /**
     * Gives whole clusters of the range back; they read as zeros then, where the format can say so. What is less than a
     * cluster is kept. Does nothing when the image was opened to ignore discards.
     */
    public void discard(long guestOffset, long lengthBytes) throws IOException {
        if (options.discard() == ImageOptions.DiscardMode.UNMAP) {
            changing(guestOffset, lengthBytes, layer -> layer.discard(guestOffset, lengthBytes));
        } else {
            changing(guestOffset, lengthBytes, null);
        }
    }

    /** Returns after every write that finished before the call is on stable storage. */
    public void flush() throws IOException {
        ImageLayer layer = top;
        if (layer.isWritable() && !options.readOnly()) {
            layer.flush();
        }
    }

    /**
     * How the disk reads from {@code guestOffset} on: a uniform run, at most {@code maxLengthBytes} long and at least a
     * byte. The next run may be like it.
     */
    public GuestExtent extentAt(long guestOffset, long maxLengthBytes) throws IOException {
        int request = reads.enter();
        try {
            requireOnDisk(guestOffset, 1);
            return top.extentAt(guestOffset, Math.min(maxLengthBytes, virtualSizeBytes() - guestOffset));
        } finally {
            reads.leave(request);
        }
    }

    /**
     * Which file of the chain says how the disk reads from {@code guestOffset} on: a uniform run, at most {@code
     * maxLengthBytes} long and at least a byte. The next run may be like it.
     */
    public MappedExtent mapAt(long guestOffset, long maxLengthBytes) throws IOException {
        int request = reads.enter();
        try {
            requireOnDisk(guestOffset, 1);
            return top.mapAt(guestOffset, Math.min(maxLengthBytes, virtualSizeBytes() - guestOffset));
        } finally {
            reads.leave(request);
        }
    }

    /** Whether there are bitmaps to ask for: a snapshot that is read beside its image's writer has none that are its own. */
    public boolean tellsOfBitmaps() {
        return beside == null;
    }

    /** The persistent dirty bitmaps. */
    public DirtyBitmaps bitmaps() {
        return new DirtyBitmaps(this);
    }

    /** Uses the bitmaps within a request, to change nothing. */
    <T> T readBitmaps(Bitmaps.Use<T> use) throws IOException {
        if (beside != null) {
            throw ImageException.of(
                    Kind.UNSUPPORTED_FEATURE,
                    path,
                    "bitmaps tell about the disk as it is now; ask the drive that writes it");
        }
        int request = requests.enter();
        try {
            return top.withBitmaps(use);
        } finally {
            requests.leave(request);
        }
    }

    /** Uses the bitmaps within a change, to change them. */
    <T> T changeBitmaps(Bitmaps.Use<T> use) throws IOException {
        int entered = changes.enter();
        try {
            requireWritable();
            return top.withBitmaps(use);
        } finally {
            changes.leave(entered);
        }
    }

    /** Grows with every change of the guest's bytes, before the change is visible and again when it is done. */
    public long changeCount() {
        return changeCount.get();
    }

    /** The layers from the top down, with their caches as they are now. */
    public List<LayerStats> layers() throws IOException {
        List<LayerStats> layers = new ArrayList<>();
        int request = reads.enter();
        try {
            for (ImageLayer layer = top; layer != null; layer = layer.backing()) {
                layers.add(layer.stats());
            }
        } finally {
            reads.leave(request);
        }
        return layers;
    }

    /** The options in force. */
    public ImageOptions options() {
        return options;
    }

    /**
     * Puts other cache sizes, overlap checks or lazy refcounts, another discard mode, another clean interval or read-only
     * in force while requests go on. All or nothing: refused options leave everything as it was. The format, the data
     * file, the snapshot and {@code cache.direct} cannot change.
     * Waits for the requests that are under way, and where it becomes writable for {@link PageTransfer}s, a few seconds.
     *
     * @throws ImageException INVALID_OPTION naming what cannot be; BUSY when somebody else, or a client that takes
     *     no pages, keeps it from becoming writable
     */
    public synchronized void reconfigure(ImageOptions wanted) throws IOException {
        new Reconfiguration(this, path, environment, requests, transfers, diskSize).to(wanted);
    }

    /**
     * Gives the disk another size, durable when this returns. What it gains reads as zeros, whatever is below; what it
     * loses is gone. Cache sizes follow by the rules of opening, and what is cached of the part that stays is kept. When
     * it grows, reads go on, and changes wait only for the last moment; when it shrinks, both wait until the smaller size
     * is true. When it fails before that, the disk is as it was.
     *
     * @param sizeBytes a multiple of 512
     * @param shrink whether the disk may lose what lies behind a smaller size
     * @param preallocation what of the part gained has its place in the file from the start
     * @param observer told of the bytes of the part gained that have their places
     * @throws ImageException INVALID_OPTION naming the option; READ_ONLY; UNSUPPORTED_FEATURE for an image whose snapshots
     *     do not say how large their disks are; INCONSISTENT_BITMAP; NO_SPACE
     */
    public synchronized void resize(long sizeBytes, boolean shrink, Preallocation preallocation, WorkObserver observer)
            throws IOException {
        requireWritable();
        ImageResize.check(sizeBytes, diskSize.bytes(), shrink, preallocation);
        new ImageResize(top.resizing(), options.caches(), diskSize, gates).to(sizeBytes, preallocation, observer);
    }

    /** The same, watched by nobody. */
    public void resize(long sizeBytes, boolean shrink, Preallocation preallocation) throws IOException {
        resize(sizeBytes, shrink, preallocation, WorkObserver.NONE);
    }

    /**
     * Makes the image take less of the host; see {@code DiskCompaction}. While nothing else uses it.
     *
     * @param observer told of the bytes of the disk and of the file that are dealt with
     */
    public synchronized void compact(WorkObserver observer) throws IOException {
        requireWritable();
        WorkThreads work = new WorkThreads(observer);
        new ZeroedClusters(top, work).letGo();
        top.flush();
        if (top instanceof Qcow2Layer layer) {
            layer.moveDown(work);
        }
        work.report();
    }

    /** As {@link DiskGates#awaitAllBegun}. */
    void awaitAllBegun() {
        gates.awaitAllBegun();
    }

    /** The top layer as it is now. */
    ImageLayer top() {
        return top;
    }

    /** Reads and changes go to this layer from now on. Under the image's monitor. */
    void replaceTop(ImageLayer other) {
        top = other;
    }

    /** Puts options in force, for what asks them from now on. Under the image's monitor. */
    void putInForce(ImageOptions other) {
        options = other;
    }

    /**
     * Checks the image's own file, the layers below left out. While it is writable, this goes over the metadata twice: at
     * first beside everything else, so that the host has it in memory, and then once more while changes of the disk wait,
     * after everything is flushed. They wait as long as it takes to go over metadata in memory: for a disk of 1 TiB with
     * clusters of 64 KiB a tenth of a second or less. Reads never wait; reconfiguring and cleaning the caches do.
     *
     * @throws ImageException UNSUPPORTED_FEATURE for an image that is not qcow2, or what stops the flush
     */
    public CheckReport check(WorkObserver observer) throws IOException {
        if (beside != null) {
            return beside.image.check(observer);
        }
        if (top.format() != ImageFormat.QCOW2) {
            throw ImageException.of(
                    Kind.UNSUPPORTED_FEATURE,
                    path,
                    "a " + top.format().wireName() + " image has no metadata that is checked; only qcow2 images are");
        }
        if (top.isWritable()) {
            ImageCheck.rehearse(top.file(), observer);
        }
        return checkUnchanging(observer);
    }

    private synchronized CheckReport checkUnchanging(WorkObserver observer) throws IOException {
        List<CheckReport> report = new ArrayList<>();
        gates.whileUnchanging(() -> {
            if (top.isWritable()) {
                gates.awaitAllBegun();
                top.settle();
            }
            report.add(ImageCheck.ofUnchanging(top.file(), observer));
        });
        return report.getFirst();
    }

    /** The internal snapshots of the image's own file. */
    public DiskSnapshots snapshots() {
        return beside == null
                ? new DiskSnapshots(this, this, null)
                : new DiskSnapshots(this, beside.image, beside.snapshotId);
    }

    /** Whether this reads a snapshot beside an image that may be written. */
    public boolean isBeside() {
        return beside != null;
    }

    /** Who reads the image's snapshots beside it. */
    SnapshotReaders snapshotReaders() {
        return snapshotReaders;
    }

    /** Grows with every change of snapshots, while {@link #reading} waits. */
    public long snapshotChanges() {
        return snapshotChanges.get();
    }

    /** What is found out from a layer. */
    @FunctionalInterface
    public interface Reading<T> {
        T of(ImageLayer layer) throws IOException;
    }

    /** Reads from the top layer within a request: what it leads to is not used again, and snapshots do not change. */
    public <T> T reading(Reading<T> reading) throws IOException {
        int request = reads.enter();
        try {
            return reading.of(top);
        } finally {
            reads.leave(request);
        }
    }

    /** Reads from the top layer while nobody reconfigures the image. */
    synchronized <T> T readingAlone(Reading<T> reading) throws IOException {
        return reading.of(top);
    }

    /** What is done to the snapshots of a layer. */
    @FunctionalInterface
    interface SnapshotChange {
        void make(Qcow2Layer layer, ImageOptions options) throws IOException;
    }

    /** Changes snapshots while reads and changes of the disk wait; {@code ofDisk} tells that it changes what those read. */
    synchronized void changeSnapshots(boolean ofDisk, SnapshotChange change) throws IOException {
        requireWritable();
        if (!(top instanceof Qcow2Layer layer)) {
            throw ImageException.of(
                    Kind.UNSUPPORTED_FEATURE, path, "a " + top.format().wireName() + " image cannot have snapshots");
        }
        long step = ofDisk ? 1 : 0;
        changeCount.addAndGet(step);
        gates.whileUnused(() -> changeWhileUnused(layer, step, change));
    }

    private void changeWhileUnused(Qcow2Layer layer, long step, SnapshotChange change) throws IOException {
        snapshotChanges.incrementAndGet();
        try {
            change.make(layer, options);
        } finally {
            diskSize.set(layer.virtualSizeBytes());
            changeCount.addAndGet(step);
        }
    }

    /** The passphrases of an image that is encrypted with LUKS. */
    public DiskKeySlots keySlots() {
        return new DiskKeySlots(this);
    }

    /** Changes the top layer's file while nobody reconfigures the image. */
    synchronized <T> T changingAlone(Reading<T> change) throws IOException {
        requireWritable();
        return change.of(top);
    }

    private void requireWritable() throws ImageException {
        if (options.readOnly()) {
            throw ImageException.of(Kind.READ_ONLY, path, "the image is open read-only");
        }
    }

    /** Drops the entries of all caches in the chain that were not used since the last call, and gives their memory back. */
    public synchronized void cleanCaches() {
        if (closed) {
            return;
        }
        for (ImageLayer layer = top; layer != null; layer = layer.backing()) {
            layer.cleanCaches();
        }
    }

    /** Flushes a writable image and closes all files of the chain. The image is closed even when the flush failed. */
    @Override
    public synchronized void close() throws IOException {
        if (closed) {
            return;
        }
        closed = true;
        IOException first = null;
        for (ImageLayer layer = top; layer != null; layer = layer.backing()) {
            try {
                layer.close();
            } catch (IOException failure) {
                if (first == null) {
                    first = failure;
                } else {
                    first.addSuppressed(failure);
                }
            }
        }
        if (beside != null) {
            beside.image.snapshotReaders.end(beside.snapshotId);
        }
        if (first != null) {
            throw first;
        }
    }

    @FunctionalInterface
    private interface Change {
        void make(ImageLayer layer) throws IOException;
    }

    private void changing(long guestOffset, long lengthBytes, @Nullable Change change) throws IOException {
        int entered = changes.enter();
        try {
            requireOnDisk(guestOffset, lengthBytes);
            requireWritable();
            if (lengthBytes == 0 || change == null) {
                return;
            }
            changeCount.incrementAndGet();
            try {
                change.make(top);
            } finally {
                // Also of a change that failed: a part of it may be there.
                top.changed(guestOffset, lengthBytes);
                changeCount.incrementAndGet();
            }
        } finally {
            changes.leave(entered);
        }
    }

    private void requireOnDisk(long guestOffset, long lengthBytes) throws ImageException {
        if (guestOffset < 0 || lengthBytes < 0 || guestOffset > virtualSizeBytes() - lengthBytes) {
            throw ImageException.of(
                    Kind.OUT_OF_RANGE,
                    path,
                    lengthBytes + " bytes at offset " + guestOffset + " do not lie on the disk of " + virtualSizeBytes()
                            + " bytes");
        }
    }
}
