package io.cowslip.drive;

import io.cowslip.engine.image.LayerStats;
import java.util.List;
import java.util.function.Supplier;

/** Is told what happens to drives. Calls come from any thread, also at once, and must be quick and not throw. */
public interface DriveObserver {

    /** Nobody who wants to know. */
    DriveObserver NONE = new DriveObserver() {};

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

    /** A drive is closed; nothing more is heard of this opening. */
    default void closed(DriveId id) {}

    /** A request has done its work on a drive, which may be closed by now. */
    default void completed(DriveId id, Operation operation, long bytes, long nanos) {}

    /** The idle entries of a drive's caches were dropped, which took so long. */
    default void cleaned(DriveId id, long nanos) {}
}
