package io.cowslip.engine.alloc;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;

/**
 * Clusters that nothing in memory points at any more, but that must not be used again yet: the file may still point at
 * them until the write barrier has passed, and requests that began before may still be reading them. Their counts drop
 * when both is over. Under the image's metadata lock.
 */
public final class Quarantine {

    /**
     * A run of freed clusters.
     *
     * @param punch whether the host is to have their space back once nothing else uses them
     */
    record Freed(long firstCluster, long clusters, boolean punch) {}

    private static final long LONG_AGO = Long.MIN_VALUE;

    private record Batch(long mark, List<Freed> freed) {}

    private final InFlightRequests requests;
    private final Deque<Batch> waitingForRequests = new ArrayDeque<>();
    private final List<Freed> waitingForSync = new ArrayList<>();
    private List<Freed> waitingForBarrier = new ArrayList<>();

    public Quarantine(InFlightRequests requests) {
        this.requests = requests;
    }

    /** Takes in clusters to which the last pointer in memory has just gone. */
    public void add(long firstCluster, long clusters, boolean punch) {
        Freed last = waitingForBarrier.isEmpty() ? null : waitingForBarrier.getLast();
        if (last != null && last.punch == punch && last.firstCluster + last.clusters == firstCluster) {
            waitingForBarrier.set(
                    waitingForBarrier.size() - 1, new Freed(last.firstCluster, last.clusters + clusters, punch));
        } else {
            waitingForBarrier.add(new Freed(firstCluster, clusters, punch));
        }
    }

    /** The file points at none of the clusters added so far, once a sync has made that durable. */
    public void barrierWritten() {
        waitingForSync.addAll(waitingForBarrier);
        waitingForBarrier = new ArrayList<>();
    }

    /** A sync that began after the last {@link #barrierWritten} is over. */
    public void barrierSynced() {
        if (!waitingForSync.isEmpty()) {
            waitingForRequests.add(new Batch(requests.mark(), List.copyOf(waitingForSync)));
            waitingForSync.clear();
        }
    }

    /** Whether there is anything that only requests can still be using. */
    boolean mayHaveReusable() {
        return !waitingForRequests.isEmpty();
    }

    /** Takes out what may be used again. */
    List<Freed> takeReusable() {
        List<Freed> reusable = new ArrayList<>();
        while (!waitingForRequests.isEmpty() && requests.areOverSince(waitingForRequests.getFirst().mark)) {
            reusable.addAll(waitingForRequests.removeFirst().freed);
        }
        return reusable;
    }

    /** Takes in again what was taken out and not used: it may be taken out at any time. */
    void putBack(Collection<Freed> unused) {
        if (!unused.isEmpty()) {
            waitingForRequests.addFirst(new Batch(LONG_AGO, List.copyOf(unused)));
        }
    }

    /** Whether nothing waits here at all. */
    public boolean isEmpty() {
        return waitingForBarrier.isEmpty() && waitingForSync.isEmpty() && waitingForRequests.isEmpty();
    }
}
