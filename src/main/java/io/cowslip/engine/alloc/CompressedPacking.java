package io.cowslip.engine.alloc;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.RefcountBits;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Where compressed clusters go: one behind the other, byte for byte, each counting one reference to every host cluster
 * that it touches (qcow2 specification, "Compressed Clusters Descriptor"). One host cluster is being filled at a time, and
 * behind its end only the next one follows, if that is free. What was ever given out of it is never given out again: bytes
 * come back when the whole host cluster has no reference left, and then it is being filled no longer. Nothing of this is
 * in the file. Under the image's metadata lock.
 */
final class CompressedPacking {
    private static final long NOWHERE = 0;

    private final Path path;
    private final ImageGeometry geometry;
    private final Refcounts refcounts;
    private final ClusterAllocator clusters;
    private long next = NOWHERE;

    CompressedPacking(Path path, ImageGeometry geometry, Refcounts refcounts, ClusterAllocator clusters) {
        this.path = path;
        this.geometry = geometry;
        this.refcounts = refcounts;
        this.clusters = clusters;
    }

    /** {@link ClusterAllocator#allocateCompressed} */
    long allocate(int lengthBytes) throws IOException {
        long hostOffset = next != NOWHERE && extend(lengthBytes) ? next : clusters.allocateOne();
        long end = hostOffset + lengthBytes;
        if (end > L2Entry.compressedHostLimit(geometry.clusterBits())) {
            clusters.giveBackBytes(hostOffset, lengthBytes);
            throw ImageException.of(
                    ImageException.Kind.NO_SPACE,
                    path,
                    "compressed clusters of " + geometry.clusterBytes() + " bytes must lie in the image file's first "
                            + L2Entry.compressedHostLimit(geometry.clusterBits()) + " bytes");
        }
        next = geometry.offsetInCluster(end) == 0 ? NOWHERE : end;
        return hostOffset;
    }

    /** Counts what so many bytes from {@link #next} on touch; false, with nothing counted, where they do not fit. */
    private boolean extend(int lengthBytes) throws IOException {
        long cluster = next >>> geometry.clusterBits();
        if (!canCountOneMore(cluster)) {
            return false;
        }
        boolean straddles = geometry.offsetInCluster(next) + lengthBytes > geometry.clusterBytes();
        if (straddles && !clusters.takeIfFree(cluster + 1)) {
            return false;
        }
        boolean counted = false;
        try {
            refcounts.requireNoMetadataIn(cluster);
            refcounts.raise(cluster);
            counted = true;
        } finally {
            if (straddles && !counted) {
                clusters.giveBackBytes((cluster + 1) << geometry.clusterBits(), 1);
            }
        }
        return true;
    }

    private boolean canCountOneMore(long cluster) throws IOException {
        long count = refcounts.count(cluster);
        return count > 0 && count < RefcountBits.maxCount(geometry.refcountOrder());
    }

    /** A cluster has no reference left, so it is anybody's. */
    void freed(long cluster) {
        if (next >>> geometry.clusterBits() == cluster) {
            next = NOWHERE;
        }
    }
}
