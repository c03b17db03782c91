package io.cowslip.engine.image;

import io.cowslip.engine.alloc.ClusterAllocator;
import java.io.IOException;

/** Which host clusters the guest's own clusters get, and what becomes of those let go. Under the metadata lock. */
sealed interface DataClusters permits DataClusters.Counted {

    /**
     * From 1 to {@code wanted} consecutive host clusters for the guest's clusters from {@code guestCluster} on.
     *
     * @throws io.cowslip.engine.ImageException NO_SPACE when the format's limits are reached
     */
    ClusterAllocator.Run allocateFor(long guestCluster, int wanted) throws IOException;

    /** Takes back a run that nothing has pointed at yet. */
    void giveBack(ClusterAllocator.Run run);

    /**
     * Takes back the bytes of a cluster that memory no longer points at.
     *
     * @param punch whether the host is to have their space back
     */
    void free(long hostOffset, long lengthBytes, boolean punch);

    /** Clusters of the image file, wherever one is free, with a count each. */
    record Counted(ClusterAllocator allocator) implements DataClusters {
        @Override
        public ClusterAllocator.Run allocateFor(long guestCluster, int wanted) throws IOException {
            return allocator.allocateFor(guestCluster, wanted);
        }

        @Override
        public void giveBack(ClusterAllocator.Run run) {
            allocator.giveBack(run);
        }

        @Override
        public void free(long hostOffset, long lengthBytes, boolean punch) {
            allocator.free(hostOffset, lengthBytes, punch);
        }
    }
}
