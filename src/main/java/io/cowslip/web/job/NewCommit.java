package io.cowslip.web.job;

import io.cowslip.drive.work.CommitOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.json.LayerOptions;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A commit of what a volume has to one below it; nobody has either open.
 *
 * @param type {@code commit}
 * @param id the job's name; made up where not given
 * @param file the volume, relative to the image root
 * @param options how the volume is opened, with the layers below it
 * @param base the volume to write to, relative to the image root
 * @param keep whether the volume keeps what it has
 * @param allowDependents whether other volumes may stand on the base
 */
@Schema(
        name = "NewCommit",
        description =
                "Writes what a volume has of its disk into its backing file, or into a volume further down its chain (base),"
                        + " as qemu-img commit does, and then empties the volume unless it is to keep what it has")
record NewCommit(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {NewCommit.TYPE})
        String type,

        @Nullable String id,

        @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
        String file,

        @Schema(description = "How the volume is opened, with backing for the layers below it") @Nullable
        LayerOptions options,

        @Schema(
                description =
                        "The volume to write to, relative to the image root; the backing file unless given. Layers"
                                + " between mean nothing any more then")
        @Nullable
        String base,

        @Schema(
                description =
                        "Whether the volume keeps what it has. False unless given, and always true where layers lie"
                                + " between it and the base")
        @Nullable
        Boolean keep,

        @Schema(
                description = "Whether to commit where other volumes stand on the base, which read differently then;"
                        + " refused and named unless true")
        @Nullable
        Boolean allowDependents)
        implements NewJob {
    static final String TYPE = "commit";

    @Override
    public JobRequest request(ImageOptions defaults) {
        return new JobRequest.Commit(
                NewJob.required(file),
                options == null ? defaults : options.over(defaults),
                new CommitOptions(base, keep, Boolean.TRUE.equals(allowDependents)));
    }
}
