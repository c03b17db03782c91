package io.cowslip.web.job;

import io.cowslip.engine.image.create.ImageMeasure;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * What a new volume will take, with the keys of {@code qemu-img measure --output=json}.
 *
 * @param bitmaps absent where either side can have none
 */
@Schema(name = "MeasureResult", description = "What a new volume will take, with the keys of qemu-img measure")
record MeasureBody(
        @Schema(description = "Bytes that the volume takes once it reads like the disk")
        long required,

        @Schema(description = "Bytes that it takes once all of its disk is written")
        long fullyAllocated,

        @Schema(description = "Bytes that the persistent bitmaps of the disk take besides") @Nullable
        Long bitmaps) {

    static MeasureBody of(ImageMeasure measure) {
        return new MeasureBody(measure.requiredBytes(), measure.fullyAllocatedBytes(), measure.bitmapsBytes());
    }
}
