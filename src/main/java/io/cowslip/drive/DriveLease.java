package io.cowslip.drive;

import io.cowslip.engine.image.DiskImage;

/**
 * The right to use an open image until it is closed: the drive stays open for as long. Taken per request from
 * {@link DriveRegistry#lease}, closed in the same thread.
 */
public interface DriveLease extends AutoCloseable {

    DriveId id();

    /** The image, valid until this lease is closed. */
    DiskImage image();

    /** Strong validator of the guest's bytes, without quotes: changes with every change, never repeats. */
    String dataVersion();

    @Override
    void close();
}
