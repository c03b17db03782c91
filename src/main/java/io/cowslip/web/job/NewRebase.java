package io.cowslip.web.job;

import io.cowslip.drive.work.RebaseOptions;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.convert.DiskRebase;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.json.LayerOptions;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Another backing file for a volume that nobody has open.
 *
 * @param type {@code rebase}
 * @param id the job's name; made up where not given
 * @param file the volume, relative to the image root
 * @param options how the volume is opened, with the layers that are below it now
 * @param backingFile relative to the volume's folder; null or empty: none
 * @param backingFormat required with a backing file
 * @param backing how the new backing file is opened
 * @param unsafe whether only the name changes
 */
@Schema(
        name = "NewRebase",
        description =
                "Puts a volume that nobody has open upon another backing file, or none (null), as qemu-img rebase does: what"
                        + " would read differently is copied into the volume first. With unsafe only the name changes")
record NewRebase(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {NewRebase.TYPE})
        String type,

        @Nullable String id,

        @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
        String file,

        @Schema(description = "How the volume is opened, with backing for the layer that is below it now") @Nullable
        LayerOptions options,

        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                implementation = String.class,
                nullable = true,
                description =
                        "Relative to the volume's folder; null: none, so that the volume has all of its disk itself")
        @Nullable
        JsonNode backingFile,

        @Schema(
                allowableValues = {"qcow2", "raw"},
                description = "Required with a backing file")
        @Nullable
        String backingFormat,

        @Schema(description = "How the new backing file is opened: its passphrase, the layers below it") @Nullable
        LayerOptions backing,

        @Schema(
                description =
                        "Whether only the name in the header changes, as with qemu-img rebase -u: the old backing file"
                                + " need not be there, and what the disk reads is for the caller to know")
        @Nullable
        Boolean unsafe)
        implements NewJob {
    static final String TYPE = "rebase";

    @Override
    public JobRequest request(ImageOptions defaults) {
        return new JobRequest.Rebase(
                NewJob.required(file),
                options == null ? defaults : options.over(defaults),
                new RebaseOptions(wanted(name()), Boolean.TRUE.equals(unsafe)));
    }

    private @Nullable String name() {
        if (backingFile == null) {
            throw Refusal.ofOption(
                    "backing-file", "backing-file is missing; it names the new backing file, and null stands for none");
        }
        if (backingFile.isNull()) {
            return null;
        }
        if (!backingFile.isString()) {
            throw Refusal.ofOption("backing-file", "backing-file is " + backingFile + "; it must be a name or null");
        }
        return backingFile.asString().isEmpty() ? null : backingFile.asString();
    }

    private DiskRebase.@Nullable Backing wanted(@Nullable String name) {
        if (name == null) {
            if (backingFormat != null || backing != null) {
                throw Refusal.ofOption(
                        "backing-format", "backing-format and backing go with a backing-file, and there is to be none");
            }
            return null;
        }
        if (backingFormat == null) {
            throw Refusal.ofOption(
                    "backing-format",
                    "backing-file is given without backing-format; formats are not guessed, so it must be \"qcow2\" or"
                            + " \"raw\"");
        }
        ImageOptions below = backing == null ? ImageOptions.defaults() : backing.over(ImageOptions.defaults());
        try {
            return new DiskRebase.Backing(name, below.withFormat(ImageFormat.parse("backing-format", backingFormat)));
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }
}
