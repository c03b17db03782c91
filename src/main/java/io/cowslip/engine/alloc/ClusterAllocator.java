package io.cowslip.engine.alloc;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Decides where the next cluster goes: behind what the same stream of writes got before, or else the first free ones
 * from where the last search ended, in runs as long as wanted and possible. Raises counts when it gives clusters out;
 * takes them back at once when they were never pointed at, or through {@link Quarantine} when they were. Under the
 * image's metadata lock.
 */
public final class ClusterAllocator {
    private final HostFile file;
    private final ImageGeometry geometry;
    private final Refcounts refcounts;
    private final Quarantine quarantine;
    private final StreamWindows streams;
    private final CompressedPacking packing;
    private long searchFrom = 1;

    public ClusterAllocator(HostFile file, ImageGeometry geometry, Refcounts refcounts, Quarantine quarantine) {
        this.file = file;
        this.geometry = geometry;
        this.refcounts = refcounts;
        this.quarantine = quarantine;
        this.streams = new StreamWindows(geometry.clusterBits());
        this.packing = new CompressedPacking(file.path(), geometry, refcounts, this);
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
        return allocateFirstFree(wanted);
    }

    /**
     * The same for the disk's own bytes from {@code guestCluster} on: consecutive to what the clusters before it got, as
     * far as that can be had.
     */
    public Run allocateFor(long guestCluster, int wanted) throws IOException {
        reclaimWherePossible();
        Run run = allocateInStream(guestCluster, wanted);
        if (run.clusters == 0) {
            run = allocateFirstFree(wanted);
        }
        streams.gaveOut(guestCluster, run.hostOffset >>> geometry.clusterBits(), run.clusters);
        return run;
    }

    /**
     * A place for the bytes of a compressed cluster, right behind the one before where that can be. Every host cluster that
     * they touch counts one reference to them.
     *
     * @param lengthBytes less than a cluster
     * @return the first byte's offset in the file
     * @throws ImageException NO_SPACE when the format's limits are reached
     */
    public long allocateCompressed(int lengthBytes) throws IOException {
        reclaimWherePossible();
        return packing.allocate(lengthBytes);
    }

    /** Host offset of a free cluster, counted as used. */
    long allocateOne() throws IOException {
        return allocateFirstFree(1).hostOffset;
    }

    /** Counts {@code cluster} as used; false where it is not free, or kept for a stream of writes. */
    boolean takeIfFree(long cluster) throws IOException {
        boolean taken = streams.endOfWindowAt(cluster) == cluster && take(cluster, 1, cluster + 1).clusters == 1;
        if (taken && cluster == searchFrom) {
            searchFrom++;
        }
        return taken;
    }

    private Run allocateFirstFree(int wanted) throws IOException {
        long left = findLeft();
        if (left >= 0) {
            return take(left, wanted, streams.nextStart(left));
        }
        long first = findFree();
        Run run = take(first, wanted, streams.nextStart(first));
        searchFrom = first + run.clusters;
        return run;
    }

    /** A run at the place that the stream has for {@code guestCluster}; of no clusters where there is no such place. */
    private Run allocateInStream(long guestCluster, int wanted) throws IOException {
        StreamWindows.Window window = streams.windowOf(guestCluster);
        if (window == null) {
            long behind = streams.placeBehind(guestCluster);
            if (behind < 0) {
                return new Run(0, 0);
            }
            if (refcounts.count(behind) == 0 && streams.endOfWindowAt(behind) == behind) {
                Run run = take(behind, wanted, streams.nextStart(behind));
                if (behind == searchFrom) {
                    searchFrom += run.clusters;
                }
                return run;
            }
            window = streams.open(guestCluster, findFree());
        }
        return take(window.hostOf(guestCluster), wanted, window.hostEnd());
    }

    /** Counts free clusters from {@code first} on, up to {@code end} and none behind the first that is not free. */
    private Run take(long first, int wanted, long end) throws IOException {
        int atMost = (int) Math.min(wanted, end - first);
        int clusters = 0;
        boolean counted = false;
        try {
            while (clusters < atMost && isFreeWithBlock(first + clusters)) {
                refcounts.requireNoMetadataIn(first + clusters);
                refcounts.raise(first + clusters);
                clusters++;
            }
            counted = true;
        } finally {
            if (!counted) {
                lowerAll(first, clusters);
            }
        }
        return new Run(first << geometry.clusterBits(), clusters);
    }

    /**
     * Exactly {@code clusters} consecutive free clusters, counted as used.
     *
     * @throws ImageException NO_SPACE when the format's limits are reached
     */
    public Run allocateAll(int clusters) throws IOException {
        List<Run> tooShort = new ArrayList<>();
        try {
            Run run = allocate(clusters);
            while (run.clusters < clusters) {
                tooShort.add(run);
                run = allocate(clusters);
            }
            return run;
        } finally {
            tooShort.forEach(this::giveBack);
        }
    }

    /**
     * Counts one reference more to every host cluster that the bytes touch, which all are in use; or to none of them.
     *
     * @throws ImageException NO_SPACE when a count is as high as counts of this image go; CORRUPT when a cluster is not
     *     counted as in use
     */
    public void share(long hostOffset, long lengthBytes) throws IOException {
        long first = hostOffset >>> geometry.clusterBits();
        long end = ((hostOffset + lengthBytes - 1) >>> geometry.clusterBits()) + 1;
        long next = first;
        try {
            for (; next < end; next++) {
                requireInUse(next);
                refcounts.raise(next);
            }
        } finally {
            if (next < end) {
                lowerAll(first, (int) (next - first));
            }
        }
    }

    private void requireInUse(long cluster) throws IOException {
        if (refcounts.count(cluster) <= 0) {
            throw ImageException.of(
                    ImageException.Kind.CORRUPT,
                    file.path(),
                    "cluster " + cluster + " is in use with a refcount of 0; \"qemu-img check -r all\" repairs that");
        }
    }

    /**
     * Counts one reference less to every host cluster that the bytes touch, at once: for what the file does not point at
     * any more, durably, and no request is using.
     *
     * @param punch whether the host is to have the space back of those that have no reference left
     */
    public void release(long hostOffset, long lengthBytes, boolean punch) throws IOException {
        long first = hostOffset >>> geometry.clusterBits();
        long last = (hostOffset + lengthBytes - 1) >>> geometry.clusterBits();
        for (long cluster = first; cluster <= last; cluster++) {
            if (lower(cluster) == 0) {
                reuse(cluster, cluster + 1, punch);
            }
        }
    }

    /** Takes back a run that nothing has pointed at yet: at once, or later where the host refuses it now. */
    public void giveBack(Run run) {
        lowerAll(run.hostOffset >>> geometry.clusterBits(), run.clusters);
    }

    /** The same for the bytes of a compressed cluster: every host cluster that they touch. */
    public void giveBackBytes(long hostOffset, long lengthBytes) {
        long first = hostOffset >>> geometry.clusterBits();
        long last = (hostOffset + lengthBytes - 1) >>> geometry.clusterBits();
        lowerAll(first, (int) (last - first + 1));
    }

    private long lower(long cluster) throws IOException {
        long left = refcounts.lower(cluster);
        if (left == 0) {
            packing.freed(cluster);
        }
        return left;
    }

    /** Takes back the bytes of a cluster that memory no longer points at: every host cluster that they touch. */
    public void free(long hostOffset, long lengthBytes, boolean punch) {
        long first = hostOffset >>> geometry.clusterBits();
        long last = (hostOffset + lengthBytes - 1) >>> geometry.clusterBits();
        quarantine.add(first, last - first + 1, punch);
    }

    /** Lets clusters be used again whose quarantine is over. Those that the host refuses wait for the next time. */
    public void reclaim() throws IOException {
        if (!quarantine.mayHaveReusable()) {
            return;
        }
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
                if (lower(counted) == 0) {
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
                punch(firstCluster << geometry.clusterBits(), (endCluster - firstCluster) << geometry.clusterBits());
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

    /** A free cluster that a forgotten window has left behind, or -1: the search has been past it. */
    private long findLeft() throws IOException {
        long cluster = streams.nextLeft();
        while (cluster >= 0 && !isFreeWithBlock(cluster)) {
            streams.noneLeftAt(cluster);
            cluster = streams.nextLeft();
        }
        return cluster;
    }

    private long findFree() throws IOException {
        long cluster = streams.endOfWindowAt(searchFrom);
        while (!isFreeWithBlock(cluster)) {
            cluster = streams.endOfWindowAt(cluster + 1);
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

    private void lowerAll(long first, int clusters) {
        int lowered = 0;
        try {
            while (lowered < clusters) {
                lower(first + lowered);
                lowered++;
            }
        } catch (IOException refused) {
            // Nothing points at them, so they need no barrier, but it does no harm, and the next reclaim tries again.
            quarantine.add(first + lowered, clusters - lowered, false);
        }
        if (lowered > 0) {
            searchFrom = Math.min(searchFrom, first);
        }
    }
}
