package io.cowslip.drive.work;

/**
 * What a scrub reads, and how fast.
 *
 * @param snapshots whether what the image's snapshots have is read as well
 * @param chain whether the layers below are read as well
 * @param bytesPerSecond how much of the files is read per second at most; 0 is as much as there is to be had
 */
public record ScrubOptions(boolean snapshots, boolean chain, long bytesPerSecond) {}
