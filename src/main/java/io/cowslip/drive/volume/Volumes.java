package io.cowslip.drive.volume;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.FileHolder;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.convert.HeaderAmender;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.AmendOptions;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.Lock;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
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

    private static final int NAMED_DEPENDENTS = 10;

    private final ImageRoot root;
    private final ImageEnvironment environment;
    private final DriveClaims claims;
    private final VolumeListing listing;
    private final VolumeDependents dependents;
    private final SecretFolder secrets;
    private final RandomGenerator random;

    /** @param random tells apart volumes in the making */
    public Volumes(
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
        this.dependents = new VolumeDependents(root, this::facts);
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
        Path file = root.existing(name);
        return ImageInfo.chain(file, PinnedFormats.of(root).asked(file), environment);
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
            requireNotOpen(name, root.identity(file));
            PinnedFormats.of(root).require(file, ImageFormat.QCOW2);
            UploadedReferences.allow(root, file);
            HeaderAmender.amend(file, options, WorkObserver.NONE, environment);
            return ImageInfo.chain(file, environment);
        } finally {
            change.unlock();
        }
    }

    /**
     * Overwrites all that a volume's file holds with zeros, durably, and deletes it. Others wait for nothing meanwhile;
     * where it is cut off the volume is there, in part wiped.
     */
    public void wipeAndDelete(String name) throws IOException {
        FileHolder holder = FileHolder.deletion(name);
        Lock change = claims.filesChange();
        Path file;
        List<DriveClaims.Claim> taken;
        change.lock();
        try {
            file = root.existing(name);
            FileIdentity identity = root.identity(file);
            requireNotOpen(name, identity);
            requireNotBacking(name, identity);
            taken = List.of(new DriveClaims.Claim(identity, name, true, true));
            claims.add(holder, taken);
        } finally {
            change.unlock();
        }
        try (HostFile held = environment.files().open(file, HostFiles.Mode.READ_WRITE)) {
            held.lock(ImageLock.WRITER);
            VolumeWipe.wipe(held);
        } finally {
            claims.remove(holder, taken);
        }
        delete(name);
    }

    /** Deletes a volume that no drive and no other program has open and no other volume needs; else those are named. */
    public void delete(String name) throws IOException {
        Lock change = claims.filesChange();
        change.lock();
        try {
            Path entry = root.entry(name);
            Path file = root.existing(name);
            FileIdentity identity = root.identity(file);
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
            root.tree().remove(entry);
        }
    }

    private void requireNotOpen(String name, FileIdentity identity) {
        claims.holder(identity).ifPresent(holder -> {
            throw new DriveException(Reason.IN_USE, "\"" + name + "\" is in use by " + holder);
        });
    }

    private void requireNotBacking(String name, FileIdentity identity) throws IOException {
        List<VolumeDependents.Dependent> found = dependents.of(identity);
        if (found.isEmpty()) {
            return;
        }
        String named = found.stream()
                .limit(NAMED_DEPENDENTS)
                .map(dependent -> "\"" + dependent.volume() + "\" " + dependent.need() + " \"" + name + "\"")
                .collect(Collectors.joining("; "));
        int more = found.size() - NAMED_DEPENDENTS;
        throw new DriveException(Reason.IN_USE, more <= 0 ? named : named + "; and " + more + " more need it");
    }

    /** The volumes that need this one. Every volume of the root is looked at for that. */
    public List<String> dependents(String name) throws IOException {
        return dependents.of(root.identity(root.existing(name))).stream()
                .map(VolumeDependents.Dependent::volume)
                .toList();
    }

    /** What each volume of a chain takes, from the top down. */
    public List<DiskUsage> usage(List<ImageInfo> chain) throws IOException {
        List<DiskUsage> usage = new ArrayList<>();
        long below = 0;
        for (ImageInfo layer : chain.reversed()) {
            long own = layer.actualSizeBytes() + allocatedBytes(layer.dataFile());
            below += own;
            usage.addFirst(new DiskUsage(layer.virtualSizeBytes(), below, own));
        }
        return usage;
    }

    private long allocatedBytes(@Nullable Path dataFile) throws IOException {
        if (dataFile == null) {
            return 0;
        }
        try (HostFile file = environment.files().open(dataFile, HostFiles.Mode.READ)) {
            return file.allocatedBytes();
        }
    }

    private void requireNotWritten(String base, Path file) throws IOException {
        claims.writer(root.identity(file)).ifPresent(writer -> {
            throw new DriveException(
                    Reason.IN_USE,
                    "\"" + base + "\" is open for writing by " + writer
                            + ", and what it writes would change under a clone; close it, or make it read-only");
        });
    }

    /**
     * The options of a new volume over another: the name that leads there from the new one's folder, and its format.
     * The base is not opened for writing any more while it has clones.
     *
     * @param base relative to the image root
     * @throws ImageException INVALID_OPTION where the base may be raw and nobody says so
     */
    public CreateOptions overBase(String name, String base, CreateOptions options) throws IOException {
        Path file = root.existing(base);
        ImageFormat format = options.backingFormat();
        if (format == null) {
            format = facts(base).getFirst().format();
            if (format == ImageFormat.RAW && PinnedFormats.of(root).of(file) != ImageFormat.RAW) {
                throw ImageException.invalidOption(
                        "backing-format",
                        "the content of \"" + base + "\" says no format; where it is raw, backing-format must say so");
            }
        }
        requireNotWritten(base, file);
        new CloneBases(root).mark(file);
        Path folder = root.entry(name).getParent();
        return options.withBacking(
                Objects.requireNonNull(folder).relativize(root.entry(base)).toString(), format);
    }
}
