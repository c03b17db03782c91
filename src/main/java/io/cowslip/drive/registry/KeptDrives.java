package io.cowslip.drive.registry;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveCatalog.Entry;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The drives that outlive the service, as the catalogue has them, and why those of them are not open that could not be
 * opened again: they stay in the catalogue until they are opened or deleted. Drives that are not kept never reach it.
 */
final class KeptDrives {
    private static final Logger log = LoggerFactory.getLogger(KeptDrives.class);

    private final DriveCatalog catalog;
    private final DriveOptionsText text;
    private final ImageRoot root;

    /** What the catalogue holds. A change of it is made while the entry here is held. */
    private final Map<DriveId, Entry> entries = new ConcurrentHashMap<>();

    /** Why drives are not open. */
    private final Map<DriveId, String> reasons = new ConcurrentHashMap<>();

    KeptDrives(DriveCatalog catalog, DriveOptionsText text, ImageRoot root) {
        this.catalog = catalog;
        this.text = text;
        this.root = root;
    }

    /** Reads the catalogue, before anything is opened. */
    void load() {
        catalog.drives().forEach(entry -> entries.put(entry.id(), entry));
    }

    /** All entries, ordered by id, but those last that read a snapshot, maybe of an image that another one writes. */
    List<Entry> entries() {
        return entries.values().stream()
                .sorted(Comparator.comparing(this::readsSnapshot)
                        .thenComparing(entry -> entry.id().value()))
                .toList();
    }

    /**
     * The drive that is not open, but is to write the image whose snapshot {@code entry} reads: were that opened first,
     * it would stand in the way.
     */
    Optional<DriveId> awaitedWriter(Entry entry) {
        if (!readsSnapshot(entry)) {
            return Optional.empty();
        }
        return unopened().stream()
                .filter(other -> other.file().equals(entry.file()))
                .map(UnopenedDrive::id)
                .filter(id -> writes(entries.get(id)))
                .findFirst();
    }

    private boolean writes(@Nullable Entry entry) {
        try {
            return entry != null && !text.read(entry.options()).readOnly();
        } catch (RuntimeException unreadable) {
            return false;
        }
    }

    private boolean readsSnapshot(Entry entry) {
        try {
            return text.read(entry.options()).snapshot() != null;
        } catch (RuntimeException unreadable) {
            return false;
        }
    }

    /** What is noted of a drive; null: nothing. */
    @Nullable
    Entry entry(DriveId id) {
        return entries.get(id);
    }

    /** The options to open a drive with again. */
    ImageOptions options(Entry entry) throws ImageException {
        if (entry.passphraseGiven()) {
            throw ImageException.invalidOption(
                    "encrypt.key-secret",
                    "it was opened with a passphrase in the request, which is not kept; open it with the same id, file"
                            + " and passphrase, or name a file of the secrets folder as encrypt.key-secret-file");
        }
        return text.read(entry.options());
    }

    /**
     * A drive is open. With the id of one that could not be opened again it takes that one's place, for the same file.
     *
     * @param options as asked for, passphrases wiped or not
     */
    void opened(DriveId id, String file, ImageOptions options, DriveKeeping keeping) {
        entries.compute(id, (same, before) -> {
            if (before != null && !before.file().equals(file)) {
                giveWay(before, file, keeping);
            }
            return keeping == DriveKeeping.KEPT ? put(before, id, file, options) : removed(before);
        });
    }

    /** Requests find the drive from now on, so that there is nothing to be told of why it is not open. */
    void found(DriveId id) {
        reasons.remove(id);
    }

    private static void giveWay(Entry before, String file, DriveKeeping keeping) {
        if (keeping != DriveKeeping.CONFIGURED) {
            throw new DriveException(
                    Reason.ID_TAKEN,
                    "\"" + before.id() + "\" is the drive of \"" + before.file()
                            + "\", which could not be opened again; delete it, or choose another id");
        }
        log.warn(
                "cowslip.drives.{} on {} takes the place of the drive of that id on {}, which is forgotten",
                before.id(),
                file,
                before.file());
    }

    private Entry put(@Nullable Entry before, DriveId id, String file, ImageOptions options) {
        return put(before, new Entry(id, file, text.write(options.withoutPassphrases()), options.hasPassphrase()));
    }

    private Entry put(@Nullable Entry before, Entry now) {
        if (!now.equals(before)) {
            catalog.put(now);
        }
        return now;
    }

    private @Nullable Entry removed(@Nullable Entry before) {
        if (before != null) {
            catalog.remove(before.id());
        }
        return null;
    }

    /** A drive has other options. */
    void reconfigured(DriveId id, ImageOptions asked) {
        entries.computeIfPresent(id, (same, before) -> {
            // What an open drive was asked for says no more where its passphrases are.
            ImageOptions whole = asked.withEncryptOf(text.read(before.options()));
            return put(before, new Entry(id, before.file(), text.write(whole), before.passphraseGiven()));
        });
    }

    /** A drive is not to be open again. */
    void forget(DriveId id) {
        entries.computeIfPresent(id, (same, before) -> removed(before));
        reasons.remove(id);
    }

    /** A drive could not be opened again. */
    void failed(Entry entry, Exception failure) {
        String reason = reason(failure);
        reasons.put(entry.id(), reason);
        boolean explained = failure instanceof ImageException || failure instanceof DriveException;
        log.error("Drive {} on {} is not open: {}", entry.id(), entry.file(), reason, explained ? null : failure);
        log.debug("Drive {} is not open", entry.id(), failure);
    }

    private String reason(Exception failure) {
        String message = String.valueOf(failure.getMessage());
        return switch (failure) {
            case ImageException image ->
                image.path() == null ? message : root.relativeName(image.path()) + ": " + message;
            case DriveException drive -> message;
            case IOException host -> "the host refused; the service's log says why";
            default -> "what is noted of it cannot be used; the service's log says why";
        };
    }

    boolean isUnopened(DriveId id) {
        return reasons.containsKey(id) && entries.containsKey(id);
    }

    /** The drives that could not be opened again, ordered by id. */
    List<UnopenedDrive> unopened() {
        return entries().stream()
                .filter(entry -> reasons.containsKey(entry.id()))
                .map(entry -> new UnopenedDrive(entry.id(), entry.file(), String.valueOf(reasons.get(entry.id()))))
                .toList();
    }

    /** That there is no open drive of this id, and why where that is known. */
    DriveException absent(DriveId id) {
        String reason = reasons.get(id);
        return reason == null
                ? DriveException.noSuchDrive(id)
                : new DriveException(
                        Reason.NO_SUCH_DRIVE,
                        "drive \"" + id + "\" could not be opened again when the service started: " + reason);
    }
}
