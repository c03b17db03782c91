package io.cowslip.engine.image;

import io.cowslip.engine.format.SnapshotRecord;
import org.jspecify.annotations.Nullable;

/**
 * An internal snapshot.
 *
 * @param id a decimal number, as text
 * @param diskBytes size of its disk; null where the image does not say, which means that of the active disk
 * @param vmStateBytes size of the guest's memory that was saved with it; 0 for none
 * @param dateSeconds when it was taken, in seconds since 1970
 * @param dateNanos the rest of that in nanoseconds
 * @param vmClockNanos how long the guest had been running, in nanoseconds
 * @param icount instructions that the guest had executed; null where they were not counted
 */
public record Snapshot(
        String id,
        String name,
        @Nullable Long diskBytes,
        long vmStateBytes,
        long dateSeconds,
        int dateNanos,
        long vmClockNanos,
        @Nullable Long icount) {

    static Snapshot of(SnapshotRecord record) {
        return new Snapshot(
                record.id(),
                record.name(),
                record.diskBytes(),
                record.vmStateBytes(),
                record.dateSeconds(),
                record.dateNanos(),
                record.vmClockNanos(),
                record.icount());
    }
}
