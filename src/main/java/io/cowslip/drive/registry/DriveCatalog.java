package io.cowslip.drive.registry;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveId;
import java.util.List;

/**
 * Where drives are noted that are to be open again once the service has ended and starts anew. Called by any thread, but
 * about one drive by one thread at a time. A change is durable when its call returns; one that cannot be made is refused
 * with {@link DriveException.Reason#UNAVAILABLE}.
 */
public interface DriveCatalog {

    /** Notes nothing. */
    DriveCatalog NONE = new DriveCatalog() {
        @Override
        public List<Entry> drives() {
            return List.of();
        }

        @Override
        public void put(Entry drive) {}

        @Override
        public void remove(DriveId id) {}
    };

    /**
     * What it takes to open a drive again.
     *
     * @param file the image, relative to the image root
     * @param options as {@link DriveOptionsText} has them: no passphrase is in them, but the names of files that hold one
     * @param passphraseGiven whether it was opened with a passphrase that is not kept
     */
    record Entry(DriveId id, String file, String options, boolean passphraseGiven) {}

    /** All drives that are noted. */
    List<Entry> drives();

    /** Notes a drive, in the place of what was noted of it before. */
    void put(Entry drive);

    /** Forgets a drive. */
    void remove(DriveId id);
}
