package io.cowslip.drive;

import io.cowslip.engine.image.ImageOptions;
import java.io.IOException;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Open images by id: counted leases, exclusive operations, orderly close. */
public final class DriveRegistry {

    /** Opens an image below the image root; {@code id} null: one is made up. */
    public DriveView open(@Nullable DriveId id, String file, ImageOptions options) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** All open drives, ordered by id. */
    public List<DriveView> drives() {
        throw new UnsupportedOperationException();
    }

    public DriveView drive(DriveId id) {
        throw new UnsupportedOperationException();
    }

    /** The right to use an open drive's image for one request. */
    public DriveLease lease(DriveId id) {
        throw new UnsupportedOperationException();
    }

    /** Puts other options in force while requests go on; all or nothing. */
    public DriveView reconfigure(DriveId id, UnaryOperator<ImageOptions> change) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** Lets no new request in, waits for those in flight, flushes and closes. */
    public void close(DriveId id) throws IOException {
        throw new UnsupportedOperationException();
    }
}
