package io.cowslip.drive.registry;

import io.cowslip.drive.DriveId;
import io.cowslip.engine.image.layer.LayerStats;
import java.util.List;
import java.util.function.Supplier;

/** Is told what happens to drives. Calls come from any thread, also at once, and must be quick and not throw. */
public interface DriveObserver {

    /** Nobody who wants to know. */
    DriveObserver NONE = new DriveObserver() {};

    /** One that tells all of these. */
    static DriveObserver all(List<DriveObserver> observers) {
        return switch (observers.size()) {
            case 0 -> NONE;
            case 1 -> observers.getFirst();
            default -> new DriveObservers(List.copyOf(observers));
        };
    }

    /** What requests do to a drive's bytes. */
    enum Operation {
        READ,
        WRITE,
        ZERO,
        DISCARD,
        FLUSH
    }

    /**
     * A drive is open.
     *
     * @param layers its chain as it is when asked; empty once the drive is on its way out
     */
    default void opened(DriveId id, Supplier<List<LayerStats>> layers) {}

    /**
     * Somebody had a drive closed, which it is about to be: what was promised of it under its id holds no longer. Not
     * called where drives close because the service ends.
     */
    default void dismissed(DriveId id) {}

    /** A drive is closed; nothing more is heard of this opening. */
    default void closed(DriveId id) {}

    /** A request has done its work on a drive, which may be closed by now. */
    default void completed(DriveId id, Operation operation, long bytes, long nanos) {}

    /** The idle entries of a drive's caches were dropped, which took so long. */
    default void cleaned(DriveId id, long nanos) {}
}
