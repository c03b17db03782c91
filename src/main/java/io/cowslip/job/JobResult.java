package io.cowslip.job;

import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.convert.DiskCompaction;
import io.cowslip.engine.image.convert.DiskComparison;
import io.cowslip.engine.image.convert.DiskMap;
import io.cowslip.engine.image.create.ImageMeasure;
import io.cowslip.engine.image.scrub.ScrubReport;
import java.util.List;

/** What came of a job that completed. */
public sealed interface JobResult {

    /**
     * Of a check.
     *
     * @param file the image, relative to the image root
     */
    record Checked(String file, CheckReport report) implements JobResult {}

    /**
     * Of a job that completed before the service's last start.
     *
     * @param text as {@link JobTexts#result} has it
     */
    record Stored(String text) implements JobResult {}

    /** Of a comparison. */
    record Compared(DiskComparison.Outcome outcome) implements JobResult {}

    /**
     * Of what changed a volume.
     *
     * @param chain the volume's facts as they are now, and those of the chain below it
     */
    record Changed(List<ImageInfo> chain) implements JobResult {}

    /** Of a compaction. */
    record Compacted(DiskCompaction.Outcome outcome) implements JobResult {}

    /** Of a measurement. */
    record Measured(ImageMeasure measure) implements JobResult {}

    /** Of a scrub. */
    record Scrubbed(ScrubReport report) implements JobResult {}

    /** Of a map. */
    record Mapped(DiskMap map) implements JobResult {}

    /**
     * Of a conversion or an import.
     *
     * @param chain the new volume's facts and those of the chain below it
     */
    record Converted(List<ImageInfo> chain) implements JobResult {}
}
