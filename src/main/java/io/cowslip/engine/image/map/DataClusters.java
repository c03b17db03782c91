package io.cowslip.engine.image.map;

import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import java.io.IOException;

/** Which host clusters the guest's own clusters get, and what becomes of those let go. Under the metadata lock. */
public sealed interface DataClusters {

    /**
     * From 1 to {@code wanted} consecutive host clusters for the guest's clusters from {@code guestCluster} on.
     *
     * @throws io.cowslip.engine.ImageException NO_SPACE when the format's limits are reached
     */
    ClusterAllocator.Run allocateFor(long guestCluster, int wanted) throws IOException;

    /** Takes back a run that nothing has pointed at yet. */
    void giveBack(ClusterAllocator.Run run);

    /**
     * Takes back the cluster of an entry that memory no longer has, unless the one in its place has the same cluster.
     *
     * @param old not compressed
     * @param punch whether the host is to have the space back
     */
    void release(long old, long replacement, boolean punch);

    /** Clusters of the image file, wherever one is free, with a count each. */
    record Counted(ClusterAllocator allocator, ImageGeometry geometry) implements DataClusters {
        @Override
        public ClusterAllocator.Run allocateFor(long guestCluster, int wanted) throws IOException {
            return allocator.allocateFor(guestCluster, wanted);
        }

        @Override
        public void giveBack(ClusterAllocator.Run run) {
            allocator.giveBack(run);
        }

        @Override
        public void release(long old, long replacement, boolean punch) {
            long hostOffset = L2Entry.hostOffset(old);
            if (hostOffset != 0 && hostOffset != L2Entry.hostOffset(replacement)) {
                allocator.free(hostOffset, geometry.clusterBytes(), punch);
            }
        }
    }

    /**
     * Clusters of an external data file, each where it lies on the disk (qcow2 specification, "Incompatible features",
     * bit 2), without counts. Nobody else ever gets such a place, so it needs no quarantine: what a crash brings back of
     * an old entry then leads to old bytes, or to zeros that a request asked for. Encrypted ones keep their space.
     */
    record Placed(DataStore data, ImageGeometry geometry) implements DataClusters {
        @Override
        public ClusterAllocator.Run allocateFor(long guestCluster, int wanted) {
            return new ClusterAllocator.Run(guestCluster << geometry.clusterBits(), wanted);
        }

        @Override
        public void giveBack(ClusterAllocator.Run run) {
            // There is no count to lower.
        }

        @Override
        public void release(long old, long replacement, boolean punch) {
            // A crash may bring the old entry back, and a hole does not decrypt to zeros.
            boolean reads = data.encrypted() == null;
            boolean givenUp = !L2Entry.isCopied(replacement);
            if (punch && reads && givenUp && (L2Entry.isCopied(old) || L2Entry.hostOffset(old) != 0)) {
                data.punchWherePossible(L2Entry.hostOffset(old), geometry.clusterBytes());
            }
        }
    }
}
