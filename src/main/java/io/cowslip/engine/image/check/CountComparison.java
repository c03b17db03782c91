package io.cowslip.engine.image.check;

import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.image.check.CheckFinding.Kind;
import io.cowslip.engine.image.check.CheckFinding.Table;
import io.cowslip.engine.image.check.CheckTally.Place;
import java.util.function.Supplier;

/** Holds the refcounts of a file against the references that there are. */
final class CountComparison {
    private final ImageGeometry geometry;
    private final ReferenceCounts references;
    private final RecordedCounts recorded;
    private final CheckTally tally;
    private final int maxCount;

    CountComparison(ImageGeometry geometry, ReferenceCounts references, RecordedCounts recorded, CheckTally tally) {
        this.geometry = geometry;
        this.references = references;
        this.recorded = recorded;
        this.tally = tally;
        this.maxCount = CheckRun.maxCount(geometry);
    }

    void compare() {
        noteUnknown();
        long clusters = references.clustersInUse();
        for (int chunk = 0; chunk < references.counters().chunkCount(); chunk++) {
            if (!references.counters().sameInChunk(chunk, recorded.counters())) {
                long first = (long) chunk * ClusterCounters.CHUNK_CLUSTERS;
                compare(first, Math.min(clusters, first + ClusterCounters.CHUNK_CLUSTERS));
            }
        }
    }

    private void compare(long first, long end) {
        for (long cluster = first; cluster < end; cluster++) {
            int used = references.get(cluster);
            int counted = recorded.counters().get(cluster);
            if (used != counted && !recorded.isUnknown(cluster)) {
                compare(cluster, used, counted);
            } else if (used > maxCount) {
                noteOverflow(cluster, used);
            }
        }
    }

    private void compare(long cluster, int used, int counted) {
        if (used > maxCount) {
            noteOverflow(cluster, used);
        }
        int wanted = Math.min(used, maxCount);
        Supplier<String> detail = () -> "the refcount is " + counted + ", and there are " + used + " references";
        if (counted < wanted) {
            tally.corruption(Kind.REFCOUNT_TOO_LOW, place(cluster), hostOffset(cluster), 1, detail);
        } else if (counted > wanted) {
            tally.leak(cluster, hostOffset(cluster), detail);
        }
    }

    private void noteOverflow(long cluster, int used) {
        tally.corruption(
                Kind.REFCOUNT_OVERFLOW,
                place(cluster),
                hostOffset(cluster),
                (long) used - maxCount,
                () -> "there are " + used + " references; the refcount can be at most " + maxCount);
    }

    private void noteUnknown() {
        long clusters = references.clustersInUse();
        recorded.unreadableBlocks().stream().forEach(block -> {
            long first = recorded.firstCluster(block);
            long end = Math.min(clusters, recorded.firstCluster(block + 1));
            if (first < end) {
                tally.checkErrors(
                        end - first,
                        new Place(Table.REFCOUNT_TABLE, null, block, -1),
                        recorded.table()[block],
                        () -> "the refcounts of clusters " + first + " to " + (end - 1) + " cannot be read");
            }
        });
    }

    private long hostOffset(long cluster) {
        return cluster << geometry.clusterBits();
    }

    private static Place place(long cluster) {
        return new Place(Table.REFCOUNT_BLOCK, null, cluster, -1);
    }
}
