package io.cowslip.engine.image.scrub;

import java.util.List;

/**
 * What a scrub read, and what it could not read.
 *
 * @param clusters host clusters and compressed clusters that were read, each once for all that share it
 * @param compressedClusters how many of these were decompressed
 * @param bytes of the files that were read, tables left out
 * @param unreadable how many findings there are, those included that the list has no room for
 * @param unreadableBytes bytes of disks that these are about
 * @param findings in the order of layers and of their disks
 */
public record ScrubReport(
        long clusters,
        long compressedClusters,
        long bytes,
        long unreadable,
        long unreadableBytes,
        List<ScrubFinding> findings) {
    public ScrubReport {
        findings = List.copyOf(findings);
    }

    /** Findings that the list has no room for. */
    public long findingsOmitted() {
        return unreadable - findings.size();
    }
}
