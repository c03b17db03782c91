package io.cowslip.web.job;

import io.cowslip.engine.image.convert.DiskComparison;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * What a comparison found.
 *
 * @param firstDifference absent where the disks are identical
 */
@Schema(name = "ComparisonResult", description = "What a comparison found")
record ComparisonBody(
        boolean identical,

        @Schema(description = "Offset of the first byte that is not the same") @Nullable
        Long firstDifference,

        boolean sameSize) {

    static ComparisonBody of(DiskComparison.Outcome outcome) {
        return new ComparisonBody(
                outcome.identical(), outcome.identical() ? null : outcome.firstDifference(), outcome.sameSize());
    }
}
