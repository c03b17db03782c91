package io.cowslip.engine.image.check;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;

/**
 * How often each cluster of a file is referred to, as far as the file reaches: found by going through all tables, and
 * what the refcounts should be. Any thread may add.
 */
public final class ReferenceCounts {
    private final int clusterBits;
    private final long fileClusters;
    private final ClusterCounters counters;

    ReferenceCounts(ImageGeometry geometry, long fileSizeBytes) throws ImageException {
        clusterBits = geometry.clusterBits();
        fileClusters = geometry.roundUpToCluster(fileSizeBytes) >>> clusterBits;
        counters = new ClusterCounters(clusters());
    }

    /**
     * Clusters of the file, and one more: what is referred to may reach past the end of the file by less than a
     * cluster.
     */
    public long clusters() {
        return fileClusters + 1;
    }

    /** Clusters of the file; with the one past its end if anything refers to that. */
    long clustersInUse() {
        return counters.get(fileClusters) > 0 ? fileClusters + 1 : fileClusters;
    }

    ClusterCounters counters() {
        return counters;
    }

    /** References to a cluster, by its number in the file. */
    public int get(long cluster) {
        return counters.get(cluster);
    }

    /** References of the cluster that has most. */
    int most() {
        int most = 0;
        for (int chunk = 0; chunk < counters.chunkCount(); chunk++) {
            most = Math.max(most, counters.mostInChunk(chunk));
        }
        return most;
    }

    /** Whether any cluster from {@code first} to before {@code end} is referred to. */
    boolean anyIn(long first, long end) {
        for (long cluster = first; cluster < Math.min(end, clusters()); cluster++) {
            if (get(cluster) > 0) {
                return true;
            }
        }
        return false;
    }

    /** Adds {@code times} references to whole clusters. */
    public void addClusters(long first, long length, int times) {
        counters.add(first, length, times);
    }

    /** Adds {@code times} references to each cluster that the bytes touch. */
    void addBytes(long hostOffset, long lengthBytes, int times) {
        long first = hostOffset >>> clusterBits;
        long last = (hostOffset + lengthBytes - 1) >>> clusterBits;
        counters.add(first, last - first + 1, times);
    }
}
