package io.cowslip.drive.work;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.FileHolder;
import io.cowslip.drive.registry.DriveResize;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.drive.volume.PinnedFormats;
import io.cowslip.drive.volume.UploadedReferences;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.convert.DiskCompaction;
import io.cowslip.engine.image.convert.HeaderAmender;
import io.cowslip.engine.image.file.FileReferences;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.AmendOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Changes volumes for jobs, as long as that may take: nobody else has them open meanwhile. */
public final class VolumeChanges {
    private final ImageRoot root;
    private final ImageEnvironment environment;
    private final DriveClaims claims;
    private final DiskSources sources;

    VolumeChanges(ImageRoot root, ImageEnvironment environment, DriveClaims claims, DiskSources sources) {
        this.root = root;
        this.environment = environment;
        this.claims = claims;
        this.sources = sources;
    }

    /** Refuses a volume that is not there, or that somebody has, who is named. */
    public void requireFree(String file, ImageOptions options) throws IOException {
        sources.requireFree(file, options);
    }

    /** The same for an amendment, for which no layer but the volume is opened. */
    public void requireFree(String file) throws IOException {
        claims.requireFree(List.of(own(file)));
    }

    private DriveClaims.Claim own(String file) throws IOException {
        Path path = root.existing(file);
        PinnedFormats.of(root).require(path, ImageFormat.QCOW2);
        return new DriveClaims.Claim(root.identity(path), file, true, true);
    }

    /**
     * Gives a volume's disk another size, for the job of this id.
     *
     * @return the volume's facts and those of the chain below it, as they are then
     */
    public List<ImageInfo> resize(
            String job, String file, ImageOptions options, DriveResize resize, WorkObserver observer)
            throws IOException {
        root.limits().requireDisk(resize.sizeBytes());
        try (DiskSources.Opened opened = sources.openToChange(FileHolder.job(job), file, options)) {
            opened.image().resize(resize.sizeBytes(), resize.shrink(), resize.preallocation(), observer);
        }
        Path path = root.existing(file);
        return ImageInfo.chain(path, PinnedFormats.of(root).asked(path), environment);
    }

    /**
     * Changes a volume's header, and what that asks for, for the job of this id.
     *
     * @return the volume's facts and those of the chain below it, as they are then
     */
    public List<ImageInfo> amend(String job, String file, AmendOptions options, WorkObserver observer)
            throws IOException {
        FileHolder holder = FileHolder.job(job);
        List<DriveClaims.Claim> taken = claim(holder, file, options.backingFile());
        try {
            Path path = root.existing(file);
            UploadedReferences.allow(root, path);
            HeaderAmender.amend(path, options, observer, environment);
            return ImageInfo.chain(path, environment);
        } finally {
            claims.remove(holder, taken);
        }
    }

    /** Makes a volume take less of the host, in place, for the job of this id, and wipes the passphrases of the options. */
    public DiskCompaction.Outcome compact(String job, String file, ImageOptions options, WorkObserver observer)
            throws IOException {
        return sources.whileClaimed(
                FileHolder.job(job),
                file,
                options,
                (path, filled) -> DiskCompaction.compact(path, filled, observer, environment));
    }

    /** Until the volume names its new backing file, nothing else keeps that from being deleted. */
    private List<DriveClaims.Claim> claim(FileHolder holder, String file, @Nullable String backingFile)
            throws IOException {
        return claims.whileFilesStay(() -> {
            List<DriveClaims.Claim> wanted = new ArrayList<>(List.of(own(file)));
            if (backingFile != null && !backingFile.isEmpty()) {
                wanted.addAll(below(root.existing(file), backingFile));
            }
            claims.add(holder, wanted);
            return wanted;
        });
    }

    private List<DriveClaims.Claim> below(Path image, String backingFile) throws IOException {
        List<DriveClaims.Claim> below = new ArrayList<>();
        Path backing = newBacking(image, backingFile);
        for (ImageInfo layer : ImageInfo.chain(backing, PinnedFormats.of(root).asked(backing), environment)) {
            below.add(
                    new DriveClaims.Claim(root.identity(layer.file()), root.relativeName(layer.file()), false, false));
        }
        return below;
    }

    private Path newBacking(Path image, String backingFile) throws IOException {
        try {
            return environment.references().resolveGiven(image, backingFile, FileReferences.Role.BACKING_FILE);
        } catch (ImageException refused) {
            throw refused.kind() == Kind.NOT_FOUND
                    ? ImageException.invalidOption("backing-file", "backing-file names a file that is not there")
                            .causedBy(refused)
                    : refused;
        }
    }
}
