package io.cowslip.engine.host;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** A file of this machine by its descriptor. */
final class PosixFile implements HostFile {
    private static final int NEW_FILE_MODE = 0b110_110_000;

    /** Below this, writing zeros costs less than telling the file system about them. */
    private static final long ZEROS_WRITTEN_AT_MOST_BYTES = 256 << 10;

    private static final MemorySegment ZEROS = Arena.global().allocate(64 << 10, 4096);

    private final Path path;
    private final int descriptor;
    private final TransferCalls calls;
    private final FileIdentity identity;
    private final @Nullable DirectAlignment directAlignment;
    private final HeldLocks locks;

    /** The number of a closed descriptor may be another file's by now, so it is closed only once. */
    private final AtomicBoolean closed = new AtomicBoolean();

    /** Null where the file may be written to, or goes past the page cache. */
    private final @Nullable PageChannel pages;

    private PosixFile(Path path, int descriptor, TransferCalls calls, Posix.FileStatus status, boolean transferable) {
        this.path = path;
        this.descriptor = descriptor;
        this.calls = calls;
        this.pages = transferable ? new PageChannel(descriptor) : null;
        this.identity = status.identity();
        this.directAlignment = status.direct();
        this.locks = new HeldLocks(
                (command, type, byteOffset) -> Posix.lockByte(descriptor, command, type, byteOffset), path);
    }

    /** How a path becomes a descriptor: with flags and mode as open(2) takes them, or the negated errno. */
    @FunctionalInterface
    interface Opener {
        int open(Path path, int flags, int mode) throws IOException;
    }

    /** @param moreFlags of open(2) */
    static PosixFile open(Opener opener, Path path, HostFiles.Mode mode, int moreFlags) throws IOException {
        return open(opener, TransferCalls.KERNEL, path, mode, moreFlags);
    }

    static PosixFile open(Opener opener, TransferCalls calls, Path path, HostFiles.Mode mode, int moreFlags)
            throws IOException {
        int flags = switch (mode) {
            case READ -> Posix.O_RDONLY;
            case READ_WRITE -> Posix.O_RDWR;
            case CREATE_NEW -> Posix.O_RDWR | Posix.O_CREAT | Posix.O_EXCL;
        };
        // Without O_NONBLOCK a FIFO would keep us waiting for its other end, and without O_NOCTTY a terminal might
        // become
        // ours; regular files do not care.
        int descriptor = opener.open(path, flags | moreFlags | Posix.O_NONBLOCK | Posix.O_NOCTTY, NEW_FILE_MODE);
        if (descriptor == -Posix.EINVAL && (moreFlags & Posix.O_DIRECT) != 0) {
            throw DirectFile.unsupported(path);
        }
        if (descriptor < 0) {
            throw openFailure(path, -descriptor);
        }
        PosixFile file = null;
        try {
            file = ofRegular(path, descriptor, calls, mode == HostFiles.Mode.READ && moreFlags == 0);
            return file;
        } finally {
            if (file == null) {
                Posix.close(descriptor);
            }
        }
    }

    private static PosixFile ofRegular(Path path, int descriptor, TransferCalls calls, boolean transferable)
            throws ImageException {
        Posix.FileStatus status = Posix.status(descriptor);
        if (!status.isRegularFile()) {
            throw ImageException.of(Kind.INVALID_FORMAT, path, "not a regular file");
        }
        return new PosixFile(path, descriptor, calls, status, transferable);
    }

    private static ImageException openFailure(Path path, int errno) {
        return switch (errno) {
            case Posix.ENOENT, Posix.ENOTDIR -> ImageException.of(Kind.NOT_FOUND, path, "there is no such file");
            case Posix.EEXIST -> ImageException.of(Kind.ALREADY_EXISTS, path, "there is a file of that name already");
            case Posix.EISDIR, Posix.ENXIO -> ImageException.of(Kind.INVALID_FORMAT, path, "not a regular file");
            case Posix.EACCES, Posix.EPERM, Posix.EROFS ->
                ImageException.of(Kind.FORBIDDEN, path, "the service has no permission to open it this way");
            case Posix.EXDEV -> ImageException.of(Kind.FORBIDDEN, path, "its path leads out of the image root");
            case Posix.ELOOP ->
                ImageException.of(
                        Kind.NOT_FOUND,
                        path,
                        "there are too many symbolic links in its path, or one that was no link before");
            default -> failure(path, "open", errno);
        };
    }

    private static ImageException failure(Path path, String operation, int errno) {
        Kind kind = switch (errno) {
            case Posix.ENOSPC, Posix.EDQUOT, Posix.EFBIG -> Kind.NO_SPACE;
            default -> Kind.IO;
        };
        String cause = kind == Kind.NO_SPACE ? "the host has no space left for it" : "the host refused";
        return ImageException.of(kind, path, operation + ": " + cause + " (errno " + errno + ")");
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public FileIdentity identity() {
        return identity;
    }

    /** What the kernel asks of direct I/O on this file; null where it does not tell. */
    @Nullable
    DirectAlignment directAlignment() {
        return directAlignment;
    }

    @Override
    public long read(long hostOffset, MemorySegment into) throws IOException {
        long wanted = into.byteSize();
        long done = 0;
        while (done < wanted) {
            long count = readOnce(hostOffset + done, done == 0 ? into : into.asSlice(done));
            if (count == 0) {
                break;
            }
            done += count;
        }
        return done;
    }

    /** One pread: what it returns may be less than asked for, and 0 is the end of the file. */
    long readOnce(long hostOffset, MemorySegment into) throws IOException {
        while (true) {
            long count = calls.read(descriptor, into, hostOffset);
            if (count >= 0) {
                return count;
            }
            if (count != -Posix.EINTR) {
                throw failure(path, "read of " + into.byteSize() + " bytes at " + hostOffset, (int) -count);
            }
        }
    }

    @Override
    public long transferTo(long hostOffset, long minLengthBytes, long maxLengthBytes, WritableByteChannel target)
            throws IOException {
        if (pages == null) {
            return NOT_TRANSFERABLE;
        }
        long inFile = Math.min(maxLengthBytes, sizeBytes() - hostOffset);
        return inFile < minLengthBytes ? NOT_TRANSFERABLE : pages.transferTo(hostOffset, inFile, target);
    }

    @Override
    public void write(long hostOffset, MemorySegment from) throws IOException {
        long wanted = from.byteSize();
        long done = 0;
        while (done < wanted) {
            long count =
                    calls.write(descriptor, done == 0 ? from : from.asSlice(done), wanted - done, hostOffset + done);
            if (count > 0) {
                done += count;
            } else if (count == 0) {
                throw failure(path, "write of " + wanted + " bytes at " + hostOffset, Posix.EIO);
            } else if (count != -Posix.EINTR) {
                throw failure(path, "write of " + wanted + " bytes at " + hostOffset, (int) -count);
            }
        }
    }

    @Override
    public void zero(long hostOffset, long lengthBytes) throws IOException {
        if (!zeroByAllocation(hostOffset, lengthBytes)) {
            writeZeros(this, hostOffset, lengthBytes);
        }
    }

    /** Zeroes by telling the file system; false where that cannot be done or does not pay, and nothing is done. */
    boolean zeroByAllocation(long hostOffset, long lengthBytes) throws IOException {
        if (lengthBytes <= ZEROS_WRITTEN_AT_MOST_BYTES) {
            return false;
        }
        int result;
        do {
            result = Posix.fallocate(descriptor, Posix.FALLOC_FL_ZERO_RANGE, hostOffset, lengthBytes);
        } while (result == -Posix.EINTR);
        if (result < 0 && result != -Posix.EOPNOTSUPP) {
            throw failure(path, "zeroing of " + lengthBytes + " bytes at " + hostOffset, -result);
        }
        return result == 0;
    }

    /** Zeroes by writing, in pieces that end where blocks do. */
    static void writeZeros(HostFile file, long hostOffset, long lengthBytes) throws IOException {
        long end = hostOffset + lengthBytes;
        for (long position = hostOffset; position < end; ) {
            long pieceEnd = Math.min(end, position - position % ZEROS.byteSize() + ZEROS.byteSize());
            file.write(position, ZEROS.asSlice(0, pieceEnd - position));
            position = pieceEnd;
        }
    }

    @Override
    public void punch(long hostOffset, long lengthBytes) throws IOException {
        int result = Posix.fallocate(
                descriptor, Posix.FALLOC_FL_PUNCH_HOLE | Posix.FALLOC_FL_KEEP_SIZE, hostOffset, lengthBytes);
        if (result < 0 && result != -Posix.EOPNOTSUPP && result != -Posix.EINTR) {
            throw failure(path, "giving back " + lengthBytes + " bytes at " + hostOffset, -result);
        }
    }

    @Override
    public void sync() throws IOException {
        int result = Posix.fdatasync(descriptor);
        if (result < 0) {
            throw failure(path, "sync", -result);
        }
    }

    @Override
    public void forgetPages() {
        Posix.fadvise(descriptor, Posix.POSIX_FADV_DONTNEED);
    }

    @Override
    public long sizeBytes() throws IOException {
        long size = Posix.lseek(descriptor, 0, Posix.SEEK_END);
        if (size < 0) {
            throw failure(path, "size", (int) -size);
        }
        return size;
    }

    @Override
    public void truncate(long sizeBytes) throws IOException {
        int result = Posix.ftruncate(descriptor, sizeBytes);
        if (result < 0) {
            throw failure(path, "setting the size to " + sizeBytes, -result);
        }
    }

    @Override
    public long nextData(long hostOffset) throws IOException {
        return seek(hostOffset, Posix.SEEK_DATA);
    }

    @Override
    public long nextHole(long hostOffset) throws IOException {
        return seek(hostOffset, Posix.SEEK_HOLE);
    }

    private long seek(long hostOffset, int whence) throws IOException {
        long found = Posix.lseek(descriptor, hostOffset, whence);
        if (found == -Posix.ENXIO) {
            return sizeBytes();
        }
        if (found < 0) {
            throw failure(path, "looking for data or holes from " + hostOffset, (int) -found);
        }
        return found;
    }

    @Override
    public long allocatedBytes() {
        return Posix.status(descriptor).allocatedBytes();
    }

    @Override
    public void lock(ImageLock lock) throws IOException {
        locks.change(lock);
    }

    @Override
    public void unlock() {
        locks.drop();
    }

    @Override
    public void close() throws IOException {
        if (closed.getAndSet(true)) {
            return;
        }
        if (pages != null) {
            pages.close();
        }
        int result = Posix.close(descriptor);
        if (result < 0) {
            throw failure(path, "close", -result);
        }
    }
}
