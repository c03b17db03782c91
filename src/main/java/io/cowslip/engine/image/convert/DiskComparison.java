package io.cowslip.engine.image.convert;

import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.work.DiskPieces;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;

/** Whether two disks read the same, on all cores. Where both say that they read as zeros no data is read. */
public final class DiskComparison {
    private static final long NONE = Long.MAX_VALUE;

    private final DiskImage one;
    private final DiskImage other;
    private final WorkThreads threads;
    private final AtomicLong firstDifference = new AtomicLong(NONE);

    private DiskComparison(DiskImage one, DiskImage other, WorkObserver observer) {
        this.one = one;
        this.other = other;
        this.threads = new WorkThreads(observer);
    }

    /**
     * What came of it.
     *
     * @param identical whether all bytes are the same; the longer disk has only zeros beyond the shorter one then
     * @param firstDifference the guest offset of the first byte that is not; -1: there is none
     * @param sameSize whether the disks are equally large
     */
    public record Outcome(boolean identical, long firstDifference, boolean sameSize) {}

    /**
     * Compares as {@code qemu-img compare} does: a longer disk may be like a shorter one.
     *
     * @param observer told of the bytes of the disk that are dealt with
     */
    public static Outcome compare(DiskImage one, DiskImage other, WorkObserver observer) throws IOException {
        return new DiskComparison(one, other, observer).compare();
    }

    private Outcome compare() throws IOException {
        long sizeBytes = Math.max(one.virtualSizeBytes(), other.virtualSizeBytes());
        threads.expect(sizeBytes);
        DiskPieces pieces = DiskPieces.of(sizeBytes);
        threads.run(pieces.count(), index -> comparePiece(pieces.start(index), pieces.end(index)));
        threads.report();
        long found = firstDifference.get();
        boolean sameSize = one.virtualSizeBytes() == other.virtualSizeBytes();
        return found == NONE ? new Outcome(true, -1, sameSize) : new Outcome(false, found, sameSize);
    }

    /** Pieces behind a difference that is known need no look. */
    private void comparePiece(long start, long end) throws IOException {
        long position = start;
        while (position < end && position < firstDifference.get()) {
            Run ours = runAt(one, position, end);
            Run theirs = runAt(other, position, end);
            long runEnd = Math.min(ours.end(), theirs.end());
            if (!ours.zero() || !theirs.zero()) {
                compareRun(position, runEnd, ours.zero(), theirs.zero());
            }
            threads.done(runEnd - position);
            position = runEnd;
        }
    }

    private record Run(long end, boolean zero) {}

    private static Run runAt(DiskImage disk, long position, long end) throws IOException {
        if (position >= disk.virtualSizeBytes()) {
            return new Run(end, true);
        }
        GuestExtent extent = disk.extentAt(position, Math.min(end - position, DiskPieces.CHUNK_BYTES));
        return new Run(position + extent.length(), extent.zero());
    }

    private void compareRun(long start, long end, boolean oneIsZero, boolean otherIsZero) throws IOException {
        try (IoBuffers.Loan oneLoan = IoBuffers.borrow(end - start);
                IoBuffers.Loan otherLoan = IoBuffers.borrow(end - start)) {
            MemorySegment ours = read(one, start, oneLoan.segment(end - start), oneIsZero);
            MemorySegment theirs = read(other, start, otherLoan.segment(end - start), otherIsZero);
            long mismatch = ours.mismatch(theirs);
            if (mismatch >= 0) {
                firstDifference.accumulateAndGet(start + mismatch, Math::min);
            }
        }
    }

    private static MemorySegment read(DiskImage disk, long start, MemorySegment into, boolean zero) throws IOException {
        if (zero) {
            return into.fill((byte) 0);
        }
        disk.read(start, into);
        return into;
    }
}
