package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.alloc.InFlightRequests;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

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
    private final InFlightRequests requests;
    private final InFlightRequests changes = new InFlightRequests();
    private final AtomicLong changeCount = new AtomicLong();
    private volatile ImageLayer top;
    private volatile ImageOptions options;
    private boolean closed;

    private DiskImage(
            Path path, ImageEnvironment environment, InFlightRequests requests, ImageLayer top, ImageOptions options) {
        this.path = path;
        this.environment = environment;
        this.requests = requests;
        this.top = top;
        this.options = options;
    }

    /**
     * Opens {@code file} and its whole backing chain.
     *
     * @throws ImageException NOT_FOUND, FORBIDDEN, INVALID_FORMAT, UNSUPPORTED_FEATURE, INVALID_OPTION, BUSY, CORRUPT or
     *     IO; nothing stays open then
     */
    public static DiskImage open(Path file, ImageOptions options, ImageEnvironment environment) throws IOException {
        InFlightRequests requests = new InFlightRequests();
        ImageLayer top = BackingChain.open(file, options, environment, requests);
        return new DiskImage(file, environment, requests, top, options);
    }

    public long virtualSizeBytes() {
        return top.virtualSizeBytes();
    }

    /** Whether writes are refused. */
    public boolean readOnly() {
        return options.readOnly();
    }

    /** Fills {@code into} from {@code guestOffset}. */
    public void read(long guestOffset, MemorySegment into) throws IOException {
        requireOnDisk(guestOffset, into.byteSize());
        int request = requests.enter();
        try {
            top.read(guestOffset, into);
        } finally {
            requests.leave(request);
        }
    }

    /** Writes all of {@code from} at {@code guestOffset}. When it fails, a prefix may be written. */
    public void write(long guestOffset, MemorySegment from) throws IOException {
        changing(guestOffset, from.byteSize(), layer -> layer.write(guestOffset, from, requests));
    }

    /** Makes the range read as zeros. Whole clusters keep their space in the file but need no data written. */
    public void zero(long guestOffset, long lengthBytes) throws IOException {
        changing(guestOffset, lengthBytes, layer -> layer.zero(guestOffset, lengthBytes));
    }

    /**
     * Gives whole clusters of the range back; they read as zeros then, where the format can say so. What is less than a
     * cluster is kept. Does nothing when the image was opened to ignore discards.
     */
    public void discard(long guestOffset, long lengthBytes) throws IOException {
        changing(guestOffset, lengthBytes, layer -> {
            if (options.discard() == ImageOptions.DiscardMode.UNMAP) {
                layer.discard(guestOffset, lengthBytes);
            }
        });
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
        requireOnDisk(guestOffset, 1);
        int request = requests.enter();
        try {
            return top.extentAt(guestOffset, Math.min(maxLengthBytes, virtualSizeBytes() - guestOffset));
        } finally {
            requests.leave(request);
        }
    }

    /** Grows with every change of the guest's bytes, before the change is visible and again when it is done. */
    public long changeCount() {
        return changeCount.get();
    }

    /** The layers from the top down, with their caches as they are now. */
    public List<LayerStats> layers() throws IOException {
        List<LayerStats> layers = new ArrayList<>();
        int request = requests.enter();
        try {
            for (ImageLayer layer = top; layer != null; layer = layer.backing()) {
                layers.add(layer.stats());
            }
        } finally {
            requests.leave(request);
        }
        return layers;
    }

    /** The options in force. */
    public ImageOptions options() {
        return options;
    }

    /**
     * Puts other cache sizes, another discard mode, another clean interval or read-only in force while requests go on.
     * All or nothing: refused options leave everything as it was. The format and {@code cache.direct} cannot change.
     * Waits for the requests that are under way.
     *
     * @throws ImageException INVALID_OPTION naming what cannot be; BUSY when somebody else keeps it from becoming
     *     writable
     */
    public synchronized void reconfigure(ImageOptions wanted) throws IOException {
        if (formatOf(wanted) != formatOf(options)) {
            throw ImageException.invalidOption("format", "format cannot change while the image is open");
        }
        requireSamePageCache(wanted);
        requireSameSnapshots(wanted);
        if (!wanted.readOnly() && !top.isWritable()) {
            prepareCaches(wanted).forEach(CacheChange::finish);
            reopenForWriting(wanted);
        }
        List<CacheChange> prepared = prepareCaches(wanted);
        try {
            if (wanted.readOnly() != options.readOnly()) {
                changeReadOnly(wanted.readOnly());
            }
            for (CacheChange change : prepared) {
                change.putInForce();
            }
            options = wanted;
        } finally {
            awaitAllBegun();
            prepared.forEach(CacheChange::finish);
        }
    }

    /** Changes copy from the layers below outside of the requests that they consist of, so both are waited for. */
    private void awaitAllBegun() {
        changes.awaitThoseBegun();
        requests.awaitThoseBegun();
    }

    private static ImageFormat formatOf(ImageOptions options) {
        return options.format() == null ? ImageFormat.QCOW2 : options.format();
    }

    private void requireSamePageCache(ImageOptions wanted) throws ImageException {
        ImageOptions now = options;
        ImageOptions then = wanted;
        StringBuilder option = new StringBuilder("cache.direct");
        for (ImageLayer layer = top; layer != null; layer = layer.backing()) {
            if (now.direct() != then.direct()) {
                throw ImageException.invalidOption(
                        option.toString(),
                        option + " is " + now.direct()
                                + " and cannot change while the image is open; close it and open it again");
            }
            now = now.below();
            then = then.below();
            option.insert(0, "backing.");
        }
    }

    private void requireSameSnapshots(ImageOptions wanted) throws ImageException {
        ImageOptions now = options;
        ImageOptions then = wanted;
        for (ImageLayer layer = top; layer != null; layer = layer.backing()) {
            if (!Objects.equals(now.snapshot(), then.snapshot())) {
                throw ImageException.invalidOption(
                        "snapshot", "snapshot cannot change while the image is open; close it and open it again");
            }
            now = now.below();
            then = then.below();
        }
        if (options.snapshot() != null && !wanted.readOnly()) {
            throw ImageException.invalidOption("read-only", "read-only must be true while snapshot is given");
        }
    }

    private List<CacheChange> prepareCaches(ImageOptions wanted) throws IOException {
        List<CacheChange> prepared = new ArrayList<>();
        ImageOptions layerOptions = wanted;
        try {
            for (ImageLayer layer = top; layer != null; layer = layer.backing()) {
                prepared.add(layer.prepareCaches(layerOptions == null ? CacheOptions.DEFAULTS : layerOptions.caches()));
                layerOptions = layerOptions == null ? null : layerOptions.backing();
            }
            if (layerOptions != null) {
                throw ImageException.invalidOption("backing", "backing has options for a layer that is not there");
            }
        } catch (IOException refused) {
            prepared.forEach(CacheChange::finish);
            throw refused;
        }
        return prepared;
    }

    private void changeReadOnly(boolean readOnly) throws IOException {
        if (readOnly) {
            becomeReadOnly();
        } else {
            top.file().lock(ImageLock.WRITER);
            options = options.withReadOnly(false);
        }
    }

    private void becomeReadOnly() throws IOException {
        ImageOptions writable = options;
        options = writable.withReadOnly(true);
        boolean done = false;
        try {
            awaitAllBegun();
            top.settle();
            top.file().lock(ImageLock.READER);
            done = true;
        } finally {
            if (!done) {
                options = writable;
            }
        }
    }

    /** The file was opened for reading, so it takes another descriptor; our own lock on the old one would be in the way. */
    private void reopenForWriting(ImageOptions wanted) throws IOException {
        ImageLayer old = top;
        HostFile file = environment.files().open(path, HostFiles.Mode.READ_WRITE, wanted.pageCache());
        try {
            top = openSameForWriting(file, wanted, old);
        } catch (IOException | RuntimeException refused) {
            relock(old, file, refused);
            throw refused;
        }
        options = options.withReadOnly(false);
        requests.awaitThoseBegun();
        old.close();
    }

    private ImageLayer openSameForWriting(HostFile file, ImageOptions wanted, ImageLayer old) throws IOException {
        if (!file.identity().equals(old.file().identity())) {
            throw ImageException.of(Kind.BUSY, path, "the file was replaced since the image was opened; open it anew");
        }
        old.file().unlock();
        file.lock(ImageLock.WRITER);
        return BackingChain.openTop(file, wanted, old.backing(), environment, requests);
    }

    /** Our own lock on the refused descriptor would be in the way of the old one's, so that goes first. */
    private static void relock(ImageLayer old, HostFile refusedFile, Exception refused) {
        try {
            refusedFile.close();
            old.file().lock(ImageLock.READER);
        } catch (IOException second) {
            refused.addSuppressed(second);
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
        if (first != null) {
            throw first;
        }
    }

    @FunctionalInterface
    private interface Change {
        void make(ImageLayer layer) throws IOException;
    }

    private void changing(long guestOffset, long lengthBytes, Change change) throws IOException {
        requireOnDisk(guestOffset, lengthBytes);
        int entered = changes.enter();
        try {
            if (options.readOnly()) {
                throw ImageException.of(Kind.READ_ONLY, path, "the image is open read-only");
            }
            if (lengthBytes == 0) {
                return;
            }
            changeCount.incrementAndGet();
            try {
                change.make(top);
            } finally {
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
