package io.cowslip.drive.registry;

import io.cowslip.drive.DriveClaims;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Changes of the options and the size of an open drive while requests go on: in the image, in what is claimed, in the
 * catalogue and in when caches are cleaned. All or nothing: what is refused half-way is taken back.
 */
record DriveReconfiguration(DriveOpener opener, DriveClaims claims, CacheCleaner cleaner, KeptDrives kept) {

    /**
     * Makes a change; the drive's reconfigurations take turns.
     *
     * @param lease of {@code drive}
     * @param change makes the wanted options of those asked for so far
     * @param resize null: the size stays
     */
    DriveView apply(Drive drive, DriveLease lease, UnaryOperator<ImageOptions> change, @Nullable DriveResize resize)
            throws IOException {
        drive.turn().lock();
        try {
            ImageOptions before = drive.asked();
            reconfigure(drive, lease.image(), change.apply(before));
            note(drive, lease.image(), before);
            if (resize != null) {
                resize(drive, lease.image(), resize, before);
            }
            return drive.view();
        } finally {
            drive.turn().unlock();
        }
    }

    private void reconfigure(Drive drive, DiskImage image, ImageOptions asked) throws IOException {
        boolean wasWriting = !image.readOnly();
        boolean writes = wasWriting || !asked.readOnly();
        if (writes && !wasWriting) {
            opener.requireNoClones(drive.file());
            opener.pinWritten(opener.chain(drive.file(), drive.asked()), 0);
        }
        claims.changeWriting(drive.id(), writes);
        try {
            image.reconfigure(opener.fill(asked, image.layers()));
        } finally {
            claims.changeWriting(drive.id(), !image.readOnly());
        }
        drive.reconfigured(asked);
        cleaner.reschedule(drive.id(), asked.cacheCleanIntervalSeconds());
    }

    private void note(Drive drive, DiskImage image, ImageOptions optionsBefore) {
        try {
            kept.reconfigured(drive.id(), drive.asked());
        } catch (RuntimeException refused) {
            takeBack(drive, image, optionsBefore, refused);
            throw refused;
        }
    }

    private void resize(Drive drive, DiskImage image, DriveResize resize, ImageOptions optionsBefore)
            throws IOException {
        try {
            opener.root().limits().requireDisk(resize.sizeBytes());
            image.resize(resize.sizeBytes(), resize.shrink(), resize.preallocation());
        } catch (IOException | RuntimeException refused) {
            takeBack(drive, image, optionsBefore, refused);
            throw refused;
        }
    }

    private void takeBack(Drive drive, DiskImage image, ImageOptions before, Exception refused) {
        if (!drive.asked().equals(before)) {
            try {
                reconfigure(drive, image, before);
                kept.reconfigured(drive.id(), before);
            } catch (IOException | RuntimeException second) {
                refused.addSuppressed(second);
            }
        }
    }
}
