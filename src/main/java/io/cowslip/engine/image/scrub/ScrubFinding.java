package io.cowslip.engine.image.scrub;

import java.nio.file.Path;
import java.util.List;

/**
 * Bytes of a disk that a scrub could not read.
 *
 * @param file where they should be, which may be an external data file
 * @param depth how far down the chain the image lies whose disk they are of; 0 is the image itself
 * @param guestOffset where on that image's disk they begin
 * @param lengthBytes how many they are
 * @param hostOffset where in {@code file} they should be, or the table that leads to them; negative: nobody can say
 * @param active whether the disk as it is open has them
 * @param snapshots names of snapshots that have them, ids where a snapshot has no name, the first {@link #MAX_SNAPSHOTS}
 *     at most
 * @param detail what went wrong, without the file's name
 */
public record ScrubFinding(
        Kind kind,
        Path file,
        int depth,
        long guestOffset,
        long lengthBytes,
        long hostOffset,
        boolean active,
        List<String> snapshots,
        String detail) {
    /** The most snapshots that a finding names. */
    static final int MAX_SNAPSHOTS = 100;

    public ScrubFinding {
        snapshots = List.copyOf(snapshots);
    }

    /** Why bytes cannot be read. */
    public enum Kind {
        /** The host refuses to read them. */
        UNREADABLE,
        /** What is there cannot be decompressed. */
        UNDECODABLE,
        /** The file ends before them. */
        OUTSIDE_FILE,
        /** What the image says of the cluster makes no sense. */
        UNSOUND_ENTRY,
        /** The table that leads to them cannot be read. */
        UNREADABLE_TABLE
    }
}
