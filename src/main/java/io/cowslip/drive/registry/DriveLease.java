package io.cowslip.drive.registry;

import io.cowslip.drive.DriveId;
import io.cowslip.engine.image.DiskImage;

/**
 * The right to use an open image until it is closed: the drive stays open for as long. Taken per request from
 * {@link DriveRegistry#lease}, closed in the same thread.
 */
public interface DriveLease extends AutoCloseable {

    /** The drive that the image is open as. */
    DriveId id();

    /** The image, valid until this lease is closed. */
    DiskImage image();

    /** To be called between the pieces of what takes long: throws once the right was taken back. */
    default void requireUsable() {}

    /** How many bytes of whatever the disk was or is, from its start, may be used; the disk may have fewer. */
    default long limitBytes() {
        return Long.MAX_VALUE;
    }

    /** How many bytes of the disk as it is, from its start, may be used. */
    default long sizeBytes() {
        return Math.min(limitBytes(), image().virtualSizeBytes());
    }

    /** Strong validator of the guest's bytes, without quotes: changes with every change, never repeats. */
    String dataVersion();

    /**
     * The right to change the guest's bytes, to be closed once the change is made. Not to be asked for by who has it.
     *
     * @param alone whether nobody else may change them meanwhile, so that a check of {@link #dataVersion} and the change
     *     that follows are one. Waits for changes under way, and keeps others waiting
     */
    Change change(boolean alone);

    /** A change of the guest's bytes that is under way. */
    interface Change extends AutoCloseable {
        @Override
        void close();
    }

    /** Gives the right back. The image must not be used after that. */
    @Override
    void close();
}
