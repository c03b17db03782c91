package io.cowslip.web.data;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveObserver;
import io.cowslip.drive.registry.DriveObserver.Operation;
import java.io.IOException;

/** Times what requests do to a drive's bytes, and tells the observer of what was completed. */
final class OperationClock {
    private final DriveObserver observer;

    OperationClock(DriveObserver observer) {
        this.observer = observer;
    }

    /** Some work on a drive; returns how many bytes it was about. */
    interface Work {
        long run() throws IOException;
    }

    void time(DriveId drive, Operation operation, Work work) throws IOException {
        long start = System.nanoTime();
        long bytes = work.run();
        observer.completed(drive, operation, bytes, System.nanoTime() - start);
    }
}
