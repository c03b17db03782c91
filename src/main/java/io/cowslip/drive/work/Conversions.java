package io.cowslip.drive.work;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.FileHolder;
import io.cowslip.drive.registry.DriveOpener;
import io.cowslip.drive.volume.PendingVolume;
import io.cowslip.drive.work.Conversion.Target;
import io.cowslip.engine.host.DeferredSyncFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.convert.DiskCopy;
import io.cowslip.engine.image.create.ImageMeasure;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** Copies disks into new volumes, which have their names only once they are whole. */
public final class Conversions {
    private final DriveOpener opener;
    private final DriveClaims claims;
    private final DiskSources sources;
    private final RandomGenerator random;

    /** @param random names volumes in the making */
    public Conversions(DriveOpener opener, DriveClaims claims, DiskSources sources, RandomGenerator random) {
        this.opener = opener;
        this.claims = claims;
        this.sources = sources;
        this.random = random;
    }

    /** Refuses what could not work as things stand. */
    public void requirePossible(Conversion conversion) throws IOException {
        PendingVolume.requireNew(opener.root(), conversion.target().file());
        sources.requirePossible(conversion.source());
    }

    /**
     * Makes the new volume for the job of this id.
     *
     * @return the facts of the new volume and of the chain below it
     */
    public List<ImageInfo> convert(String job, Conversion conversion, WorkObserver observer) throws IOException {
        try (DiskSources.Opened source = sources.open(FileHolder.job(job), conversion.source())) {
            return source.read(observer, (disk, watching) -> copy(disk, conversion.target(), watching, () -> {}));
        }
    }

    /**
     * Makes a new volume that reads like this disk, which nobody writes meanwhile.
     *
     * @param beforeNaming called when the volume is whole, and about to get its name
     */
    List<ImageInfo> copy(DiskImage source, Target target, WorkObserver observer, Runnable beforeNaming)
            throws IOException {
        @Nullable
        NewEncryption encryption =
                target.encryption() == null ? null : target.encryption().keyed(opener.secrets());
        try (PendingVolume pending = PendingVolume.of(opener.root(), target.file(), random.nextLong())) {
            requireRoom(pending, source, target, observer);
            fill(pending, options(target, source).withEncrypt(encryption), target.compress(), source, observer);
            beforeNaming.run();
            Path file = pending.publish(claims.filesChange(), opener.environment());
            // A raw disk may look like an image of any format.
            ImageOptions asked =
                    ImageOptions.defaults().withFormat(target.options().format());
            return ImageInfo.chain(file, asked, opener.environment());
        } finally {
            if (encryption != null) {
                encryption.keySecret().close();
            }
        }
    }

    /** What nobody can tell beforehand is not asked for: how much compression saves, or a backing file has already. */
    private void requireRoom(PendingVolume pending, DiskImage source, Target target, WorkObserver observer)
            throws IOException {
        if (target.compress() || target.options().backingFile() != null) {
            return;
        }
        CreateOptions sparse = CreateOptions.qcow2(source.virtualSizeBytes());
        ImageMeasure measure = ImageMeasure.ofCopy(sparse, source, (done, total) -> observer.advanced(0, total));
        opener.root().requireRoom(pending.file(), measure.requiredBytes());
    }

    /** Nobody sees the file before it is whole, so that nothing in it is synced before that either. */
    private void fill(
            PendingVolume pending, CreateOptions options, boolean compress, DiskImage source, WorkObserver observer)
            throws IOException {
        ImageEnvironment outside = opener.environment();
        DeferredSyncFiles files = new DeferredSyncFiles(outside.files());
        ImageEnvironment environment = new ImageEnvironment(files, outside.references(), outside.caches());
        pending.create(options, claims.filesChange(), environment);
        try (DiskImage disk = DiskImage.open(pending.file(), openOptions(options, compress), environment)) {
            DiskCopy.copy(source, disk, observer);
        }
        files.sync();
    }

    private static CreateOptions options(Target target, DiskImage source) {
        CreateOptions options = target.options();
        return options.virtualSizeBytes() == null ? options.withVirtualSize(source.virtualSizeBytes()) : options;
    }

    private static ImageOptions openOptions(CreateOptions options, boolean compress) {
        NewEncryption encryption = options.encrypt();
        return ImageOptions.defaults()
                .withFormat(options.format())
                .withWrites(WriteOptions.DEFAULTS.withCompress(compress))
                .withEncrypt(
                        encryption == null
                                ? null
                                : new EncryptOptions(EncryptOptions.Format.LUKS, encryption.keySecret(), null));
    }
}
