package io.cowslip.drive.work;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.FileHolder;
import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.drive.volume.PinnedFormats;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Checks and repairs images. A volume is locked meanwhile as QEMU locks it, so that no drive and no other program writes
 * it during a check, or opens it at all during a repair. The image of an open drive is checked through the drive.
 */
public final class ImageChecks {
    private final ImageRoot root;
    private final ImageEnvironment environment;
    private final DriveClaims claims;
    private final DriveRegistry registry;

    ImageChecks(ImageRoot root, ImageEnvironment environment, DriveClaims claims, DriveRegistry registry) {
        this.root = root;
        this.environment = environment;
        this.claims = claims;
        this.registry = registry;
    }

    /**
     * What a check found.
     *
     * @param name the image, relative to the image root
     */
    public record Checked(String name, CheckReport report) {}

    /**
     * Refuses a volume that is not there, or that a drive has in a way that stands against this: none may write it during
     * a check, none may have it in its chain during a repair ({@code repair} not null).
     */
    public void requireFree(String name, ImageCheck.@Nullable Repair repair) throws IOException {
        Path file = root.existing(name);
        PinnedFormats.of(root).require(file, ImageFormat.QCOW2);
        FileIdentity identity = root.identity(file);
        Optional<FileHolder> holder = repair == null ? claims.writer(identity) : claims.holder(identity);
        holder.ifPresent(found -> {
            throw new DriveException(
                    Reason.IN_USE, "\"" + name + "\" is in use by " + found + "; " + advice(found, repair));
        });
    }

    private static String advice(FileHolder holder, ImageCheck.@Nullable Repair repair) {
        if (!holder.isDrive()) {
            return "wait until it has ended";
        }
        return repair == null ? "check the drive instead" : "close it for the repair";
    }

    /** Refuses a drive that is not open. */
    public void requireOpen(DriveId id) {
        registry.drive(id);
    }

    /** Checks a volume, or repairs it where {@code repair} is not null, for the job of this id. */
    public Checked checkVolume(String job, String name, ImageCheck.@Nullable Repair repair, WorkObserver observer)
            throws IOException {
        FileHolder holder = FileHolder.job(job);
        Path file = root.existing(name);
        List<DriveClaims.Claim> taken = List.of(new DriveClaims.Claim(root.identity(file), name, repair != null, true));
        claims.add(holder, taken);
        try {
            PinnedFormats.of(root).require(file, ImageFormat.QCOW2);
            return new Checked(
                    name,
                    repair == null
                            ? ImageCheck.check(file, observer, environment)
                            : ImageCheck.repair(file, repair, observer, environment));
        } finally {
            claims.remove(holder, taken);
        }
    }

    /** Checks an open drive's own image; see {@code DiskImage.check} for what its guests notice. */
    public Checked checkDrive(DriveId id, WorkObserver observer) throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            return new Checked(registry.drive(id).file(), lease.image().check(observer));
        }
    }
}
