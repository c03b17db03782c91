package io.cowslip.drive.volume;

/**
 * What a volume takes.
 *
 * @param virtualSizeBytes size of its disk
 * @param allocatedBytes what it, all volumes below it and their data files take on the host
 * @param exclusiveBytes what of that the volume takes itself, with its data file
 */
public record DiskUsage(long virtualSizeBytes, long allocatedBytes, long exclusiveBytes) {}
