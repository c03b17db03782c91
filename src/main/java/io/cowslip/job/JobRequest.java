package io.cowslip.job;

import io.cowslip.access.Scope;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveResize;
import io.cowslip.drive.work.CommitOptions;
import io.cowslip.drive.work.Conversion;
import io.cowslip.drive.work.DiskSource;
import io.cowslip.drive.work.Imports.Import;
import io.cowslip.drive.work.Measurement;
import io.cowslip.drive.work.RebaseOptions;
import io.cowslip.drive.work.ScrubOptions;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.options.AmendOptions;
import io.cowslip.engine.image.options.ImageOptions;
import org.jspecify.annotations.Nullable;

/**
 * What a job is to do. A new type of job is a new record here, its result in {@link JobResult}, and its line in
 * {@link RequestedWork}.
 */
public sealed interface JobRequest {

    /** The type of both kinds of import. */
    String IMPORT = "import";

    /** The name of the type, as callers write it. */
    String type();

    /** What a caller must be let to do to start, restart or stop it. */
    default Scope scope() {
        return switch (this) {
            case CheckVolume check -> check.repair == null ? Scope.READ : Scope.MANAGE;
            case CheckDrive check -> Scope.READ;
            case Compare compare -> Scope.READ;
            case Measure measure -> Scope.READ;
            case MapDisk map -> Scope.READ;
            case Scrub scrub -> Scope.READ;
            default -> Scope.MANAGE;
        };
    }

    /** Of before the service's last start, and cannot be read any more: only to be shown. */
    record Unreadable(String type) implements JobRequest {}

    /** Checks a volume that no drive writes, and repairs it if asked to. */
    record CheckVolume(String file, ImageCheck.@Nullable Repair repair) implements JobRequest {
        @Override
        public String type() {
            return "check";
        }
    }

    /** Makes a new volume that reads like a disk. */
    record Convert(Conversion conversion) implements JobRequest {
        @Override
        public String type() {
            return "convert";
        }
    }

    /** Makes a volume of an upload that is whole. */
    record ImportUpload(Import work) implements JobRequest {
        @Override
        public String type() {
            return IMPORT;
        }
    }

    /** Makes a new volume that reads like one that is there. */
    record ImportVolume(Conversion conversion) implements JobRequest {
        @Override
        public String type() {
            return IMPORT;
        }
    }

    /** Compares two disks. */
    record Compare(DiskSource one, DiskSource other) implements JobRequest {
        @Override
        public String type() {
            return "compare";
        }
    }

    /** Gives the disk of a volume that nobody has open another size. */
    record Resize(String file, ImageOptions options, DriveResize resize) implements JobRequest {
        @Override
        public String type() {
            return "resize";
        }
    }

    /** Changes the header of a volume that nobody has open, and what that asks for. */
    record Amend(String file, AmendOptions options) implements JobRequest {
        @Override
        public String type() {
            return "amend";
        }
    }

    /** Measures what space a new volume will take. */
    record Measure(Measurement measurement) implements JobRequest {
        @Override
        public String type() {
            return "measure";
        }
    }

    /**
     * Maps a disk and the chain below it.
     *
     * @param limit the most extents to tell of
     */
    record MapDisk(DiskSource source, long start, long lengthBytes, int limit) implements JobRequest {
        @Override
        public String type() {
            return "map";
        }
    }

    /** Reads every cluster that a disk has data in. */
    record Scrub(DiskSource source, ScrubOptions options) implements JobRequest {
        @Override
        public String type() {
            return "scrub";
        }
    }

    /** Puts a volume that nobody has open upon another backing file, or none. */
    record Rebase(String file, ImageOptions options, RebaseOptions rebase) implements JobRequest {
        @Override
        public String type() {
            return "rebase";
        }
    }

    /** Writes what a volume has of its disk into a volume below it; nobody has either open. */
    record Commit(String file, ImageOptions options, CommitOptions commit) implements JobRequest {
        @Override
        public String type() {
            return "commit";
        }
    }

    /** Makes a volume that nobody has open take less of the host, in place. */
    record Compact(String file, ImageOptions options) implements JobRequest {
        @Override
        public String type() {
            return "compact";
        }
    }

    /** Checks the image of an open drive. */
    record CheckDrive(DriveId drive) implements JobRequest {
        @Override
        public String type() {
            return "check";
        }
    }
}
