package io.cowslip.web.job;

import io.cowslip.drive.work.DiskSource;
import io.cowslip.drive.work.ScrubOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.json.ByteSize;
import io.cowslip.web.json.LayerOptions;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A scrub of a disk.
 *
 * @param type {@code scrub}
 * @param id the job's name; made up where not given
 * @param file the volume, relative to the image root
 * @param drive the open drive
 * @param options how the volume is opened
 * @param snapshots whether what snapshots have is read as well
 * @param chain whether the layers below are read as well
 * @param bytesPerSecond the most that is read per second
 */
@Schema(
        name = "NewScrub",
        description =
                "Reads every cluster that a volume (file, opened with options) or an open drive (drive) has data in,"
                        + " decompresses those that are compressed, and tells of what cannot be read")
record NewScrub(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {NewScrub.TYPE})
        String type,

        @Nullable String id,

        @Nullable String file,
        @Nullable String drive,

        @Schema(description = DiskNamed.ABOUT_OPTIONS) @Nullable
        LayerOptions options,

        @Schema(description = "Whether what the image's snapshots have is read as well", defaultValue = "false")
        @Nullable
        Boolean snapshots,

        @Schema(description = "Whether the layers below are read as well", defaultValue = "false") @Nullable
        Boolean chain,

        @Schema(description = "The most that is read per second, 1 or more; as much as can be unless given") @Nullable
        ByteSize bytesPerSecond)
        implements NewJob {
    static final String TYPE = "scrub";

    @Override
    public JobRequest request(ImageOptions defaults) {
        DiskSource source = new DiskNamed(file, drive, options).source(defaults, "");
        boolean all = Boolean.TRUE.equals(snapshots);
        if (all
                && source instanceof DiskSource.OfVolume volume
                && volume.options().snapshot() != null) {
            throw Refusal.ofOption(
                    "snapshots", "snapshots is true, which reads all of them; leave the snapshot in options out");
        }
        if (bytesPerSecond != null && bytesPerSecond.bytes() < 1) {
            throw Refusal.ofOption(
                    "bytes-per-second", "bytes-per-second is " + bytesPerSecond.bytes() + "; it may be 1 or more");
        }
        return new JobRequest.Scrub(
                source,
                new ScrubOptions(all, Boolean.TRUE.equals(chain), bytesPerSecond == null ? 0 : bytesPerSecond.bytes()));
    }
}
