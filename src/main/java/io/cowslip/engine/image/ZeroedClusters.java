package io.cowslip.engine.image;

import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.layer.ZeroDetection;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.work.DiskPieces;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Lets go of what an image has for nothing: clusters whose bytes are all zeros, and those that are kept for zeros. Of a raw
 * disk, pages of zeros become holes. On all cores, while nothing else uses the image.
 */
final class ZeroedClusters {
    /** What file systems allocate. */
    private static final int PAGE_BYTES = 4096;

    private final ImageLayer layer;
    private final WorkThreads threads;
    private final int unitBytes;

    ZeroedClusters(ImageLayer layer, WorkThreads threads) {
        this.layer = layer;
        this.threads = threads;
        this.unitBytes = layer.clusterBytes() == 0 ? PAGE_BYTES : layer.clusterBytes();
    }

    void letGo() throws IOException {
        DiskPieces pieces = DiskPieces.of(layer.virtualSizeBytes());
        threads.expect(pieces.sizeBytes());
        threads.run(pieces.count(), index -> {
            long end = pieces.end(index);
            long start = pieces.start(index);
            while (start < end) {
                long next = endOfHole(start, end);
                if (next == start) {
                    next = Math.min(end, start + DiskPieces.CHUNK_BYTES);
                    letGoIn(start, next);
                }
                threads.done(next - start);
                start = next;
            }
        });
        threads.report();
    }

    /** How far whole chunks are of which no layer says anything. */
    private long endOfHole(long start, long end) throws IOException {
        GuestExtent extent = layer.extentAt(start, end - start);
        long chunks = extent.hole() ? extent.length() / DiskPieces.CHUNK_BYTES : 0;
        return start + chunks * DiskPieces.CHUNK_BYTES;
    }

    /** A chunk is of whole units of any size, but for the disk's end. */
    private void letGoIn(long start, long end) throws IOException {
        long position = start;
        while (position < end) {
            long unitEnd = Math.min(end, position + unitBytes);
            ImageLayer.Holding holding = layer.holdingIn(position, unitEnd - position);
            while (unitEnd < end && holding == layer.holdingIn(unitEnd, Math.min(unitBytes, end - unitEnd))) {
                unitEnd = Math.min(end, unitEnd + unitBytes);
            }
            switch (holding) {
                case NOTHING -> {}
                case PLACES -> layer.discard(position, unitEnd - position);
                case BYTES -> letGoOfZeros(position, unitEnd);
            }
            position = unitEnd;
        }
    }

    private void letGoOfZeros(long start, long end) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(end - start)) {
            MemorySegment bytes = loan.segment(end - start);
            layer.read(start, bytes);
            long position = 0;
            while (position < bytes.byteSize()) {
                long runEnd = position;
                while (runEnd < bytes.byteSize() && isZeroUnit(bytes, runEnd)) {
                    runEnd = unitEnd(bytes, runEnd);
                }
                if (runEnd > position) {
                    layer.discard(start + position, runEnd - position);
                }
                position = runEnd == position ? unitEnd(bytes, position) : runEnd;
            }
        }
    }

    private boolean isZeroUnit(MemorySegment bytes, long position) {
        return ZeroDetection.isZero(bytes, position, unitEnd(bytes, position));
    }

    private long unitEnd(MemorySegment bytes, long position) {
        return Math.min(bytes.byteSize(), position + unitBytes);
    }
}
