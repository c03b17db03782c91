package io.cowslip.web.drive;

import io.cowslip.engine.image.bitmap.BitmapInfo;
import io.cowslip.web.json.ByteSize;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A dirty bitmap as it is shown.
 *
 * @param granularity bytes of the disk that one bit stands for
 * @param disabled whether changes of the disk are not marked
 * @param inconsistent whether it was not saved by who had it last, so that it can only be deleted
 * @param count bytes of the disk that are marked; absent in lists and of an inconsistent one
 */
@Schema(name = "Bitmap", description = "A persistent dirty bitmap of a drive's image")
record BitmapBody(
        String name,
        long granularity,
        boolean disabled,
        boolean inconsistent,
        @Nullable Long count) {
    static BitmapBody of(BitmapInfo bitmap, @Nullable Long count) {
        return new BitmapBody(
                bitmap.name(), bitmap.granularityBytes(), !bitmap.enabled(), bitmap.inconsistent(), count);
    }

    /** What POST takes. */
    @Schema(name = "NewBitmap")
    record New(
            @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
            String name,

            @Nullable ByteSize granularity,
            @Nullable Boolean disabled) {}

    /** What PATCH takes. */
    @Schema(name = "BitmapPatch")
    record Patch(
            @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
            Boolean disabled) {}

    /** What merging takes. */
    @Schema(name = "BitmapMerge")
    record Merge(
            @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
            List<String> sources) {}
}
