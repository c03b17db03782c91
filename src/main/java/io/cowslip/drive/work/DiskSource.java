package io.cowslip.drive.work;

import io.cowslip.drive.DriveId;
import io.cowslip.engine.image.options.ImageOptions;

/** A disk for a job to read. */
public sealed interface DiskSource {

    /**
     * A volume and the chain below it, opened for as long as it takes.
     *
     * @param file relative to the image root
     * @param options how it is opened; always read-only
     */
    record OfVolume(String file, ImageOptions options) implements DiskSource {}

    /** An open drive. */
    record OfDrive(DriveId drive) implements DiskSource {}
}
