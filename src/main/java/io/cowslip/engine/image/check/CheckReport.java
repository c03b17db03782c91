package io.cowslip.engine.image.check;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a check found, counted as {@code qemu-img check} counts. After a repair these are the counts of the check that
 * follows it.
 *
 * @param checkErrors refcounts and tables that could not be read; what they say is not checked
 * @param imageEndOffset end of the last cluster of the file that is used or counted, in bytes
 * @param totalClusters clusters of the guest's disk
 * @param allocatedClusters those that have a place in the file
 * @param fragmentedClusters those that do not lie behind the cluster before, compressed ones included
 * @param compressedClusters those that are compressed
 * @param corruptions faults that may cost data
 * @param leaks clusters counted more often than used
 * @param corruptionsFixed corruptions repaired
 * @param leaksFixed leaks repaired
 * @param findings the faults, those that may cost data first; a bounded number of them
 * @param findingsOmitted faults that the list has no room for
 * @param unrepaired why a repair has left something that it was asked to repair, and what would help; null where it has
 *     not
 */
public record CheckReport(
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
        List<CheckFinding> findings,
        long findingsOmitted,
        @Nullable String unrepaired) {

    public CheckReport {
        findings = List.copyOf(findings);
    }

    /** Whether nothing at all is wrong. */
    public boolean isClean() {
        return checkErrors == 0 && corruptions == 0 && leaks == 0;
    }

    CheckReport afterRepair(long corruptionsRepaired, long leaksRepaired, @Nullable String left) {
        return new CheckReport(
                checkErrors,
                imageEndOffset,
                totalClusters,
                allocatedClusters,
                fragmentedClusters,
                compressedClusters,
                corruptions,
                leaks,
                corruptionsRepaired,
                leaksRepaired,
                findings,
                findingsOmitted,
                left);
    }
}
