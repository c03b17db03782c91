package io.cowslip.drive.work;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.FileHolder;
import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveOpener;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.registry.ImageOpening;
import io.cowslip.drive.volume.FileVersions;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.drive.work.DiskSource.OfDrive;
import io.cowslip.drive.work.DiskSource.OfVolume;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Opens disks for jobs to read, and sees to it that they read one moment: a volume and the chain below it are claimed for
 * the job, and a drive must not have been written when the job is done with it. A volume may also be opened to be
 * changed, which nobody else has open then.
 */
public final class DiskSources {
    private final DriveOpener opener;
    private final DriveClaims claims;
    private final DriveRegistry registry;

    /** @param registry the drives that may be read */
    public DiskSources(DriveOpener opener, DriveClaims claims, DriveRegistry registry) {
        this.opener = opener;
        this.claims = claims;
        this.registry = registry;
    }

    /** A disk to read, or to change where it was opened so, by the thread that opened it and those that it waits for. */
    interface Opened extends AutoCloseable {
        DiskImage image();

        /** Strong validator of what is read, without quotes. */
        String version() throws IOException;

        /** Fails when the disk was written since it was opened. */
        void requireUnchanged();

        /** Reads the disk, which must not be written meanwhile: where it was, that is what this fails with. */
        default <T> T read(WorkObserver observer, Reading<T> reading) throws IOException {
            WorkObserver watching = (doneBytes, totalBytes) -> {
                requireUnchanged();
                observer.advanced(doneBytes, totalBytes);
            };
            try {
                return reading.read(image(), watching);
            } catch (ImageException failure) {
                throw unlessChanged(failure);
            }
        }

        /** Why a read failed. A disk that was made smaller ends before what was to be read next: then this fails for that. */
        default ImageException unlessChanged(ImageException failure) {
            if (failure.kind() == ImageException.Kind.OUT_OF_RANGE) {
                requireUnchanged();
            }
            return failure;
        }

        @Override
        void close() throws IOException;
    }

    /** What a job does with a disk that it only reads. */
    @FunctionalInterface
    interface Reading<T> {
        /** @param observer to be told of the work, often */
        T read(DiskImage disk, WorkObserver observer) throws IOException;
    }

    /** Refuses what could not be opened as things stand. */
    void requirePossible(DiskSource source) throws IOException {
        switch (source) {
            case OfVolume volume -> opener.chain(volume.file(), opener.pinned(volume.file(), readOnly(volume)));
            case OfDrive drive -> registry.drive(drive.drive());
        }
    }

    /** Opens a disk for this job, and wipes the passphrases of its options. */
    Opened open(FileHolder job, DiskSource source) throws IOException {
        return switch (source) {
            case OfVolume volume -> openVolume(job, volume.file(), readOnly(volume));
            case OfDrive drive -> new LeasedDrive(registry.lease(drive.drive()));
        };
    }

    /** Refuses a volume that could not be opened to be changed as things stand, naming who has it. */
    void requireFree(String file, ImageOptions options) throws IOException {
        ImageOptions writable = options.withReadOnly(false);
        claims.requireFree(opener.claims(opener.chain(file, writable), writable, null));
    }

    /** Opens a volume for this job to change, and wipes the passphrases of its options. */
    Opened openToChange(FileHolder job, String file, ImageOptions options) throws IOException {
        return openVolume(job, file, options.withReadOnly(false));
    }

    /** What is done to a volume that is claimed and not open. */
    @FunctionalInterface
    interface Change<T> {
        /** @param options made complete, with their passphrases */
        T make(Path file, ImageOptions options) throws IOException;
    }

    /** Changes a volume that is claimed for this job meanwhile, and wipes the passphrases of its options. */
    <T> T whileClaimed(FileHolder job, String file, ImageOptions options, Change<T> change) throws IOException {
        ImageOptions writable = options.withReadOnly(false);
        try {
            Claimed claimed = claims.whileFilesStay(() -> claim(job, file, writable));
            try {
                return change(claimed.chain(), writable, change);
            } finally {
                claims.remove(job, claimed.claims());
            }
        } finally {
            options.wipeSecrets();
        }
    }

    private record Claimed(DriveOpener.Chain chain, List<DriveClaims.Claim> claims) {}

    private Claimed claim(FileHolder job, String file, ImageOptions options) throws IOException {
        DriveOpener.Chain chain = opener.chain(file, options);
        List<DriveClaims.Claim> wanted = opener.claims(chain, options, null);
        claims.add(job, wanted);
        return new Claimed(chain, wanted);
    }

    private <T> T change(DriveOpener.Chain chain, ImageOptions options, Change<T> change) throws IOException {
        ImageOptions filled = opener.complete(chain, options);
        try {
            return change.make(chain.top(), filled);
        } finally {
            filled.wipeSecrets();
        }
    }

    private static ImageOptions readOnly(OfVolume source) {
        return source.options().withReadOnly(true);
    }

    private Opened openVolume(FileHolder job, String file, ImageOptions options) throws IOException {
        ImageOpening.Opened opened =
                registry.opening().open(job, file, opener.pinned(file, options), files -> claims.add(job, files));
        return new ClaimedVolume(opened.image(), opener.root(), opened.files(), claims, job, opened.claims());
    }

    private record ClaimedVolume(
            DiskImage image,
            ImageRoot root,
            List<Path> files,
            DriveClaims claims,
            FileHolder job,
            List<DriveClaims.Claim> taken)
            implements Opened {

        @Override
        public String version() throws IOException {
            return FileVersions.of(root, files);
        }

        /** Nobody else can write it. */
        @Override
        public void requireUnchanged() {}

        @Override
        public void close() throws IOException {
            try {
                image.close();
            } finally {
                claims.remove(job, taken);
            }
        }
    }

    private record LeasedDrive(DriveLease lease, long changeCount, String version) implements Opened {
        LeasedDrive(DriveLease lease) {
            // The count first: a change between the looks is one since the opening.
            this(lease, lease.image().changeCount(), lease.dataVersion());
        }

        @Override
        public DiskImage image() {
            return lease.image();
        }

        @Override
        public void requireUnchanged() {
            if (lease.image().changeCount() != changeCount) {
                throw new DriveException(
                        Reason.IN_USE,
                        "drive \"" + lease.id()
                                + "\" was written meanwhile; make it read-only, or read a snapshot of its image instead");
            }
        }

        @Override
        public void close() {
            lease.close();
        }
    }
}
