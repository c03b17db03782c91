package io.cowslip.engine.image.layer;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;

/**
 * Guest clusters whose entries somebody is about to replace, who writes their data meanwhile without the metadata lock.
 * While a cluster is reserved nobody else changes its entry, so what it led to before stays and can be copied from. A
 * reserver waits for nobody before it gives its clusters up: hence no deadlock. Under the metadata lock.
 */
final class ClusterReservations {
    private final Condition released;
    private final List<Range> ranges = new ArrayList<>();

    private record Range(long first, long end) {
        boolean has(long cluster) {
            return cluster >= first && cluster < end;
        }
    }

    /** @param released a condition of the metadata lock, for this alone */
    ClusterReservations(Condition released) {
        this.released = released;
    }

    /** Whether somebody has {@code cluster} reserved. */
    boolean isReserved(long cluster) {
        for (int index = 0; index < ranges.size(); index++) {
            if (ranges.get(index).has(cluster)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns once nobody has {@code cluster} reserved, and says whether that took a wait, in which the lock was given
     * up: whatever was looked up before may have changed.
     */
    boolean awaitFree(long cluster) {
        boolean waited = false;
        while (isReserved(cluster)) {
            released.awaitUninterruptibly();
            waited = true;
        }
        return waited;
    }

    /** Reserves clusters of which none is reserved. */
    void reserve(long firstCluster, int clusters) {
        ranges.add(new Range(firstCluster, firstCluster + clusters));
    }

    /** Gives up what was reserved. */
    void release(long firstCluster, int clusters) {
        ranges.remove(new Range(firstCluster, firstCluster + clusters));
        released.signalAll();
    }
}
