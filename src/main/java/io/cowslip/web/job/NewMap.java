package io.cowslip.web.job;

import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.json.ByteSize;
import io.cowslip.web.json.LayerOptions;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A map to be made of a disk and the chain below it.
 *
 * @param type {@code map}
 * @param id the job's name; made up where not given
 * @param file the volume, relative to the image root
 * @param drive the open drive
 * @param options how the volume is opened
 * @param start where to begin, in bytes
 * @param length how far to go, in bytes
 * @param limit the most extents
 */
@Schema(
        name = "NewMap",
        description =
                "Maps a volume (file, opened with options) or an open drive (drive) and the chain below it, as qemu-img map"
                        + " does: so many extents at most, with the place where the next map is to begin")
record NewMap(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {NewMap.TYPE})
        String type,

        @Nullable String id,

        @Nullable String file,
        @Nullable String drive,

        @Schema(description = DiskNamed.ABOUT_OPTIONS) @Nullable
        LayerOptions options,

        @Schema(description = "Where to begin; 0 unless given") @Nullable
        ByteSize start,

        @Schema(description = "How far to go; to the end unless given") @Nullable
        ByteSize length,

        @Schema(description = "The most extents, 1 to 10000", defaultValue = "10000") @Nullable
        Integer limit)
        implements NewJob {
    static final String TYPE = "map";

    /** A job keeps its result in memory until it is forgotten. */
    private static final int MAX_EXTENTS = 10_000;

    @Override
    public JobRequest request(ImageOptions defaults) {
        int most = limit == null ? MAX_EXTENTS : limit;
        if (most < 1 || most > MAX_EXTENTS) {
            throw Refusal.ofOption("limit", "limit is " + most + "; it may be 1 to " + MAX_EXTENTS);
        }
        return new JobRequest.MapDisk(
                new DiskNamed(file, drive, options).source(defaults, ""),
                start == null ? 0 : start.bytes(),
                length == null ? Long.MAX_VALUE : length.bytes(),
                most);
    }
}
