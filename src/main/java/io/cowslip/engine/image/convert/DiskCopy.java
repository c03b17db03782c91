package io.cowslip.engine.image.convert;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.layer.LayerStats;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.work.DiskPieces;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Makes one disk read like another: on all cores, whole clusters of the target at a time, so that each is allocated, or
 * compressed, once. What reads as zeros is not written where the target reads as zeros already; what a backing file of
 * the target has is not written either.
 */
public final class DiskCopy {
    /** In a raw file, the least run of zeros that is left a hole: what file systems allocate. */
    private static final int RAW_UNIT_BYTES = 4096;

    private final DiskImage source;
    private final DiskImage target;
    private final WorkThreads threads;
    private final long unitBytes;
    private final boolean readsAsZeros;
    private final UnitWriter writer;

    private DiskCopy(DiskImage source, DiskImage target, WorkObserver observer) throws IOException {
        LayerStats top = target.layers().getFirst();
        this.source = source;
        this.target = target;
        this.threads = new WorkThreads(observer);
        this.unitBytes = top.clusterSizeBytes() == 0 ? RAW_UNIT_BYTES : top.clusterSizeBytes();
        this.readsAsZeros = target.layers().size() == 1;
        this.writer = new UnitWriter(target, unitBytes, readsAsZeros ? UnitWriter.Zeros.LEFT : UnitWriter.Zeros.ZEROED);
    }

    /**
     * Copies the whole disk. Nothing is durable before the target is flushed, and a copy that fails or is stopped leaves
     * a target that is of no use.
     *
     * @param source not written meanwhile, or the target may come to read like no moment of it
     * @param target as it was created, and at least as large; what is beyond the source comes to read as zeros
     * @param observer told of the bytes of the disk that are dealt with
     * @throws ImageException INVALID_OPTION when the target is smaller; what either disk throws
     */
    public static void copy(DiskImage source, DiskImage target, WorkObserver observer) throws IOException {
        if (target.virtualSizeBytes() < source.virtualSizeBytes()) {
            throw ImageException.invalidOption(
                    "virtual-size",
                    "virtual-size is " + target.virtualSizeBytes() + ", less than the " + source.virtualSizeBytes()
                            + " bytes of the disk to copy");
        }
        new DiskCopy(source, target, observer).copy();
    }

    private void copy() throws IOException {
        long sizeBytes = readsAsZeros ? source.virtualSizeBytes() : target.virtualSizeBytes();
        threads.expect(sizeBytes);
        DiskPieces pieces = DiskPieces.of(sizeBytes);
        threads.run(pieces.count(), index -> {
            if (readsAsZeros) {
                copyData(pieces.start(index), pieces.end(index));
            } else {
                copyDifferences(pieces.start(index), pieces.end(index));
            }
        });
        threads.report();
    }

    /** Copies what is not zeros, by runs of whole units. */
    private void copyData(long start, long end) throws IOException {
        long runStart = start;
        long runEnd = start;
        long position = start;
        while (position < end) {
            GuestExtent extent = source.extentAt(position, Math.min(end - position, DiskPieces.CHUNK_BYTES));
            long extentEnd = position + extent.length();
            if (!extent.zero()) {
                long unitStart = position & -unitBytes;
                long unitEnd = Math.min(end, Math.ceilDiv(extentEnd, unitBytes) * unitBytes);
                if (unitStart > runEnd || unitEnd - runStart > DiskPieces.CHUNK_BYTES) {
                    copyRun(runStart, runEnd);
                    runStart = Math.max(unitStart, runEnd);
                }
                runEnd = unitEnd;
            }
            position = extentEnd;
            threads.done(extent.length());
        }
        copyRun(runStart, runEnd);
    }

    private void copyRun(long start, long end) throws IOException {
        if (start == end) {
            return;
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(end - start)) {
            MemorySegment wanted = loan.segment(end - start);
            source.read(start, wanted);
            writer.put(start, wanted, null);
        }
    }

    private void copyDifferences(long start, long end) throws IOException {
        for (long position = start; position < end; position += DiskPieces.CHUNK_BYTES) {
            long chunkEnd = Math.min(end, position + DiskPieces.CHUNK_BYTES);
            copyDifferencesOfChunk(position, chunkEnd);
            threads.done(chunkEnd - position);
        }
    }

    private void copyDifferencesOfChunk(long start, long end) throws IOException {
        try (IoBuffers.Loan wantedLoan = IoBuffers.borrow(end - start);
                IoBuffers.Loan presentLoan = IoBuffers.borrow(end - start)) {
            MemorySegment wanted = wantedLoan.segment(end - start);
            MemorySegment present = presentLoan.segment(end - start);
            long sourceBytes = Math.clamp(source.virtualSizeBytes() - start, 0, end - start);
            if (sourceBytes > 0) {
                source.read(start, wanted.asSlice(0, sourceBytes));
            }
            wanted.asSlice(sourceBytes).fill((byte) 0);
            target.read(start, present);
            writer.put(start, wanted, present);
        }
    }
}
