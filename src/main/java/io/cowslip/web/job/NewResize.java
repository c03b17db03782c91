package io.cowslip.web.job;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.json.LayerOptions;
import io.cowslip.web.json.ResizeRequest;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Another size for the disk of a volume that nobody has open.
 *
 * @param type {@code resize}
 * @param id the job's name; made up where not given
 * @param file the volume, relative to the image root
 * @param options how the volume is opened
 * @param resize the size
 */
@Schema(
        name = "NewResize",
        description =
                "Gives the disk of a volume that nobody has open another size, as qemu-img resize does and as PATCH does"
                        + " with an open drive")
record NewResize(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {NewResize.TYPE})
        String type,

        @Nullable String id,

        @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
        String file,

        @Schema(description = DiskNamed.ABOUT_CHANGE_OPTIONS) @Nullable
        LayerOptions options,

        @JsonUnwrapped @Nullable ResizeRequest resize)
        implements NewJob {
    static final String TYPE = "resize";

    @Override
    public JobRequest request(ImageOptions defaults) {
        return new JobRequest.Resize(
                NewJob.required(file),
                options == null ? defaults : options.over(defaults),
                resize == null ? ResizeRequest.NOTHING.resize() : resize.resize());
    }
}
