package io.cowslip.drive;

import io.cowslip.drive.DriveException.Reason;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.image.AmendOptions;
import io.cowslip.engine.image.CreateOptions;
import io.cowslip.engine.image.HeaderAmender;
import io.cowslip.engine.image.ImageEnvironment;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.ImageOptions;
import io.cowslip.engine.image.NewEncryption;
import io.cowslip.engine.image.WorkObserver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.Lock;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Image files below the image root, open or not. Names are relative to the root, with {@code /} between folders; a folder
 * is there for as long as it holds something. Volumes come and go one at a time, and never while a drive is between
 * finding its chain and claiming it; while a new one is filled, which may take long, everything else goes on.
 */
public final class Volumes {
    private static final Logger log = LoggerFactory.getLogger(Volumes.class);

    private final ImageRoot root;
    private final ImageEnvironment environment;
    private final DriveClaims claims;
    private final VolumeListing listing;
    private final SecretFolder secrets;
    private final RandomGenerator random;

    /** @param random tells apart volumes in the making */
    Volumes(
            ImageRoot root,
            ImageEnvironment environment,
            DriveClaims claims,
            SecretFolder secrets,
            RandomGenerator random) {
        this.random = random;
        this.secrets = secrets;
        this.root = root;
        this.environment = environment;
        this.claims = claims;
        this.listing = new VolumeListing(root);
    }

    /**
     * One page of a listing.
     *
     * @param names volumes in code point order
     * @param next what to pass as {@code after} for the next page; null: this was the last
     */
    public record Page(List<String> names, @Nullable String next) {}

    /** Volumes whose name begins with {@code prefix}, after the name {@code after}, at most {@code limit}. */
    public Page list(String prefix, @Nullable String after, int limit) throws IOException {
        return listing.page(prefix, after, limit);
    }

    /** The facts of one volume and of the chain below it, from the top down. */
    public List<ImageInfo> facts(String name) throws IOException {
        return ImageInfo.chain(root.existing(name), environment);
    }

    /** A host file as callers may see it: relative to the root. */
    public String relativeName(Path file) {
        return root.relativeName(file);
    }

    /** Creates an encrypted volume, and wipes its passphrase. */
    public List<ImageInfo> create(String name, CreateOptions options, VolumeEncryption encryption) throws IOException {
        NewEncryption keyed = encryption.keyed(secrets);
        try {
            return create(name, options.withEncrypt(keyed));
        } finally {
            keyed.keySecret().close();
        }
    }

    /** Creates a volume, and the folders that its name takes. */
    public List<ImageInfo> create(String name, CreateOptions options) throws IOException {
        try (PendingVolume pending = PendingVolume.of(root, name, random.nextLong())) {
            pending.create(options, claims.filesChange(), environment);
            Path file = pending.publish(claims.filesChange(), environment);
            return ImageInfo.chain(file, ImageOptions.defaults().withFormat(options.format()), environment);
        }
    }

    /** Changes the header of a volume that no drive and no other program has open. */
    public List<ImageInfo> amend(String name, AmendOptions options) throws IOException {
        Lock change = claims.filesChange();
        change.lock();
        try {
            Path file = root.existing(name);
            requireNotOpen(name, ImageRoot.identity(file));
            HeaderAmender.amend(file, options, WorkObserver.NONE, environment);
            return ImageInfo.chain(file, environment);
        } finally {
            change.unlock();
        }
    }

    /** Deletes a volume that no drive and no other program has open and no other volume needs. */
    public void delete(String name) throws IOException {
        Lock change = claims.filesChange();
        change.lock();
        try {
            Path entry = root.entry(name);
            Path file = root.existing(name);
            FileIdentity identity = ImageRoot.identity(file);
            requireNotOpen(name, identity);
            requireNotBacking(name, identity);
            deleteUnlessHeld(entry, file);
            root.removeEmptyFolders(entry);
        } finally {
            change.unlock();
        }
    }

    /** Other programs say by QEMU's locks that they have the file: nothing is taken from under them. */
    private void deleteUnlessHeld(Path entry, Path file) throws IOException {
        try (HostFile held = environment.files().open(file, HostFiles.Mode.READ)) {
            held.lock(ImageLock.WRITER);
            Files.delete(entry);
        }
    }

    private void requireNotOpen(String name, FileIdentity identity) {
        claims.holder(identity).ifPresent(holder -> {
            throw new DriveException(Reason.IN_USE, "\"" + name + "\" is in use by " + holder);
        });
    }

    private void requireNotBacking(String name, FileIdentity identity) throws IOException {
        for (String other : listing.all()) {
            if (backsOn(other, identity)) {
                throw new DriveException(Reason.IN_USE, "\"" + other + "\" backs on \"" + name + "\"");
            }
            if (hasDataIn(other, identity)) {
                throw new DriveException(Reason.IN_USE, "\"" + other + "\" has its data in \"" + name + "\"");
            }
        }
    }

    /** Whether the file is in the chain below the image, as far as that chain can be followed. */
    private boolean backsOn(String volume, FileIdentity identity) {
        return refersTo(
                volume, identity, layer -> layer.backingFile() == null ? List.of() : List.of(layer.backingFile()));
    }

    /** Whether an image of the chain has its data in the file. */
    private boolean hasDataIn(String volume, FileIdentity identity) {
        return refersTo(volume, identity, ImageInfo::dataFiles);
    }

    private boolean refersTo(String volume, FileIdentity identity, Function<ImageInfo, List<Path>> references) {
        try {
            for (ImageInfo layer : facts(volume)) {
                for (Path file : references.apply(layer)) {
                    if (ImageRoot.identity(file).equals(identity)) {
                        return true;
                    }
                }
            }
        } catch (IOException e) {
            // Broken as it stands: it needs no volume that it could be told to need.
            log.debug("No chain to follow from {}", volume, e);
        }
        return false;
    }
}
