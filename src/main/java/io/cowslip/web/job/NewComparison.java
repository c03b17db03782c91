package io.cowslip.web.job;

import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.json.LayerOptions;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A comparison to be done, of two disks.
 *
 * @param type {@code compare}
 * @param id the job's name; made up where not given
 * @param file the first disk's volume, relative to the image root
 * @param drive the first disk's open drive
 * @param options how the first volume is opened
 * @param other the second disk
 */
@Schema(
        name = "NewComparison",
        description =
                "Compares two disks, each a volume or an open drive, as qemu-img compare does: where one is longer,"
                        + " it may have only zeros there")
record NewComparison(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {NewComparison.TYPE})
        String type,

        @Nullable String id,
        @Nullable String file,
        @Nullable String drive,

        @Schema(description = DiskNamed.ABOUT_OPTIONS) @Nullable
        LayerOptions options,

        @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
        DiskNamed other)
        implements NewJob {

    static final String TYPE = "compare";

    @Override
    public JobRequest request(ImageOptions defaults) {
        if (other == null) {
            throw Refusal.ofOption("other", "other is missing; it says which disk to compare with");
        }
        return new JobRequest.Compare(
                new DiskNamed(file, drive, options).source(defaults, ""), other.source(defaults, "other."));
    }
}
