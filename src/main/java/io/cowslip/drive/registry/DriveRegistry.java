package io.cowslip.drive.registry;

import io.cowslip.access.Caller;
import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.FileHolder;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Secret;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Open images by id: counted leases, exclusive operations, orderly close. What requests do to bytes passes one map look-up
 * and one drive's own counter; only opening and closing share more ({@link DriveClaims}).
 */
public final class DriveRegistry {
    private static final Logger log = LoggerFactory.getLogger(DriveRegistry.class);

    private final DriveOpener opener;
    private final ImageOpening opening;
    private final DriveClaims claims;
    private final CacheCleaner cleaner;
    private final DriveObserver observer;
    private final KeptDrives kept;
    private final UnopenedDrives unopened;
    private final DriveReconfiguration reconfiguration;
    private final RandomGenerator random;
    private final Map<DriveId, Drive> drives = new ConcurrentHashMap<>();

    private volatile boolean ended;

    DriveRegistry(
            DriveOpener opener,
            DriveClaims claims,
            CacheCleaner cleaner,
            DriveObserver observer,
            KeptDrives kept,
            RandomGenerator random) {
        this.opener = opener;
        this.opening = new ImageOpening(opener, claims, this::lease);
        this.claims = claims;
        this.cleaner = cleaner;
        this.observer = observer;
        this.kept = kept;
        this.unopened = new UnopenedDrives(this, kept, observer);
        this.reconfiguration = new DriveReconfiguration(opener, claims, cleaner, kept);
        this.random = random;
    }

    /**
     * What a request starts from: the service-wide defaults for all that it does not say. Cache sizes are absent here
     * and added when the drive opens or changes, fitted to those that the request gives.
     */
    public ImageOptions defaults() {
        return opener.defaults().start();
    }

    /** Opens an image as a drive that is open again after a restart. */
    public DriveView open(@Nullable DriveId id, String file, ImageOptions options) throws IOException {
        return open(id, file, options, DriveKeeping.KEPT);
    }

    /** Opens an image below the image root, and wipes the passphrases in {@code options}; {@code id} null: one is made up. */
    public DriveView open(@Nullable DriveId id, String file, ImageOptions options, DriveKeeping keeping)
            throws IOException {
        DriveId taken = id == null ? new DriveId("d" + tag()) : id;
        ImageOptions pinned = opener.pinned(file, options);
        ImageOpening.Opened opened = opening.open(FileHolder.of(taken), file, pinned, files -> {
            requireRunning();
            claims.take(taken, files);
        });
        return admit(
                new Drive(taken, opened.name(), opened.image(), pinned.withoutSecrets(), opener.root(), tag(), keeping),
                pinned);
    }

    /** Opens images for others, beside the drives. */
    public ImageOpening opening() {
        return opening;
    }

    /** Makes an open drive known. The view is taken first: once known, another caller may close the drive at once. */
    private DriveView admit(Drive drive, ImageOptions options) throws IOException {
        try {
            DriveView view = drive.view();
            observer.opened(drive.id(), drive::layers);
            cleaner.watch(drive.id(), drive::cleanCaches, view.options().cacheCleanIntervalSeconds());
            requireRunning();
            kept.opened(drive.id(), drive.file(), options, drive.keeping());
            drives.put(drive.id(), drive);
            kept.found(drive.id());
            // The end may have come since the claim. It sees the drive in the map, or is seen here.
            requireRunning();
            return view;
        } catch (RuntimeException e) {
            if (drive.shut()) {
                drive.awaitLeases();
                release(drive);
            }
            throw e;
        }
    }

    private void requireRunning() {
        if (ended) {
            throw new DriveException(Reason.UNAVAILABLE, "the service is shutting down");
        }
    }

    /** The drives that could not be opened again. */
    public UnopenedDrives unopened() {
        return unopened;
    }

    /** Whether a drive of this id is open, or could not be opened again. */
    public boolean knows(DriveId id) {
        return isOpen(id) || kept.entry(id) != null;
    }

    /** Whether a drive of this id is open or closing. */
    boolean isOpen(DriveId id) {
        return drives.containsKey(id);
    }

    /** All open drives, ordered by id. */
    public List<DriveView> drives() {
        return drives.values().stream()
                .filter(drive -> Caller.reaches(drive.file()))
                .flatMap(drive -> drive.viewUnlessClosing().stream())
                .sorted(Comparator.comparing(view -> view.id().value()))
                .toList();
    }

    /**
     * An open drive as it is now.
     *
     * @throws DriveException NO_SUCH_DRIVE, with the reason where it could not be opened again, and also where it is not
     *     within the caller's reach; CLOSING
     */
    public DriveView drive(DriveId id) {
        return require(id).viewUnlessClosing().orElseThrow(() -> closing(id));
    }

    /**
     * The right to use an open drive's image for one request.
     *
     * @throws DriveException as {@link #drive}
     */
    public DriveLease lease(DriveId id) {
        return lease(require(id));
    }

    private static DriveLease lease(Drive drive) {
        DriveLease lease = drive.leaseUnlessClosing();
        if (lease == null) {
            throw closing(drive.id());
        }
        return lease;
    }

    private static DriveException closing(DriveId id) {
        return new DriveException(Reason.CLOSING, "drive \"" + id + "\" is closing");
    }

    /**
     * The passphrase of a request, for the caller to wipe.
     *
     * @param given the passphrase itself, or null
     * @param file the file in the secrets folder that holds it, or null
     */
    public Secret secret(@Nullable Secret given, @Nullable String file) throws ImageException {
        if (given != null) {
            return given;
        }
        return file == null ? Secret.of("") : opener.secrets().read(file);
    }

    private Drive require(DriveId id) {
        Drive drive = drives.get(id);
        if (drive == null) {
            requireKeptReachable(id);
            throw kept.absent(id);
        }
        if (!Caller.reaches(drive.file())) {
            throw DriveException.noSuchDrive(id);
        }
        return drive;
    }

    /** @throws DriveException NO_SUCH_DRIVE where there is such a drive, and not for the caller */
    public void requireReachable(DriveId id) {
        if (drives.containsKey(id)) {
            require(id);
        } else {
            requireKeptReachable(id);
        }
    }

    private void requireKeptReachable(DriveId id) {
        DriveCatalog.Entry entry = kept.entry(id);
        if (entry != null && !Caller.reaches(entry.file())) {
            throw DriveException.noSuchDrive(id);
        }
    }

    /**
     * Puts other options in force while requests go on; all or nothing.
     *
     * @param change makes the wanted options of those asked for so far (as {@link #open} got them, defaults not filled
     *     in); reconfigurations of the drive wait while it runs, so it may check {@link #drive}'s version
     */
    public DriveView reconfigure(DriveId id, UnaryOperator<ImageOptions> change) throws IOException {
        return reconfigure(id, change, null);
    }

    /**
     * The same, and gives the disk another size.
     *
     * @param resize null: the size stays
     */
    public DriveView reconfigure(DriveId id, UnaryOperator<ImageOptions> change, @Nullable DriveResize resize)
            throws IOException {
        Drive drive = require(id);
        try (DriveLease lease = lease(drive)) {
            return reconfiguration.apply(drive, lease, change, resize);
        }
    }

    /**
     * Lets no new request in, waits for those in flight, flushes and closes, for good.
     *
     * @throws DriveException IN_USE while a snapshot of the image is read beside it; NO_SUCH_DRIVE; CLOSING
     */
    public void close(DriveId id) throws IOException {
        Drive drive = require(id);
        claims.leave(id);
        forget(id);
        if (!drive.shut()) {
            throw closing(id);
        }
        drive.awaitLeases();
        try {
            observer.dismissed(id);
        } finally {
            release(drive);
        }
    }

    private void forget(DriveId id) {
        try {
            kept.forget(id);
        } catch (RuntimeException refused) {
            claims.stay(id);
            throw refused;
        }
    }

    /** Closes a drained drive. Whatever fails, the id and the files are free again: the image is closed all the same. */
    private void release(Drive drive) throws IOException {
        try {
            cleaner.forget(drive.id());
            drive.close();
        } finally {
            drives.remove(drive.id());
            observer.closed(drive.id());
            claims.release(drive.id());
            drive.markGone();
        }
    }

    /** Opens nothing more and closes all drives, waiting for requests in flight no longer than {@code patience}. */
    void end(Duration patience) {
        ended = true;
        long deadline = System.nanoTime() + patience.toNanos();
        List<Drive> own = new ArrayList<>();
        List<Drive> others = new ArrayList<>();
        for (Drive drive : drives.values()) {
            (drive.shut() ? own : others).add(drive);
        }
        // Those first that read a snapshot beside another.
        own.sort(Comparator.comparing(drive -> drive.asked().snapshot() == null));
        own.forEach(drive -> end(drive, deadline));
        others.forEach(drive -> awaitGone(drive, deadline));
    }

    private void end(Drive drive, long deadline) {
        try {
            if (drive.awaitLeases(deadline - System.nanoTime())) {
                release(drive);
                log.info("Closed drive {}", drive.id());
            } else {
                // Closing would take the memory from under a request that still runs; the end of the process will do.
                drive.flush();
                log.warn("Flushed drive {}, but did not close it: requests are still using it", drive.id());
            }
        } catch (IOException e) {
            log.error("Drive {} may have lost writes that were not flushed before", drive.id(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            log.warn("Interrupted while closing drive {}", drive.id());
        }
    }

    private static void awaitGone(Drive drive, long deadline) {
        try {
            if (!drive.awaitGone(deadline - System.nanoTime())) {
                log.warn("Drive {} is still closing", drive.id());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            log.warn("Interrupted while drive {} was closing", drive.id());
        }
    }

    private String tag() {
        return HexFormat.of().toHexDigits(random.nextLong());
    }
}
