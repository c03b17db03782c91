package io.cowslip.web.job;

import io.cowslip.drive.work.DiskSource;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.web.json.LayerOptions;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A disk for a job to read: a volume's, or an open drive's.
 *
 * @param file the volume, relative to the image root
 * @param drive the open drive
 * @param options how the volume is opened
 */
@Schema(
        name = "DiskNamed",
        description = "A disk to read: a volume (file, opened with options) or an open drive (drive)")
record DiskNamed(
        @Nullable String file,
        @Nullable String drive,

        @Schema(description = ABOUT_OPTIONS) @Nullable LayerOptions options) {

    static final String ABOUT_CHANGE_OPTIONS = "How the volume is opened: its format where that is raw, its passphrase";
    static final String ABOUT_OPTIONS =
            "How the volume is opened: its format where its content does not say it, a snapshot of it, its passphrase";

    /**
     * The disk, with the options of {@code defaults} where it is a volume and none are given.
     *
     * @param prefix of the names in refusals
     */
    DiskSource source(ImageOptions defaults, String prefix) {
        if ((file == null) == (drive == null)) {
            throw Refusal.ofOption(
                    prefix + "file",
                    "a disk is either " + prefix + "file, a volume, or " + prefix + "drive, an open drive");
        }
        if (drive == null) {
            return new DiskSource.OfVolume(String.valueOf(file), options == null ? defaults : options.over(defaults));
        }
        if (options != null) {
            throw Refusal.ofOption(
                    prefix + "options", prefix + "options are those of a volume; an open drive is opened already");
        }
        return new DiskSource.OfDrive(DriveIds.named(drive));
    }
}
