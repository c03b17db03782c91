package io.cowslip.engine.alloc;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Decides where the next cluster goes: the first free ones from where the last search ended, in runs as long as wanted
 * and possible, so that a stream of writes lies in one piece. Raises counts when it gives clusters out; takes them back
 * at once when they were never pointed at, or through {@link Quarantine} when they were. Under the image's metadata
 * lock.
 */
public final class ClusterAllocator {
    private final HostFile file;
    private final ImageGeometry geometry;
    private final Refcounts refcounts;
    private final Quarantine quarantine;
    private long searchFrom = 1;

    public ClusterAllocator(HostFile file, ImageGeometry geometry, Refcounts refcounts, Quarantine quarantine) {
        this.file = file;
        this.geometry = geometry;
        this.refcounts = refcounts;
        this.quarantine = quarantine;
    }

    /**
     * Consecutive host clusters, counted once each.
     *
     * @param hostOffset where the first begins, in bytes
     */
    public record Run(long hostOffset, int clusters) {}

    /**
     * Finds from 1 to {@code wanted} consecutive free clusters and counts them as used. What is in them is undefined.
     *
     * @throws ImageException NO_SPACE when the format's limits are reached
     */
    public Run allocate(int wanted) throws IOException {
        reclaimWherePossible();
        long first = findFree();
        int clusters = 0;
        boolean counted = false;
        try {
            while (clusters < wanted && isFreeWithBlock(first + clusters)) {
                refcounts.requireNoTableIn(first + clusters);
                refcounts.raise(first + clusters);
                clusters++;
            }
            counted = true;
        } finally {
            if (!counted) {
                lowerAll(first, clusters);
            }
        }
        searchFrom = first + clusters;
        return new Run(first << geometry.clusterBits(), clusters);
    }

    /** Takes back a run that nothing has pointed at yet. */
    public void giveBack(Run run) throws IOException {
        long first = run.hostOffset >>> geometry.clusterBits();
        lowerAll(first, run.clusters);
        searchFrom = Math.min(searchFrom, first);
    }

    /** Takes back the bytes of a cluster that memory no longer points at: every host cluster that they touch. */
    public void free(long hostOffset, long lengthBytes, boolean punch) {
        long first = hostOffset >>> geometry.clusterBits();
        long last = hostOffset + lengthBytes - 1 >>> geometry.clusterBits();
        quarantine.add(first, last - first + 1, punch);
    }

    /** Lets clusters be used again whose quarantine is over. Those that the host refuses wait for the next time. */
    public void reclaim() throws IOException {
        Deque<Quarantine.Freed> waiting = new ArrayDeque<>(quarantine.takeReusable());
        try {
            while (!waiting.isEmpty()) {
                reclaimFirst(waiting);
            }
        } finally {
            quarantine.putBack(waiting);
        }
    }

    /** The same where nothing depends on it: a host that refuses to take clusters back does not stop other work. */
    public void reclaimWherePossible() throws IOException {
        try {
            reclaim();
        } catch (ImageException refused) {
            if (refused.kind() == ImageException.Kind.CORRUPT) {
                throw refused;
            }
        }
    }

    /** The first run's clusters up to one that has another reference; what is behind it stays {@code waiting}. */
    private void reclaimFirst(Deque<Quarantine.Freed> waiting) throws IOException {
        Quarantine.Freed freed = waiting.removeFirst();
        long end = freed.firstCluster() + freed.clusters();
        long unusedEnd = freed.firstCluster();
        long counted = freed.firstCluster();
        try {
            while (counted < end && counted == unusedEnd) {
                if (refcounts.lower(counted) == 0) {
                    unusedEnd++;
                }
                counted++;
            }
        } finally {
            if (counted < end) {
                waiting.addFirst(new Quarantine.Freed(counted, end - counted, freed.punch()));
            }
            reuse(freed.firstCluster(), unusedEnd, freed.punch());
        }
    }

    private void reuse(long firstCluster, long endCluster, boolean punch) {
        if (endCluster > firstCluster) {
            searchFrom = Math.min(searchFrom, firstCluster);
            if (punch) {
                punch(firstCluster << geometry.clusterBits(), endCluster - firstCluster << geometry.clusterBits());
            }
        }
    }

    private void punch(long hostOffset, long lengthBytes) {
        try {
            file.punch(hostOffset, lengthBytes);
        } catch (IOException refused) {
            // The clusters are free all the same, and will be written over; no guest's write is to fail for a hint.
        }
    }

    private long findFree() throws IOException {
        long cluster = searchFrom;
        while (!isFreeWithBlock(cluster)) {
            cluster++;
        }
        return cluster;
    }

    /** Whether the cluster is free, once its block exists: making the block may take the cluster itself. */
    private boolean isFreeWithBlock(long cluster) throws IOException {
        if (cluster << geometry.clusterBits() >= ImageGeometry.MAX_HOST_OFFSET) {
            throw ImageException.of(
                    ImageException.Kind.NO_SPACE,
                    file.path(),
                    "the image file has reached the format's limit of 64 PiB");
        }
        if (!refcounts.hasBlock(cluster)) {
            refcounts.makeBlock(cluster);
        }
        return refcounts.count(cluster) == 0;
    }

    private void lowerAll(long first, int clusters) throws IOException {
        for (int index = 0; index < clusters; index++) {
            refcounts.lower(first + index);
        }
    }
}
