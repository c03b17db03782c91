package io.cowslip.web.drive;

import io.cowslip.engine.image.Snapshot;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * An internal snapshot as it is shown, with the names of {@code qemu-img info}.
 *
 * @param diskSize bytes of the disk when it was taken; absent where the image does not say
 * @param vmStateSize bytes of the machine's state that was saved with it
 * @param dateSec when it was taken, in seconds since 1970
 * @param dateNsec the rest of that in nanoseconds
 * @param vmClockSec how long the guest had been running, in seconds
 * @param vmClockNsec the rest of that in nanoseconds
 * @param icount instructions that the guest had executed, where they were counted
 */
@Schema(name = "Snapshot", description = "An internal snapshot of a drive's image")
record SnapshotBody(
        String id,
        String name,
        @Nullable Long diskSize,
        long vmStateSize,
        long dateSec,
        int dateNsec,
        long vmClockSec,
        int vmClockNsec,
        @Nullable Long icount) {
    private static final long NANOS = 1_000_000_000;

    static SnapshotBody of(Snapshot snapshot) {
        return new SnapshotBody(
                snapshot.id(),
                snapshot.name(),
                snapshot.diskBytes(),
                snapshot.vmStateBytes(),
                snapshot.dateSeconds(),
                snapshot.dateNanos(),
                Long.divideUnsigned(snapshot.vmClockNanos(), NANOS),
                (int) Long.remainderUnsigned(snapshot.vmClockNanos(), NANOS),
                snapshot.icount());
    }

    /** What POST takes. */
    @Schema(name = "NewSnapshot")
    record New(
            @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
            String name) {}
}
