package io.cowslip.engine.host;

import io.cowslip.engine.ImageException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * A file past the page cache. The kernel takes whole blocks in aligned memory only; what is not like that goes through
 * an aligned buffer, in bounded pieces.
 *
 * <p>A write of part of a block reads the block and writes all of it, so it would undo what others write to the block
 * meanwhile, and a file that ends inside the block is too long until it is cut back. Such writes therefore have the
 * file's {@code exclusive} lock; everything else that changes it, or looks at its size, shares the lock. Reads take none:
 * the bytes around a part are written back as they were. A read beside such a write may find zeros just past the end.
 */
final class DirectFile implements HostFile {
    /** What one unaligned piece takes at most, and from where on a copy costs more than another call. */
    private static final long BOUNCE_BYTES = 1 << 20;

    private final PosixFile file;
    private final DirectAlignment alignment;
    private final Lock shared;
    private final Lock exclusive;

    DirectFile(PosixFile file, DirectAlignment alignment) {
        this.file = file;
        this.alignment = alignment;
        ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
        this.shared = lock.readLock();
        this.exclusive = lock.writeLock();
    }

    static HostFile open(PosixFile.Opener opener, Path path, HostFiles.Mode mode) throws IOException {
        return open(opener, TransferCalls.KERNEL, path, mode);
    }

    static HostFile open(PosixFile.Opener opener, TransferCalls calls, Path path, HostFiles.Mode mode)
            throws IOException {
        if (mode == HostFiles.Mode.CREATE_NEW) {
            throw new IllegalArgumentException("a refusal of direct I/O would leave the new file behind");
        }
        PosixFile file = PosixFile.open(opener, calls, path, mode, Posix.O_DIRECT);
        DirectAlignment alignment = DirectAlignment.of(file.directAlignment());
        if (!alignment.isUsable()) {
            file.close();
            throw unsupported(path);
        }
        return new DirectFile(file, alignment);
    }

    static ImageException unsupported(Path path) {
        return ImageException.invalidOption(
                "cache.direct",
                path,
                "cache.direct is true, but the file system has no direct I/O for this file; leave cache.direct out, or"
                        + " move the file");
    }

    /** What shares the file with others of its kind. */
    @FunctionalInterface
    private interface Call<T> {
        T make() throws IOException;
    }

    private <T> T sharing(Call<T> call) throws IOException {
        shared.lock();
        try {
            return call.make();
        } finally {
            shared.unlock();
        }
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public FileIdentity identity() {
        return file.identity();
    }

    @Override
    public long read(long hostOffset, MemorySegment into) throws IOException {
        long done = 0;
        while (done < into.byteSize()) {
            MemorySegment rest = into.asSlice(done);
            long straight = straightBytes(hostOffset + done, rest);
            long wanted = straight > 0 ? straight : bounceBytes(hostOffset + done, rest);
            MemorySegment piece = rest.asSlice(0, wanted);
            long count =
                    straight > 0 ? readBlocks(hostOffset + done, piece) : readThroughBounce(hostOffset + done, piece);
            done += count;
            if (count < wanted) {
                break;
            }
        }
        return done;
    }

    /** How much of the range's start may go straight down; 0 where one trip through a buffer is cheaper. */
    private long straightBytes(long hostOffset, MemorySegment memory) {
        long length = memory.byteSize();
        boolean aligned = alignment.isAligned(hostOffset, memory.address());
        return aligned && (alignment.isWhole(length) || length > BOUNCE_BYTES) ? alignment.roundDown(length) : 0;
    }

    private long bounceBytes(long hostOffset, MemorySegment memory) {
        long inBlock = hostOffset - alignment.roundDown(hostOffset);
        return Math.min(memory.byteSize(), BOUNCE_BYTES - inBlock);
    }

    private long readThroughBounce(long hostOffset, MemorySegment into) throws IOException {
        long start = alignment.roundDown(hostOffset);
        long end = alignment.roundUp(hostOffset + into.byteSize());
        try (IoBuffers.Loan loan = IoBuffers.borrow(end - start)) {
            long inBlock = hostOffset - start;
            long found = readBlocks(start, loan.segment(end - start)) - inBlock;
            long count = Math.clamp(found, 0, into.byteSize());
            MemorySegment.copy(loan.segment(), inBlock, into, 0, count);
            return count;
        }
    }

    /**
     * Reads whole blocks as far as the file reaches. Its end may cut a block; where the host cuts one before, the reading
     * goes on from the block's start.
     */
    private long readBlocks(long hostOffset, MemorySegment into) throws IOException {
        long done = 0;
        while (done < into.byteSize()) {
            long count = file.readOnce(hostOffset + done, into.asSlice(done));
            boolean whole = alignment.isWhole(count);
            if (count == 0 || (!whole && hostOffset + done + count >= file.sizeBytes())) {
                return done + count;
            }
            if (!whole && count < alignment.roundUp(1)) {
                throw ImageException.of(
                        ImageException.Kind.IO,
                        file.path(),
                        "read at " + (hostOffset + done) + ": the host gave " + count + " bytes, less than a block");
            }
            done += alignment.roundDown(count);
        }
        return done;
    }

    @Override
    public void write(long hostOffset, MemorySegment from) throws IOException {
        long done = 0;
        while (done < from.byteSize()) {
            MemorySegment rest = from.asSlice(done);
            long straight = straightBytes(hostOffset + done, rest);
            long wanted = straight > 0 ? straight : bounceBytes(hostOffset + done, rest);
            MemorySegment piece = rest.asSlice(0, wanted);
            if (straight > 0) {
                writeBlocks(hostOffset + done, piece);
            } else {
                writeThroughBounce(hostOffset + done, piece);
            }
            done += wanted;
        }
    }

    private void writeBlocks(long hostOffset, MemorySegment from) throws IOException {
        sharing(() -> {
            file.write(hostOffset, from);
            return true;
        });
    }

    private void writeThroughBounce(long hostOffset, MemorySegment from) throws IOException {
        long start = alignment.roundDown(hostOffset);
        long wantedEnd = hostOffset + from.byteSize();
        long end = alignment.roundUp(wantedEnd);
        try (IoBuffers.Loan loan = IoBuffers.borrow(end - start)) {
            MemorySegment blocks = loan.segment(end - start);
            if (start == hostOffset && end == wantedEnd) {
                blocks.copyFrom(from);
                writeBlocks(start, blocks);
                return;
            }
            exclusive.lock();
            try {
                readEdges(start, hostOffset, wantedEnd, blocks);
                MemorySegment.copy(from, 0, blocks, hostOffset - start, from.byteSize());
                writeAndCutBack(start, blocks, wantedEnd);
            } finally {
                exclusive.unlock();
            }
        }
    }

    /** Fills the first and the last of {@code blocks} where only a part of them will be written. */
    private void readEdges(long start, long partStart, long partEnd, MemorySegment blocks) throws IOException {
        long lastBlock = blocks.byteSize() - alignment.blockBytes();
        boolean first = start < partStart;
        if (first) {
            readPadded(start, blocks.asSlice(0, alignment.blockBytes()));
        }
        if (!alignment.isWhole(partEnd) && (lastBlock > 0 || !first)) {
            readPadded(start + lastBlock, blocks.asSlice(lastBlock));
        }
    }

    private void readPadded(long hostOffset, MemorySegment into) throws IOException {
        into.asSlice(readBlocks(hostOffset, into)).fill((byte) 0);
    }

    /** Writes whole blocks; past {@code wantedEnd} the file grows no further, whether the write fails or not. */
    private void writeAndCutBack(long start, MemorySegment blocks, long wantedEnd) throws IOException {
        long keptBytes = Math.max(file.sizeBytes(), wantedEnd);
        try {
            file.write(start, blocks);
        } finally {
            if (start + blocks.byteSize() > keptBytes && file.sizeBytes() > keptBytes) {
                file.truncate(keptBytes);
            }
        }
    }

    @Override
    public void zero(long hostOffset, long lengthBytes) throws IOException {
        if (!sharing(() -> file.zeroByAllocation(hostOffset, lengthBytes))) {
            PosixFile.writeZeros(this, hostOffset, lengthBytes);
        }
    }

    @Override
    public void punch(long hostOffset, long lengthBytes) throws IOException {
        sharing(() -> {
            file.punch(hostOffset, lengthBytes);
            return true;
        });
    }

    @Override
    public void sync() throws IOException {
        file.sync();
    }

    @Override
    public void forgetPages() {
        file.forgetPages();
    }

    @Override
    public long sizeBytes() throws IOException {
        return sharing(() -> file.sizeBytes());
    }

    @Override
    public void truncate(long sizeBytes) throws IOException {
        sharing(() -> {
            file.truncate(sizeBytes);
            return true;
        });
    }

    @Override
    public long nextData(long hostOffset) throws IOException {
        return sharing(() -> file.nextData(hostOffset));
    }

    @Override
    public long nextHole(long hostOffset) throws IOException {
        return sharing(() -> file.nextHole(hostOffset));
    }

    @Override
    public long allocatedBytes() {
        return file.allocatedBytes();
    }

    @Override
    public void lock(ImageLock lock) throws IOException {
        file.lock(lock);
    }

    @Override
    public void unlock() {
        file.unlock();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
