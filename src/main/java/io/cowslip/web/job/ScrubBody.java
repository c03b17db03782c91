package io.cowslip.web.job;

import io.cowslip.drive.volume.Volumes;
import io.cowslip.engine.image.scrub.ScrubFinding;
import io.cowslip.engine.image.scrub.ScrubReport;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What a scrub read, and what it could not read. */
@Schema(name = "ScrubResult", description = "What a scrub read, and what it could not read")
record ScrubBody(
        @Schema(description = "Clusters that were read, each once for all snapshots that share it")
        long clusters,

        @Schema(description = "How many of these were decompressed")
        long compressedClusters,

        @Schema(description = "Bytes of the files that were read, tables left out")
        long bytes,

        @Schema(description = "How many findings there are in all; 0 where everything was read")
        long unreadable,

        @Schema(description = "Bytes of disks that they are about")
        long unreadableBytes,

        @Schema(description = "What could not be read, the first 1000, in the order of the layers and their disks")
        List<Finding> findings,

        @Schema(description = "Findings that the list has no room for")
        long findingsOmitted) {

    /** Bytes that could not be read. */
    @Schema(name = "ScrubFinding", description = "Bytes of a disk that could not be read")
    record Finding(
            @Schema(
                    allowableValues = {"unreadable", "undecodable", "outside-file", "unsound-entry", "unreadable-table"
                    })
            String kind,

            @Schema(description = "Where they should be") String filename,

            @Schema(description = "How far down the chain the layer lies whose disk they are of")
            int depth,

            long guestOffset,
            long length,

            @Schema(
                    description =
                            "Where in the file they should be, or the table that leads to them; absent where nobody can say")
            @Nullable
            Long hostOffset,

            @Schema(description = "Whether the disk as it is open has them")
            boolean active,

            @Schema(description = "Snapshots that have them, the first 100 at most")
            List<String> snapshots,

            String detail) {

        static Finding of(ScrubFinding finding, Volumes volumes) {
            return new Finding(
                    finding.kind().name().toLowerCase(Locale.ROOT).replace('_', '-'),
                    volumes.relativeName(finding.file()),
                    finding.depth(),
                    finding.guestOffset(),
                    finding.lengthBytes(),
                    finding.hostOffset() < 0 ? null : finding.hostOffset(),
                    finding.active(),
                    finding.snapshots(),
                    finding.detail());
        }
    }

    static ScrubBody of(ScrubReport report, Volumes volumes) {
        return new ScrubBody(
                report.clusters(),
                report.compressedClusters(),
                report.bytes(),
                report.unreadable(),
                report.unreadableBytes(),
                report.findings().stream()
                        .map(finding -> Finding.of(finding, volumes))
                        .toList(),
                report.findingsOmitted());
    }
}
