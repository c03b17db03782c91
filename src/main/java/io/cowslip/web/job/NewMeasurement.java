package io.cowslip.web.job;

import io.cowslip.drive.work.Measurement;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.json.ByteSize;
import io.cowslip.web.json.LayerOptions;
import io.cowslip.web.problem.Refusal;
import io.cowslip.web.volume.NewVolumeEncryption;
import io.cowslip.web.volume.VolumeRequest;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A measurement of the space that a new volume will take.
 *
 * @param type {@code measure}
 * @param id the job's name; made up where not given
 * @param file the volume to be copied, relative to the image root
 * @param drive the open drive to be copied
 * @param options how the volume is opened
 * @param size of an empty disk, in the place of one to be copied
 * @param target the new volume; its own size does not matter
 */
@Schema(
        name = "NewMeasurement",
        description =
                "Measures what space a new volume (target) will take for a copy of a volume (file, opened with options) or"
                        + " of an open drive (drive), or for an empty disk (size), as qemu-img measure does")
record NewMeasurement(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {NewMeasurement.TYPE})
        String type,

        @Nullable String id,

        @Nullable String file,
        @Nullable String drive,

        @Schema(description = DiskNamed.ABOUT_OPTIONS) @Nullable
        LayerOptions options,

        @Schema(description = "Of an empty disk, in the place of file or drive") @Nullable
        ByteSize size,

        @Schema(description = "The new volume: qcow2 with everything at its default unless given") @Nullable
        VolumeRequest target)
        implements NewJob {
    static final String TYPE = "measure";

    @Override
    public JobRequest request(ImageOptions defaults) {
        VolumeRequest volume = target == null ? VolumeRequest.DEFAULTS : target;
        NewVolumeEncryption encryption = volume.encrypt();
        CreateOptions wanted = encryption == null
                ? volume.options()
                : volume.options().withEncrypt(encryption.options().options());
        if (size == null) {
            return new JobRequest.Measure(
                    new Measurement(new DiskNamed(file, drive, options).source(defaults, ""), 0, wanted));
        }
        if (file != null || drive != null || options != null) {
            throw Refusal.ofOption("size", "size is that of an empty disk, so that there is no file, drive or options");
        }
        return new JobRequest.Measure(new Measurement(null, size.bytes(), wanted));
    }
}
