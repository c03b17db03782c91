package io.cowslip.engine.image.check;

import org.jspecify.annotations.Nullable;

/**
 * One fault in an image's metadata: where it lies and what it touches.
 *
 * @param kind what is wrong
 * @param table which table holds the entry at fault
 * @param name the snapshot or bitmap that the table belongs to; null for those of the image itself
 * @param index the entry's number in its table; for a cluster's count, the cluster's number in the file; -1 where
 *     there is none
 * @param guestOffset the part of the guest's disk that is concerned, in bytes; -1 where that cannot be said
 * @param hostOffset what the entry points at, or the cluster that is counted wrong, in bytes
 * @param detail the values found, and what would be right
 */
public record CheckFinding(
        Kind kind, Table table, @Nullable String name, long index, long guestOffset, long hostOffset, String detail) {

    /** What can be wrong. */
    public enum Kind {
        /** A cluster is counted and used by nothing, or counted more often than it is used: space is lost, no more. */
        LEAK,
        /** A cluster is used more often than it is counted: it may be overwritten. */
        REFCOUNT_TOO_LOW,
        /** A cluster is used more often than a refcount of this width can say. */
        REFCOUNT_OVERFLOW,
        /** A refcount cannot be found out, since its block cannot be reached. */
        REFCOUNT_UNKNOWN,
        /** The COPIED flag contradicts the refcount, so that a shared cluster may be changed in place. */
        COPIED_FLAG,
        /** Bits are set that must be 0. */
        RESERVED_BITS,
        /** An offset is not that of a cluster. */
        NOT_ALIGNED,
        /** An offset lies past the end of the file. */
        OUTSIDE_FILE,
        /** A cluster of the refcount structures is used by something else as well. */
        SHARED_REFCOUNT_BLOCK,
        /** The bitmap of an extended L2 entry contradicts itself or the entry. */
        SUBCLUSTERS,
        /** A compressed cluster where there can be none: beside an external data file. */
        COMPRESSED,
        /** An entry of the snapshot table is not as it must be. */
        SNAPSHOT,
        /** The directory of bitmaps, or an entry in it, is not as it must be. */
        BITMAP
    }

    /** Tables of the format. */
    public enum Table {
        HEADER,
        L1,
        L2,
        REFCOUNT_TABLE,
        REFCOUNT_BLOCK,
        SNAPSHOT_TABLE,
        BITMAP_DIRECTORY,
        BITMAP_TABLE
    }
}
