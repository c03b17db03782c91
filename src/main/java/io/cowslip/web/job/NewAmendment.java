package io.cowslip.web.job;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import io.cowslip.engine.image.options.AmendOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.volume.AmendRequest;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Changes of the header of a volume that nobody has open.
 *
 * @param type {@code amend}
 * @param id the job's name; made up where not given
 * @param file the volume, relative to the image root
 * @param amendment what is to change
 */
@Schema(
        name = "NewAmendment",
        description =
                "Amends a volume that nobody has open, as PATCH of the volume does: for what takes long, which are refcounts"
                        + " of another width and an older compat")
record NewAmendment(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {NewAmendment.TYPE})
        String type,

        @Nullable String id,

        @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
        String file,

        @JsonUnwrapped @Nullable AmendRequest amendment)
        implements NewJob {
    static final String TYPE = "amend";

    @Override
    public JobRequest request(ImageOptions defaults) {
        return new JobRequest.Amend(
                NewJob.required(file),
                amendment == null ? new AmendOptions(null, null, null, null, null) : amendment.options());
    }
}
