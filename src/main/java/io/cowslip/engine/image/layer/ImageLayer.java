package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.alloc.InFlightRequests;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.image.bitmap.Bitmaps;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.map.MappedExtent;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import org.jspecify.annotations.Nullable;

/**
 * One file of a chain, open. Ranges lie within the layer's own disk; the callers see to that. Offsets and lengths are
 * bytes of the guest's disk. Any thread, except {@link #close}.
 */
public sealed interface ImageLayer permits ForeignLayer, Qcow2Layer, RawLayer {

    /** The layer's own file. */
    HostFile file();

    /** Where the guest's bytes are, as far as the layer has any: its own file or an external data file. */
    default HostFile dataFile() {
        return file();
    }

    /** Goes over from a reader's to a writer's locks on the layer's own files, or back; refused, it keeps what it had. */
    default void lock(ImageLock lock) throws IOException {
        file().lock(lock);
    }

    /** Gives the locks on the layer's own files up. */
    default void unlock() throws IOException {
        file().unlock();
    }

    /** The format that it was opened with. */
    ImageFormat format();

    /** Size of the layer's own disk, which may be another than that of the disk on top. */
    long virtualSizeBytes();

    /** The layer below, or null. */
    @Nullable
    ImageLayer backing();

    /** Fills {@code into} with what the chain from here down holds. */
    void read(long guestOffset, MemorySegment into) throws IOException;

    /**
     * Hands bytes from {@code guestOffset} on to a socket as pages of the file that they lie in; see {@link
     * HostFile#transferTo}. Only of a chain that is not written to.
     *
     * @return bytes handed over, 0 where {@code target} takes none at the moment; {@link HostFile#NOT_TRANSFERABLE} where
     *     they do not lie in a file as they are, or fewer than {@code minLengthBytes} of them in one piece
     */
    long transferTo(long guestOffset, long minLengthBytes, long maxLengthBytes, WritableByteChannel target)
            throws IOException;

    /** How the chain from here down reads: a uniform run, at most {@code maxLengthBytes} long. */
    GuestExtent extentAt(long guestOffset, long maxLengthBytes) throws IOException;

    /** Which file from here down says how the disk reads from {@code guestOffset} on: at most {@code maxLengthBytes}. */
    default MappedExtent mapAt(long guestOffset, long maxLengthBytes) throws IOException {
        GuestExtent extent = extentAt(guestOffset, maxLengthBytes);
        return extent.zero()
                ? MappedExtent.zeros(guestOffset, extent.length())
                : MappedExtent.packed(guestOffset, extent.length());
    }

    /**
     * Some of the layer's disk.
     *
     * @param own whether the layer itself says how it reads, whatever is below
     */
    record OwnRun(long lengthBytes, boolean own) {}

    /** What the layer has of its own from {@code guestOffset} on; ends where units of allocation do. */
    default OwnRun ownRunAt(long guestOffset, long maxLengthBytes) throws IOException {
        return new OwnRun(maxLengthBytes, true);
    }

    /** What a layer holds for a part of its disk, of which it could let go. */
    enum Holding {
        /** Nothing, or what it cannot let go of without a change of what the disk or a snapshot reads. */
        NOTHING,
        /** Places in the file that are kept for zeros. */
        PLACES,
        /** Bytes, which may be zeros. */
        BYTES
    }

    /** What the layer holds for a cluster, or for any part of a disk without clusters. */
    default Holding holdingIn(long guestOffset, long lengthBytes) throws IOException {
        return Holding.NOTHING;
    }

    /** What is allocated at once: a cluster, or a subcluster where there are any; 0 where there are neither. */
    default int unitBytes() {
        return clusterBytes();
    }

    /** Writes where that takes no more than a write to the file, and says how far it came from the range's start. */
    long writeInPlace(long guestOffset, MemorySegment from) throws IOException;

    /**
     * Writes what one step takes on, whatever that needs, and says how far: not at all when the range has come to begin
     * with what {@link #writeInPlace} can write. Outside of any request.
     */
    long writeSome(long guestOffset, MemorySegment from) throws IOException;

    /**
     * Writes all of {@code from}, compressed where that is asked for; else in place within a request of {@code requests}, and
     * where that does not do, in steps.
     */
    default void write(long guestOffset, MemorySegment from, InFlightRequests requests) throws IOException {
        long done = 0;
        while (done < from.byteSize()) {
            int request = requests.enter();
            try {
                done += writeInPlace(guestOffset + done, from.asSlice(done));
            } finally {
                requests.leave(request);
            }
            if (done < from.byteSize()) {
                done += writeSome(guestOffset + done, from.asSlice(done));
            }
        }
    }

    /**
     * Makes the range read as zeros.
     *
     * @param unmap whether the range may give its space back
     */
    void zero(long guestOffset, long lengthBytes, boolean unmap) throws IOException;

    /** Gives whole clusters of the range back; they read as zeros then, where the format can say so. */
    void discard(long guestOffset, long lengthBytes) throws IOException;

    /** Returns once every write that finished before the call is on stable storage. */
    void flush() throws IOException;

    /** Writes all that is not written yet, so that the file changes no more by itself. No request is in flight. */
    void settle() throws IOException;

    /** Notes in the dirty bitmaps that the guest's bytes changed. */
    default void changed(long guestOffset, long lengthBytes) {}

    /** Writes the dirty bitmaps, which are not kept true any more from here on. No request is in flight. */
    default void saveBitmaps() throws IOException {}

    /** Keeps the dirty bitmaps true again. */
    default void resumeBitmaps() throws IOException {}

    /** Uses the dirty bitmaps; only of a writable layer may they be changed. */
    <T> T withBitmaps(Bitmaps.Use<T> use) throws IOException;

    /** What a layer whose format has no bitmaps says instead of using them. */
    static ImageException noBitmaps(ImageFormat format) {
        return ImageException.of(
                ImageException.Kind.UNSUPPORTED_FEATURE, "a " + format.wireName() + " image has no bitmaps");
    }

    /** Compresses and gives space back to the host, or not, as {@code options} say from now on. */
    void followWrites(ImageOptions options);

    /** Size of a cluster, 0 where there are none. */
    int clusterBytes();

    /** Whether the layer was opened for writing. */
    boolean isWritable();

    /** Whether its metadata is known to contradict itself. Any thread. */
    default boolean isCorrupt() {
        return false;
    }

    /** Gets other cache sizes ready, refusing what the options do not allow. */
    CacheChange prepareCaches(CacheOptions options) throws IOException;

    /** How the disk gets another size; only of a writable layer. */
    DiskResizing resizing();

    /** Refuses {@code lazy-refcounts}, {@code compress} and {@code discard-no-unref} where the image cannot have them. */
    void requirePossible(ImageOptions options) throws ImageException;

    /** Puts {@code lazy-refcounts} and {@code overlap-check} in force, for a layer that is written. */
    void guard(ImageOptions options) throws IOException;

    /** The layer as it is now, with what its caches count. */
    LayerStats stats() throws IOException;

    /** Drops idle entries of this layer's caches. */
    void cleanCaches();

    /** Writes what is not written and closes this layer's file, not the layers below. */
    void close() throws IOException;

    /** Whether the chain from here down reads as zeros over the whole range, as far as metadata tells. */
    default boolean readsAsZeros(long guestOffset, long lengthBytes) throws IOException {
        long end = Math.min(guestOffset + lengthBytes, virtualSizeBytes());
        long position = guestOffset;
        while (position < end) {
            GuestExtent extent = extentAt(position, end - position);
            if (!extent.zero()) {
                return false;
            }
            position += extent.length();
        }
        return true;
    }

    /** As {@link #read}, with zeros for what lies past the end of this layer's disk. */
    default void readPadded(long guestOffset, MemorySegment into) throws IOException {
        long within = Math.clamp(virtualSizeBytes() - guestOffset, 0, into.byteSize());
        if (within > 0) {
            read(guestOffset, into.asSlice(0, within));
        }
        into.asSlice(within).fill((byte) 0);
    }
}
