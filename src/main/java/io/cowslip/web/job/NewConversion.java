package io.cowslip.web.job;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import io.cowslip.drive.work.Conversion;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.json.LayerOptions;
import io.cowslip.web.problem.Refusal;
import io.cowslip.web.volume.NewVolumeEncryption;
import io.cowslip.web.volume.VolumeRequest;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A conversion to be done: a new volume that reads like a disk.
 *
 * @param type {@code convert}
 * @param id the job's name; made up where not given
 * @param file the volume to read, relative to the image root
 * @param drive the open drive to read
 * @param options how the volume is opened
 * @param target the volume to make
 */
@Schema(
        name = "NewConversion",
        description = "Makes a new volume (target) that reads like a volume (file, opened with options) or like an open"
                + " drive (drive), as qemu-img convert does. The new volume has its name once it is whole")
public record NewConversion(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {NewConversion.TYPE})
        String type,

        @Nullable String id,
        @Nullable String file,
        @Nullable String drive,

        @Schema(description = DiskNamed.ABOUT_OPTIONS) @Nullable
        LayerOptions options,

        @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
        Target target)
        implements NewJob {

    static final String TYPE = "convert";

    /**
     * The volume to make.
     *
     * @param file relative to the image root
     * @param compress whether its clusters are compressed
     * @param volume what it is; without a size it gets that of the disk
     */
    @Schema(name = "ConversionTarget", description = "The volume to make; it is as large as the disk unless told")
    public record Target(
            @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
            String file,

            @Schema(description = "Whether clusters are compressed, as qemu-img convert -c does") @Nullable
            Boolean compress,

            @JsonUnwrapped @Nullable VolumeRequest volume) {

        /** What the service layer is asked for. */
        public Conversion.Target wanted() {
            if (file == null) {
                throw Refusal.ofOption("target.file", "target.file is missing; it names the volume to make");
            }
            VolumeRequest wanted = volume == null ? VolumeRequest.DEFAULTS : volume;
            if (wanted.cloneOf() != null) {
                throw Refusal.ofOption(
                        "target.clone-of", "a target takes backing-file with backing-format, not clone-of");
            }
            NewVolumeEncryption encryption = wanted.encrypt();
            return new Conversion.Target(
                    file,
                    wanted.options(),
                    Boolean.TRUE.equals(compress),
                    encryption == null ? null : encryption.options());
        }
    }

    @Override
    public JobRequest request(ImageOptions defaults) {
        if (target == null) {
            throw Refusal.ofOption("target", "target is missing; it says which volume to make");
        }
        return new JobRequest.Convert(
                new Conversion(new DiskNamed(file, drive, options).source(defaults, ""), target.wanted()));
    }
}
