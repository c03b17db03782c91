package io.cowslip.web.data;

import io.cowslip.drive.registry.DriveLease;
import io.cowslip.engine.image.DiskImage;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * What one request changes of the guest's bytes, in one step or several. Where the request names a state on condition of
 * which it wants to, that is checked with the first step, and nobody else changes anything from there to
 * {@link #close}: of two requests on condition of the same state, one at most is carried out. Otherwise each step shares
 * the disk with all others. Used by one thread.
 */
final class ConditionalChange implements AutoCloseable {
    private final DriveLease lease;
    private final HttpServletRequest request;
    private final boolean conditional;
    private DriveLease.@Nullable Change alone;

    ConditionalChange(DriveLease lease, HttpServletRequest request) {
        this.lease = lease;
        this.request = request;
        this.conditional = Preconditions.changeDepends(request);
    }

    /** A step of the change. */
    @FunctionalInterface
    interface Step {
        void make(DiskImage image) throws IOException;
    }

    /** Writes {@code from} at {@code guestOffset}. */
    void write(long guestOffset, MemorySegment from) throws IOException {
        make(image -> image.write(guestOffset, from));
    }

    /** Makes a step, the first one if the disk is still as the request wants it. */
    void make(Step step) throws IOException {
        if (conditional) {
            begin();
            step.make(lease.image());
        } else {
            try (DriveLease.Change shared = lease.change(false)) {
                step.make(lease.image());
            }
        }
    }

    private void begin() {
        if (alone == null) {
            alone = lease.change(true);
            Preconditions.checkChange(request, lease.dataVersion());
        }
    }

    @Override
    public void close() {
        if (alone != null) {
            alone.close();
        }
    }
}
