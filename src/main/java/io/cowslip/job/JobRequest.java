package io.cowslip.job;

import io.cowslip.drive.Conversion;
import io.cowslip.drive.DiskSource;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.Imports.Import;
import io.cowslip.engine.image.ImageCheck;
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

    /** Checks the image of an open drive. */
    record CheckDrive(DriveId drive) implements JobRequest {
        @Override
        public String type() {
            return "check";
        }
    }
}
