package io.cowslip.web.job;

import io.cowslip.engine.image.convert.DiskCompaction;
import io.swagger.v3.oas.annotations.media.Schema;

/** What a compaction gave back. */
@Schema(name = "CompactionResult", description = "What a volume took before and after, its data file included")
record CompactionBody(
        @Schema(description = "Length of the file in bytes") long fileSizeBefore,

        long fileSizeAfter,

        @Schema(description = "Bytes that it took on the host")
        long actualSizeBefore,

        long actualSizeAfter) {

    static CompactionBody of(DiskCompaction.Outcome outcome) {
        return new CompactionBody(
                outcome.fileBytesBefore(),
                outcome.fileBytesAfter(),
                outcome.actualBytesBefore(),
                outcome.actualBytesAfter());
    }
}
