package io.cowslip.engine.image;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/**
 * An open image with its backing chain: the guest's bytes. All methods may be called from any thread at once, except
 * {@link #close()}: the owner calls it when no other call is under way.
 *
 * <p>Offsets and lengths are bytes of the guest's disk and need no alignment. A range that leaves the disk is refused
 * with OUT_OF_RANGE before anything happens; a write to a read-only image with READ_ONLY. Writes are durable after the
 * next {@link #flush()} that returns.
 */
public final class DiskImage implements AutoCloseable {

    /** Opens {@code file} and its whole backing chain. */
    public static DiskImage open(Path file, ImageOptions options, ImageEnvironment environment) throws IOException {
        throw new UnsupportedOperationException();
    }

    public long virtualSizeBytes() {
        throw new UnsupportedOperationException();
    }

    /** Whether writes are refused. */
    public boolean readOnly() {
        throw new UnsupportedOperationException();
    }

    /** Fills {@code into} from {@code guestOffset}. */
    public void read(long guestOffset, MemorySegment into) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** Writes all of {@code from} at {@code guestOffset}. */
    public void write(long guestOffset, MemorySegment from) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** Makes the range read as zeros. Whole clusters keep their space in the file but need no data written. */
    public void zero(long guestOffset, long lengthBytes) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** Gives whole clusters of the range back to the file; they read as zeros. What is less than a cluster is kept. */
    public void discard(long guestOffset, long lengthBytes) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** Returns after every write that finished before the call is on stable storage. */
    public void flush() throws IOException {
        throw new UnsupportedOperationException();
    }

    /** How the disk reads from {@code guestOffset}: the longest uniform run, at most {@code maxLengthBytes} long. */
    public GuestExtent extentAt(long guestOffset, long maxLengthBytes) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** Grows with every change of the guest's bytes, before the change is visible and again when it is done. */
    public long changeCount() {
        throw new UnsupportedOperationException();
    }

    /** The layers from the top down, with their caches as they are now. */
    public List<LayerStats> layers() {
        throw new UnsupportedOperationException();
    }

    /** The options in force. */
    public ImageOptions options() {
        throw new UnsupportedOperationException();
    }

    /**
     * Puts other cache sizes, another discard mode, another clean interval or read-only in force while requests go on.
     * All or nothing: refused options leave everything as it was. The format cannot change.
     */
    public void reconfigure(ImageOptions options) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** Drops the entries of all caches in the chain that were not used since the last call, and gives their memory back. */
    public void cleanCaches() {
        throw new UnsupportedOperationException();
    }

    /** Flushes a writable image and closes all files of the chain. The image is closed even when the flush failed. */
    @Override
    public void close() throws IOException {
        throw new UnsupportedOperationException();
    }
}
