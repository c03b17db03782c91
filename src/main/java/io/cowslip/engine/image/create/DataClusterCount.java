package io.cowslip.engine.image.create;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.work.DiskPieces;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.util.concurrent.atomic.LongAdder;

/** How much of a disk is data, by metadata alone, in whole clusters of some size: on all cores. */
final class DataClusterCount {
    private final DiskImage disk;
    private final long clusterBytes;
    private final WorkThreads threads;
    private final LongAdder dataBytes = new LongAdder();

    DataClusterCount(DiskImage disk, long clusterBytes, WorkObserver observer) {
        this.disk = disk;
        this.clusterBytes = clusterBytes;
        this.threads = new WorkThreads(observer);
    }

    /** Bytes of the clusters that have any data. */
    long bytes() throws IOException {
        DiskPieces pieces = DiskPieces.of(disk.virtualSizeBytes());
        threads.expect(pieces.sizeBytes());
        threads.run(pieces.count(), index -> countPiece(pieces.start(index), pieces.end(index)));
        threads.report();
        return dataBytes.sum();
    }

    /** A piece is of whole clusters of any size. */
    private void countPiece(long start, long end) throws IOException {
        long countedEnd = start;
        long position = start;
        while (position < end) {
            GuestExtent extent = disk.extentAt(position, end - position);
            long extentEnd = position + extent.length();
            if (!extent.zero()) {
                long first = Math.max(countedEnd, position & -clusterBytes);
                countedEnd = Math.max(countedEnd, Math.ceilDiv(extentEnd, clusterBytes) * clusterBytes);
                dataBytes.add(countedEnd - first);
            }
            position = extentEnd;
            threads.done(extent.length());
        }
    }
}
