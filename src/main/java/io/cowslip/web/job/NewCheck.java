package io.cowslip.web.job;

import io.cowslip.engine.image.check.ImageCheck.Repair;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A check to be done, of a volume or of a drive.
 *
 * @param type {@code check}
 * @param id the job's name; made up where not given
 * @param file the volume, relative to the image root
 * @param drive the open drive
 * @param repair {@code leaks} or {@code all}; only of a volume that no drive has
 */
@Schema(
        name = "NewCheck",
        description = "Checks a volume (file) or the image of an open drive (drive) as qemu-img check does, and repairs"
                + " a volume that no drive has open (repair: leaks or all)")
record NewCheck(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {NewCheck.TYPE})
        String type,

        @Nullable String id,
        @Nullable String file,
        @Nullable String drive,

        @Schema(allowableValues = {"leaks", "all"}) @Nullable
        String repair)
        implements NewJob {

    static final String TYPE = "check";

    @Override
    public JobRequest request(ImageOptions defaults) {
        if ((file == null) == (drive == null)) {
            throw Refusal.ofOption("file", "a check takes either file, a volume, or drive, an open drive");
        }
        if (drive == null) {
            return new JobRequest.CheckVolume(String.valueOf(file), repairWanted());
        }
        if (repair != null) {
            throw Refusal.ofOption("repair", "an open drive cannot be repaired; close it and give its file");
        }
        return new JobRequest.CheckDrive(DriveIds.named(drive));
    }

    private @Nullable Repair repairWanted() {
        return switch (repair) {
            case null -> null;
            case "leaks" -> Repair.LEAKS;
            case "all" -> Repair.ALL;
            default -> throw Refusal.ofOption("repair", "repair is \"" + repair + "\"; it may be \"leaks\" or \"all\"");
        };
    }
}
