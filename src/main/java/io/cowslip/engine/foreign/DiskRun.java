package io.cowslip.engine.foreign;

import io.cowslip.engine.host.HostFile;

/** A run of the disk that is alike, with all that reading it takes. */
public sealed interface DiskRun {

    long lengthBytes();

    /** Bytes of a file, as the guest has them. */
    record Data(HostFile file, long hostOffset, long lengthBytes) implements DiskRun {}

    /** Zeros by the image's own word. */
    record Zero(long lengthBytes) implements DiskRun {}

    /** Nothing that the image says anything about: zeros. */
    record Hole(long lengthBytes) implements DiskRun {}

    /** A part of something compressed. */
    record Compressed(CompressedGrain grain, int offsetInGrain, long lengthBytes) implements DiskRun {}
}
