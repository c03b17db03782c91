package io.cowslip.drive.upload;

import io.cowslip.access.Caller;
import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.drive.volume.PendingVolume;
import io.cowslip.drive.volume.PinnedFormats;
import io.cowslip.drive.volume.RootWalk;
import io.cowslip.drive.volume.UploadedReferences;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.FolderEntry;
import io.cowslip.engine.host.FolderFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.HostTime;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageFormat;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Files on their way to becoming volumes, by the names that they are to have. They outlive the service, for as long as
 * uploads are kept that nobody goes on with. One request at a time adds to an upload, or makes it a volume.
 */
public final class Uploads {
    private static final Logger log = LoggerFactory.getLogger(Uploads.class);

    /** How long the beginning of an upload waits for the end of an earlier one that was given up. */
    private static final Duration REMOVAL_PATIENCE = Duration.ofSeconds(5);

    private final ImageRoot root;
    private final ImageEnvironment environment;
    private final DriveClaims claims;
    private final UploadProperties properties;
    private final InstantSource clock;

    /** Guarded by this object's monitor, under which nothing is read or written. */
    private final Map<String, Upload> uploads = new TreeMap<>();

    Uploads(
            ImageRoot root,
            ImageEnvironment environment,
            DriveClaims claims,
            UploadProperties properties,
            InstantSource clock) {
        this.root = root;
        this.environment = environment;
        this.claims = claims;
        this.properties = properties;
        this.clock = clock;
    }

    ImageRoot root() {
        return root;
    }

    HostFiles files() {
        return environment.files();
    }

    /** How long an upload is kept that nobody goes on with. */
    public Duration expiry() {
        return properties.expiry();
    }

    /** The largest file that may be uploaded; null: any. */
    public @Nullable Long maxSizeBytes() {
        return properties.maxSize() == null ? null : properties.maxSize().bytes();
    }

    /** All unfinished uploads, ordered by name. */
    public List<UploadStatus> unfinished() {
        List<Upload> found;
        synchronized (this) {
            found = List.copyOf(uploads.values());
        }
        return found.stream()
                .filter(upload -> Caller.reaches(upload.name()))
                .map(upload -> upload.status(properties.expiry()))
                .toList();
    }

    /** How far the upload of a volume is; empty: there is none within the caller's reach. */
    public Optional<UploadStatus> find(String name) {
        Upload upload = upload(name);
        return upload == null ? Optional.empty() : Optional.of(upload.status(properties.expiry()));
    }

    /** The upload of a volume that is not there: one that somebody has made otherwise meanwhile comes first. */
    public Optional<UploadStatus> findUnlessVolume(String name) throws ImageException {
        return isVolume(name) ? Optional.empty() : find(name);
    }

    private synchronized @Nullable Upload upload(String name) {
        return Caller.reaches(name) ? uploads.get(name) : null;
    }

    /**
     * Begins an upload, in the place of one of the same name that nobody is at.
     *
     * @param lengthBytes of the whole file; null: not known yet
     * @throws ImageException ALREADY_EXISTS when there is such a volume; NO_SPACE
     */
    public UploadSession begin(String name, UploadRules rules, @Nullable Long lengthBytes) throws IOException {
        PendingVolume.requireNew(root, name);
        if (lengthBytes != null) {
            Upload before = upload(name);
            requireAllowed(lengthBytes, before == null ? 0 : before.offset(), rules, UploadPlace.of(root, name));
        }
        Upload upload = admit(name);
        boolean begun = false;
        try {
            makeAnew(name);
            UploadSession session = UploadSession.open(this, upload, rules);
            begun = true;
            return session;
        } finally {
            if (!begun) {
                upload.end();
                remove(upload);
            }
        }
    }

    /** Others may take an empty folder away meanwhile. */
    private void makeAnew(String name) throws IOException {
        Lock change = claims.filesChange();
        change.lock();
        try {
            UploadPlace place = UploadPlace.make(root, name);
            root.tree().remove(place.content());
            place.log().begin(name);
        } finally {
            change.unlock();
        }
    }

    private Upload admit(String name) throws IOException {
        while (true) {
            Upload ending;
            synchronized (this) {
                Upload before = uploads.get(name);
                if (before == null || before.replace()) {
                    return put(name, before);
                }
                ending = before;
            }
            ending.awaitRemoved(REMOVAL_PATIENCE);
        }
    }

    private synchronized Upload put(String name, @Nullable Upload before) throws ImageException {
        if (before == null && uploads.size() >= properties.unfinished()) {
            throw new DriveException(
                    Reason.LIMIT_REACHED,
                    uploads.size() + " uploads are under way or wait to be resumed, as many as"
                            + " cowslip.uploads.unfinished allows");
        }
        Upload upload = new Upload(name, UploadPlace.of(root, name), 0, null, clock.instant());
        upload.attach();
        uploads.put(name, upload);
        return upload;
    }

    /** Goes on with an upload. */
    public UploadSession resume(String name, UploadRules rules) throws IOException {
        Upload upload = upload(name);
        if (upload == null) {
            throw noSuchUpload(name);
        }
        upload.attach();
        boolean open = false;
        try {
            UploadSession session = UploadSession.open(this, upload, rules);
            open = true;
            return session;
        } finally {
            if (!open) {
                release(upload);
            }
        }
    }

    /** Gives an upload up, whoever is at it. */
    public void cancel(String name) throws IOException {
        Upload upload = upload(name);
        if (upload == null) {
            throw noSuchUpload(name);
        }
        if (upload.cancel()) {
            remove(upload);
        }
    }

    /** That nothing of this name is being uploaded. */
    public static DriveException noSuchUpload(String name) {
        return new DriveException(
                Reason.NO_SUCH_UPLOAD,
                "no upload of \"" + name + "\" is under way; PUT begins one, and DELETE /volumes deletes volumes");
    }

    /** Refuses a file that is longer than any may be. */
    void requireAllowed(long sizeBytes) {
        if (sizeBytes > properties.maxSizeBytes()) {
            throw new DriveException(
                    Reason.TOO_LARGE,
                    "the file has " + sizeBytes + " bytes or more; cowslip.uploads.max-size allows "
                            + properties.maxSizeBytes());
        }
    }

    /** Refuses a file that is longer than any may be, or for which the host has no space. A raw one may be all holes. */
    void requireAllowed(long sizeBytes, long presentBytes, UploadRules rules, UploadPlace place) throws IOException {
        requireAllowed(sizeBytes);
        if (rules.isRaw()) {
            return;
        }
        root.requireRoom(place.content(), sizeBytes - presentBytes);
    }

    /** Gives an upload's file the volume's name. Its upload is over then. */
    List<ImageInfo> publish(Upload upload, UploadRules rules) throws IOException {
        Path content = upload.place().content();
        if (rules.format() != null) {
            pin(content, rules.format());
        }
        UploadedReferences.note(
                root, ImageInfo.chain(content, rules.asked(), environment).getFirst());
        PendingVolume pending = PendingVolume.uploaded(root, upload.name(), content, rules.format());
        upload.beginPublishing();
        Path file;
        try {
            file = pending.publish(claims.filesChange(), environment);
        } finally {
            if (pending.isPublished()) {
                complete(upload);
            }
        }
        return ImageInfo.chain(file, rules.asked(), environment);
    }

    /** Ends an upload whose volume is there, whatever may be left of its files. */
    void complete(Upload upload) {
        upload.end();
        try {
            remove(upload);
        } catch (IOException e) {
            log.warn("Not everything of the upload of {}, which is a volume now, can be taken away", upload.name(), e);
        }
    }

    /** Where a raw file cannot be marked as one, it must not look like anything else at least. */
    private void pin(Path content, ImageFormat format) throws IOException {
        if (!PinnedFormats.of(root).pin(content, format)
                && format == ImageFormat.RAW
                && ImageInfo.chain(content, environment).getFirst().format() != ImageFormat.RAW) {
            throw ImageException.of(
                    Kind.INVALID_FORMAT,
                    "format is raw, the file's content says another, and the file system of the image root keeps no extended"
                            + " attributes to note what it is; upload it with target.format=qcow2");
        }
    }

    /** Ends a session: the upload waits for the next, unless it was cancelled meanwhile. */
    void release(Upload upload) throws IOException {
        if (upload.detach(clock.instant())) {
            remove(upload);
        }
    }

    /** Takes away the files of an upload that this caller has ended, and forgets it. */
    void remove(Upload upload) throws IOException {
        try {
            upload.place().delete(root);
        } finally {
            synchronized (this) {
                uploads.remove(upload.name(), upload);
            }
            upload.noteRemoved();
        }
    }

    /** Takes away what nobody went on with for too long. */
    void expire() {
        Instant before = clock.instant().minus(properties.expiry());
        List<Upload> all;
        synchronized (this) {
            all = List.copyOf(uploads.values());
        }
        for (Upload upload : all) {
            if (upload.expire(before)) {
                try {
                    remove(upload);
                    log.info("Gave up the upload of {}: nobody went on with it", upload.name());
                } catch (IOException e) {
                    log.warn("The upload of {} has expired, and cannot be taken away", upload.name(), e);
                }
            }
        }
    }

    /** Finds the uploads that an earlier service left. */
    void load() throws IOException {
        List<Path> found = new ArrayList<>();
        RootWalk.over(root, (file, type) -> {
            if (type == FolderEntry.Type.FILE && UploadPlace.isUpload(file)) {
                found.add(file);
            }
        });
        for (Path file : found) {
            try {
                load(UploadPlace.around(root, file));
            } catch (IOException e) {
                log.warn("The unfinished upload in {} is left alone: it cannot be read", root.relativeName(file), e);
            }
        }
    }

    private boolean isVolume(String name) throws ImageException {
        return root.isTaken(name);
    }

    private void load(UploadPlace place) throws IOException {
        UploadLog.Facts facts = place.log().read();
        FolderFile arrived = root.ownFile(place.content());
        long present = arrived == null ? 0 : arrived.sizeBytes();
        if (facts == null || !place.isOf(facts.name())) {
            removeUnlessDamaged(place, present);
            return;
        }
        if (arrived == null && isVolume(facts.name())) {
            place.delete(root);
            return;
        }
        HostTime touched = root.look(place.log().file()).modified();
        long offset = Math.min(facts.offsetBytes(), present);
        synchronized (this) {
            uploads.putIfAbsent(
                    facts.name(),
                    new Upload(
                            facts.name(),
                            place,
                            offset,
                            facts.lengthBytes(),
                            Instant.ofEpochSecond(touched.epochSeconds(), touched.nanoseconds())));
        }
    }

    /** Nothing has come in where the log was never finished. What has come in under one that is damaged is not ours to lose. */
    private void removeUnlessDamaged(UploadPlace place, long presentBytes) throws IOException {
        if (presentBytes > 0 && root.ownFile(place.log().file()) != null) {
            log.warn(
                    "The unfinished upload in {} is left alone: its log does not say what it is of",
                    root.relativeName(place.content()));
        } else {
            place.delete(root);
        }
    }
}
