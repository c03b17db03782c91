package io.cowslip.engine.image;

import io.cowslip.engine.alloc.InFlightRequests;
import java.io.IOException;

/**
 * What goes on at one open disk: its reads, its changes, and the requests of the layers that both consist of. They pass
 * without a lock; who needs the disk to stand still holds them and waits for those that began before. One holder at a time:
 * under the image's monitor.
 */
final class DiskGates {
    private final InFlightRequests requests;
    private final ChangeGate changes = new ChangeGate();
    private final ChangeGate reads;

    /** @param requests those of the layers; reads are among them, and steps of changes */
    DiskGates(InFlightRequests requests) {
        this.requests = requests;
        this.reads = new ChangeGate(requests);
    }

    /** What is done while the disk stands still. */
    @FunctionalInterface
    interface Action {
        void take() throws IOException;
    }

    /** The requests of the layers. */
    InFlightRequests requests() {
        return requests;
    }

    /** Passed by whoever changes the disk. */
    ChangeGate changes() {
        return changes;
    }

    /** Passed by whoever reads the disk. */
    ChangeGate reads() {
        return reads;
    }

    /** Takes an action once all changes are over, and lets none begin until it has ended; reads go on. */
    void whileUnchanging(Action action) throws IOException {
        changes.hold();
        try {
            changes.awaitThoseBegun();
            action.take();
        } finally {
            changes.release();
        }
    }

    /** The same for reads as well: nothing uses the disk meanwhile. */
    void whileUnused(Action action) throws IOException {
        whileUnchanging(() -> {
            try {
                reads.hold();
                requests.awaitThoseBegun();
                action.take();
            } finally {
                reads.release();
            }
        });
    }

    /** Changes copy from the layers below outside of the requests that they consist of, so both are waited for. */
    void awaitAllBegun() {
        changes.awaitThoseBegun();
        requests.awaitThoseBegun();
    }
}
