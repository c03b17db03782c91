package io.cowslip.engine.host;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.SplittableRandom;

/**
 * The real files of this machine under a kernel that moves fewer bytes than it is asked for at every call that it can,
 * and is interrupted at every eighth or so. Past the page cache it moves a block at least, and writes whole ones. Any
 * thread.
 */
public final class ShortTransfers implements HostFiles {
    private static final int BLOCK = 4096;

    private final SplittableRandom random;
    private int cutReads;
    private int cutWrites;
    private int interruptions;

    public ShortTransfers(SplittableRandom random) {
        this.random = random;
    }

    /** How many reads got fewer bytes than they asked for, though the file has more. */
    public synchronized int cutReads() {
        return cutReads;
    }

    /** How many writes were done in part. */
    public synchronized int cutWrites() {
        return cutWrites;
    }

    /** How many calls were interrupted before they did anything. */
    public synchronized int interruptions() {
        return interruptions;
    }

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        return switch (pageCache) {
            case USED -> PosixFile.open(PosixFiles::descriptor, new Calls(1, 1), path, mode, 0);
            case BYPASSED -> DirectFile.open(PosixFiles::descriptor, new Calls(BLOCK, BLOCK), path, mode);
        };
    }

    @Override
    public void syncFolder(Path folder) throws IOException {
        HostFiles.posix().syncFolder(folder);
    }

    private synchronized boolean interrupts() {
        boolean interrupts = random.nextInt(8) == 0;
        interruptions += interrupts ? 1 : 0;
        return interrupts;
    }

    /** From {@code least} to all but one byte; often as few or as many as can be. */
    private synchronized long part(long lengthBytes, long least) {
        return switch (random.nextInt(4)) {
            case 0 -> least;
            case 1 -> lengthBytes - 1;
            default -> random.nextLong(least, lengthBytes);
        };
    }

    private synchronized void countRead(long wanted, long count) {
        cutReads += count == wanted ? 1 : 0;
    }

    private synchronized void countWrite() {
        cutWrites++;
    }

    /**
     * @param least bytes that a call moves
     * @param unit what the bytes that a write moves are a multiple of, if they are not all
     */
    private final class Calls implements TransferCalls {
        private final long least;
        private final long unit;

        Calls(long least, long unit) {
            this.least = least;
            this.unit = unit;
        }

        @Override
        public long read(int descriptor, MemorySegment into, long hostOffset) {
            if (interrupts()) {
                return -Posix.EINTR;
            }
            if (into.byteSize() <= least) {
                return KERNEL.read(descriptor, into, hostOffset);
            }
            long wanted = part(into.byteSize(), least);
            long count = unit == 1
                    ? KERNEL.read(descriptor, into.asSlice(0, wanted), hostOffset)
                    : Math.min(wanted, KERNEL.read(descriptor, into, hostOffset));
            countRead(wanted, count);
            return count;
        }

        @Override
        public long write(int descriptor, MemorySegment from, long lengthBytes, long hostOffset) {
            if (interrupts()) {
                return -Posix.EINTR;
            }
            if (lengthBytes <= least) {
                return KERNEL.write(descriptor, from, lengthBytes, hostOffset);
            }
            long wanted = Math.max(least, part(lengthBytes, least) / unit * unit);
            countWrite();
            return KERNEL.write(descriptor, from, wanted, hostOffset);
        }
    }
}
