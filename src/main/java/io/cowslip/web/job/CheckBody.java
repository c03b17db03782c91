package io.cowslip.web.job;

import io.cowslip.engine.image.check.CheckFinding;
import io.cowslip.engine.image.check.CheckReport;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What a check found, with the keys of {@code qemu-img check --output=json}; counts that are 0 are there too.
 *
 * @param filename relative to the image root
 */
@Schema(name = "CheckResult", description = "What a check found, with the keys of qemu-img check --output=json")
record CheckBody(
        String filename,
        String format,
        long checkErrors,
        long imageEndOffset,
        long totalClusters,
        long allocatedClusters,
        long fragmentedClusters,
        long compressedClusters,
        long corruptions,
        long leaks,
        long corruptionsFixed,
        long leaksFixed,
        List<Finding> findings,

        @Schema(description = "Faults that the list has no room for")
        long findingsOmitted,

        @Schema(description = "Why a repair has left something that it was asked to repair, and what would help")
        @Nullable
        String unrepaired) {

    /** One fault. */
    @Schema(name = "CheckFinding", description = "One fault: where it lies, and what it touches")
    record Finding(
            String kind,
            String table,

            @Schema(description = "The snapshot or bitmap whose table it is") @Nullable
            String name,

            @Schema(description = "The entry's number in its table; for a refcount, the cluster's in the file")
            @Nullable
            Long index,

            @Nullable Long guestOffset,
            long hostOffset,
            String detail) {

        static Finding of(CheckFinding finding) {
            return new Finding(
                    wireName(finding.kind()),
                    wireName(finding.table()),
                    finding.name(),
                    known(finding.index()),
                    known(finding.guestOffset()),
                    finding.hostOffset(),
                    finding.detail());
        }

        private static @Nullable Long known(long value) {
            return value < 0 ? null : value;
        }
    }

    static CheckBody of(String file, CheckReport report) {
        return new CheckBody(
                file,
                "qcow2",
                report.checkErrors(),
                report.imageEndOffset(),
                report.totalClusters(),
                report.allocatedClusters(),
                report.fragmentedClusters(),
                report.compressedClusters(),
                report.corruptions(),
                report.leaks(),
                report.corruptionsFixed(),
                report.leaksFixed(),
                report.findings().stream().map(Finding::of).toList(),
                report.findingsOmitted(),
                report.unrepaired());
    }

    private static String wireName(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
