package io.cowslip.engine.host;

import io.cowslip.engine.ImageException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;

/**
 * One open file of the host: positional reads and writes, zeroing, hole punching, syncs, size and the locks that QEMU
 * sees. Every method may be called from any thread at once, except {@link #close()}, which the owner calls when no
 * other call is under way. Offsets and lengths are bytes. Failures are {@link ImageException}s.
 */
public interface HostFile extends AutoCloseable {

    /** What {@link #transferTo} says where the bytes have to be read. */
    long NOT_TRANSFERABLE = -1;

    /** The path that the file was opened by. */
    Path path();

    /** Which file this is, whatever path led to it: for finding loops and second openings. */
    FileIdentity identity();

    /**
     * Fills {@code into} from {@code hostOffset} as far as the file reaches.
     *
     * @return bytes read: fewer than asked for only at the end of the file, and then the rest of {@code into} may hold
     *     anything
     */
    long read(long hostOffset, MemorySegment into) throws IOException;

    /**
     * Fills {@code into} from {@code hostOffset}.
     *
     * @param what what lies there, for the message
     * @throws ImageException CORRUPT when the file ends before
     */
    default void readWhole(String what, long hostOffset, MemorySegment into) throws IOException {
        if (read(hostOffset, into) < into.byteSize()) {
            throw ImageException.of(
                    ImageException.Kind.CORRUPT,
                    path(),
                    "the " + what + " at " + hostOffset + " reaches past the end of the file");
        }
    }

    /**
     * Hands pages of the file to a socket, without copying them: what the file holds when the socket sends them is what
     * its peer gets, so the file must not change before that.
     *
     * @return bytes handed over, 0 where {@code target} takes none at the moment; {@link #NOT_TRANSFERABLE} where the file
     *     has fewer than {@code minLengthBytes}, is not open for reading only, or goes past the page cache
     */
    default long transferTo(long hostOffset, long minLengthBytes, long maxLengthBytes, WritableByteChannel target)
            throws IOException {
        return NOT_TRANSFERABLE;
    }

    /** Writes all of {@code from} at {@code hostOffset}, growing the file where needed. Not durable until a sync. */
    void write(long hostOffset, MemorySegment from) throws IOException;

    /** Makes the range read as zeros, growing the file where needed. The blocks may stay allocated. */
    void zero(long hostOffset, long lengthBytes) throws IOException;

    /** Gives the blocks of the range back to the host; it reads as zeros. Never grows the file. A hint: may do less. */
    void punch(long hostOffset, long lengthBytes) throws IOException;

    /** Returns after everything written so far is on stable storage (fdatasync). */
    void sync() throws IOException;

    /**
     * Lets the host forget what it remembers of the file's content, as far as it takes that for written: after a sync that
     * failed, that may be what the disk never got. Who reads then gets what the disk has. A hint: may do less.
     */
    default void forgetPages() {}

    long sizeBytes() throws IOException;

    /** Sets the size; growth reads as zeros. */
    void truncate(long sizeBytes) throws IOException;

    /** First offset at or after {@code hostOffset} that holds data, or the file's size (lseek SEEK_DATA). */
    long nextData(long hostOffset) throws IOException;

    /** First offset at or after {@code hostOffset} that is in a hole; the file's end is one (lseek SEEK_HOLE). */
    long nextHole(long hostOffset) throws IOException;

    /** Bytes that the file takes on the host. */
    long allocatedBytes() throws IOException;

    /**
     * Takes the locks that QEMU would take, without waiting, and keeps them until the file is closed. With locks held
     * already it goes over to {@code lock}; refused, it keeps what it had.
     *
     * @throws ImageException of kind BUSY when another process or another opening holds against them
     */
    void lock(ImageLock lock) throws IOException;

    /** Gives up the locks while the file stays open. */
    void unlock() throws IOException;

    /** Closes the descriptor and so drops its locks. Does not sync. Does nothing when the file is closed already. */
    @Override
    void close() throws IOException;
}
