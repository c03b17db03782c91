package io.cowslip.web.job;

import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.json.LayerOptions;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A compaction, in place, of a volume that nobody has open.
 *
 * @param type {@code compact}
 * @param id the job's name; made up where not given
 * @param file the volume, relative to the image root
 * @param options how the volume is opened
 */
@Schema(
        name = "NewCompaction",
        description =
                "Makes a volume that nobody has open take less of the host, in place: what is zeros and what is not used is"
                        + " given back, and what lies at the file's end moves to where there is room before it")
record NewCompaction(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {NewCompaction.TYPE})
        String type,

        @Nullable String id,

        @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
        String file,

        @Schema(description = DiskNamed.ABOUT_CHANGE_OPTIONS) @Nullable
        LayerOptions options)
        implements NewJob {
    static final String TYPE = "compact";

    @Override
    public JobRequest request(ImageOptions defaults) {
        return new JobRequest.Compact(NewJob.required(file), options == null ? defaults : options.over(defaults));
    }
}
