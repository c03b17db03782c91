package io.cowslip.drive.work;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.FileHolder;
import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.work.DiskSource.OfDrive;
import io.cowslip.drive.work.DiskSource.OfVolume;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.scrub.DiskScrub;
import io.cowslip.engine.image.scrub.ScrubReport;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;

/**
 * Scrubs disks. A volume is claimed for as long as that takes; a drive goes on being used, written to, changed and closed
 * meanwhile: each step is one of its requests.
 */
public final class Scrubs {
    private static final int STEPS_PER_SECOND = 10;
    private static final int SMALLEST_STEP_BYTES = 64 << 10;

    private final DiskSources sources;
    private final DriveRegistry registry;

    Scrubs(DiskSources sources, DriveRegistry registry) {
        this.sources = sources;
        this.registry = registry;
    }

    /** Refuses what could not be scrubbed as things stand. */
    public void requirePossible(DiskSource source) throws IOException {
        sources.requirePossible(source);
    }

    /**
     * Scrubs a disk for the job of this id.
     *
     * @throws DriveException NO_SUCH_DRIVE when the drive is closed meanwhile
     */
    public ScrubReport scrub(String job, DiskSource source, ScrubOptions options, WorkObserver observer)
            throws IOException {
        DiskScrub scrub = new DiskScrub(options.snapshots(), options.chain(), stepBytes(options.bytesPerSecond()));
        switch (source) {
            case OfVolume volume -> {
                try (DiskSources.Opened opened = sources.open(FileHolder.job(job), volume)) {
                    scrub(scrub, use -> use.of(opened.image()), options.bytesPerSecond(), observer);
                }
            }
            case OfDrive drive -> scrub(scrub, new LeasedDrive(drive.drive()), options.bytesPerSecond(), observer);
        }
        return scrub.report();
    }

    /** So small that what is read in one go is a part of a second's. */
    private static long stepBytes(long bytesPerSecond) {
        return bytesPerSecond == 0
                ? DiskScrub.STEP_BYTES
                : Math.clamp(bytesPerSecond / STEPS_PER_SECOND, SMALLEST_STEP_BYTES, DiskScrub.STEP_BYTES);
    }

    /** What is done with an open image. */
    @FunctionalInterface
    private interface Use {
        boolean of(DiskImage image) throws IOException;
    }

    /** An image that stays open while it is used, and maybe no longer. */
    @FunctionalInterface
    private interface Access {
        boolean use(Use use) throws IOException;
    }

    private static void scrub(DiskScrub scrub, Access access, long bytesPerSecond, WorkObserver observer)
            throws IOException {
        Pace pace = new Pace(bytesPerSecond);
        boolean more = true;
        while (more) {
            long before = scrub.readBytes();
            more = access.use(scrub::step);
            pace.spend(scrub.readBytes() - before, () -> {
                observer.advanced(scrub.doneBytes(), scrub.totalBytes());
                // A pause may be long, and a drive that is closed is not to be waited for.
                access.use(image -> true);
            });
        }
    }

    /** A drive that is leased anew for each use. */
    private final class LeasedDrive implements Access {
        private final DriveId id;
        private final DiskImage image;

        LeasedDrive(DriveId id) {
            this.id = id;
            try (DriveLease lease = registry.lease(id)) {
                this.image = lease.image();
            }
        }

        @Override
        public boolean use(Use use) throws IOException {
            try (DriveLease lease = lease()) {
                if (lease.image() != image) {
                    throw closed();
                }
                return use.of(image);
            }
        }

        private DriveLease lease() {
            try {
                return registry.lease(id);
            } catch (DriveException gone) {
                DriveException closed = closed();
                closed.initCause(gone);
                throw closed;
            }
        }

        private DriveException closed() {
            return new DriveException(Reason.NO_SUCH_DRIVE, "drive \"" + id + "\" was closed while it was scrubbed");
        }
    }
}
