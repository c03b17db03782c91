package io.cowslip.drive.registry;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The drives of the catalogue that could not be opened again when the service started: they are opened when somebody asks
 * for it, or forgotten. Any thread; one at a time opens or forgets.
 */
public final class UnopenedDrives {
    private static final Logger log = LoggerFactory.getLogger(UnopenedDrives.class);

    private final DriveRegistry registry;
    private final KeptDrives kept;
    private final DriveObserver observer;
    private final ReentrantLock turn = new ReentrantLock();

    UnopenedDrives(DriveRegistry registry, KeptDrives kept, DriveObserver observer) {
        this.registry = registry;
        this.kept = kept;
        this.observer = observer;
    }

    /** All of them, ordered by id. */
    public List<UnopenedDrive> list() {
        return kept.unopened();
    }

    /** Opens the drives of the catalogue that are not open. Those that cannot be are noted, and stop nothing. */
    void openAll() {
        for (DriveCatalog.Entry entry : kept.entries()) {
            if (registry.isOpen(entry.id())) {
                continue;
            }
            try {
                open(entry);
                log.info("Opened drive {} on {} again", entry.id(), entry.file());
            } catch (IOException | RuntimeException failure) {
                log.debug("Drive {} is left for later", entry.id(), failure);
            }
        }
    }

    /**
     * Opens a drive as it was; one that is open is shown.
     *
     * @throws DriveException NO_SUCH_DRIVE; IN_USE also when it reads a snapshot beside a drive that is to be opened first
     */
    public DriveView open(DriveId id) throws IOException {
        registry.requireReachable(id);
        turn.lock();
        try {
            DriveCatalog.Entry entry = kept.entry(id);
            return registry.isOpen(id) || entry == null ? registry.drive(id) : open(entry);
        } finally {
            turn.unlock();
        }
    }

    private DriveView open(DriveCatalog.Entry entry) throws IOException {
        try {
            kept.awaitedWriter(entry).ifPresent(writer -> {
                throw new DriveException(
                        Reason.IN_USE,
                        "it reads a snapshot beside drive \"" + writer
                                + "\", which is not open again either; that one is to be opened first");
            });
            return registry.open(entry.id(), entry.file(), kept.options(entry));
        } catch (IOException | RuntimeException failure) {
            note(entry, failure);
            throw failure;
        }
    }

    /** Somebody else may have opened the drive meanwhile, or be about to. */
    private void note(DriveCatalog.Entry entry, Exception failure) {
        if (failure instanceof DriveException refused && refused.reason() == Reason.ID_TAKEN) {
            return;
        }
        kept.failed(entry, failure);
        if (registry.isOpen(entry.id())) {
            kept.found(entry.id());
        }
    }

    /**
     * Forgets a drive; false where it is open, or there is none.
     *
     * @throws DriveException NO_SUCH_DRIVE where there is such a drive, and not for the caller
     */
    public boolean forget(DriveId id) {
        if (!kept.isUnopened(id)) {
            return false;
        }
        registry.requireReachable(id);
        turn.lock();
        try {
            boolean unopened = kept.isUnopened(id) && !registry.isOpen(id);
            if (unopened) {
                kept.forget(id);
                observer.dismissed(id);
            }
            return unopened;
        } finally {
            turn.unlock();
        }
    }
}
