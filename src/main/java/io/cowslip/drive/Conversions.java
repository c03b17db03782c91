package io.cowslip.drive;

import io.cowslip.drive.Conversion.DriveSource;
import io.cowslip.drive.Conversion.Target;
import io.cowslip.drive.Conversion.VolumeSource;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.engine.image.CheckObserver;
import io.cowslip.engine.image.CreateOptions;
import io.cowslip.engine.image.DiskCopy;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.EncryptOptions;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.ImageOptions;
import io.cowslip.engine.image.NewEncryption;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.Lock;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Copies disks into new volumes. The source is kept from changing meanwhile, or the copy fails: a volume and its chain
 * are claimed for reading, and a drive must not have been written when the copy is done. The new volume has its name only
 * once it is whole.
 */
public final class Conversions {
    private final DriveOpener opener;
    private final DriveClaims claims;
    private final DriveRegistry registry;
    private final RandomGenerator random;

    Conversions(DriveOpener opener, DriveClaims claims, DriveRegistry registry, RandomGenerator random) {
        this.opener = opener;
        this.claims = claims;
        this.registry = registry;
        this.random = random;
    }

    /** Refuses what could not work as things stand. */
    public void requirePossible(Conversion conversion) throws IOException {
        PendingVolume.requireNew(opener.root(), conversion.target().file());
        switch (conversion.source()) {
            case VolumeSource volume -> opener.chain(volume.file(), readOnly(volume));
            case DriveSource drive -> registry.drive(drive.drive());
        }
    }

    /**
     * Makes the new volume.
     *
     * @param job the id of the job that does it, which has the source's files meanwhile
     * @return the facts of the new volume and of the chain below it
     */
    public List<ImageInfo> convert(String job, Conversion conversion, CheckObserver observer) throws IOException {
        return switch (conversion.source()) {
            case VolumeSource volume -> convertVolume(FileHolder.job(job), volume, conversion.target(), observer);
            case DriveSource drive -> convertDrive(drive.drive(), conversion.target(), observer);
        };
    }

    private List<ImageInfo> convertVolume(FileHolder job, VolumeSource source, Target target, CheckObserver observer)
            throws IOException {
        ImageOptions options = readOnly(source);
        DriveOpener.Chain chain = claim(job, source.file(), options);
        try (DiskImage disk = opener.open(chain, options)) {
            return copy(disk, target, observer);
        } finally {
            claims.release(job);
            options.wipeSecrets();
        }
    }

    private static ImageOptions readOnly(VolumeSource source) {
        return source.options().withReadOnly(true);
    }

    private DriveOpener.Chain claim(FileHolder job, String file, ImageOptions options) throws IOException {
        Lock stay = claims.filesStay();
        stay.lock();
        try {
            DriveOpener.Chain chain = opener.chain(file, options);
            claims.take(job, opener.claims(chain, options));
            return chain;
        } finally {
            stay.unlock();
        }
    }

    private List<ImageInfo> convertDrive(DriveId id, Target target, CheckObserver observer) throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            String version = lease.dataVersion();
            return copy(lease.image(), target, (doneBytes, totalBytes) -> {
                requireUnchanged(lease, version);
                observer.advanced(doneBytes, totalBytes);
            });
        }
    }

    private static void requireUnchanged(DriveLease lease, String version) {
        if (!lease.dataVersion().equals(version)) {
            throw new DriveException(
                    Reason.IN_USE,
                    "drive \"" + lease.id()
                            + "\" was written while it was copied; make it read-only, or take a snapshot"
                            + " and convert that");
        }
    }

    private List<ImageInfo> copy(DiskImage source, Target target, CheckObserver observer) throws IOException {
        @Nullable
        NewEncryption encryption =
                target.encryption() == null ? null : target.encryption().keyed(opener.secrets());
        try (PendingVolume pending = PendingVolume.of(opener.root(), target.file(), random.nextLong())) {
            CreateOptions options = options(target, source).withEncrypt(encryption);
            pending.create(options, claims.filesChange(), opener.environment());
            try (DiskImage disk = DiskImage.open(pending.file(), openOptions(options), opener.environment())) {
                DiskCopy.copy(source, disk, observer);
                disk.flush();
            }
            Path file = pending.publish(claims.filesChange(), opener.environment());
            return ImageInfo.chain(file, opener.environment());
        } finally {
            if (encryption != null) {
                encryption.keySecret().close();
            }
        }
    }

    private static CreateOptions options(Target target, DiskImage source) {
        CreateOptions options = target.options();
        return options.virtualSizeBytes() == null ? options.withVirtualSize(source.virtualSizeBytes()) : options;
    }

    private static ImageOptions openOptions(CreateOptions options) {
        NewEncryption encryption = options.encrypt();
        return ImageOptions.defaults()
                .withFormat(options.format())
                .withEncrypt(
                        encryption == null
                                ? null
                                : new EncryptOptions(EncryptOptions.Format.LUKS, encryption.keySecret(), null));
    }
}
