package io.cowslip.engine.image.check;

import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.L2Entry;

/**
 * What an L2 entry of one image may say (qcow2 specification, "L2 table entry" and "Extended L2 Entries"), and what it
 * is made to say where it may not. Static facts only: whether counts agree is another matter.
 *
 * @param geometry the image's
 * @param version 2 or 3
 * @param dataFile whether guest data lies in another file
 * @param fileSizeBytes size of the file that the entries point into
 */
record L2EntryRules(ImageGeometry geometry, int version, boolean dataFile, long fileSizeBytes) {
    /** Faults, to be combined. */
    static final int RESERVED_BITS = 1;

    static final int NOT_ALIGNED = 1 << 1;
    static final int OUTSIDE_FILE = 1 << 2;
    static final int SUBCLUSTERS = 1 << 3;
    static final int COPIED_COMPRESSED = 1 << 4;
    static final int COMPRESSED_FORBIDDEN = 1 << 5;

    /** Bits that mean nothing. Bit 0 counts as the zero flag everywhere, as QEMU has it. */
    private static final long RESERVED = ~(L2Entry.COPIED | L2Entry.COMPRESSED | L2Entry.OFFSET_MASK | L2Entry.ZERO);

    private static final long ALLOCATED_SUBCLUSTERS = 0xFFFF_FFFFL;

    static L2EntryRules of(ImageHeader header, long fileSizeBytes) {
        return new L2EntryRules(
                header.geometry(), header.version(), header.features().externalDataFile(), fileSizeBytes);
    }

    /** What a cluster is, whatever else is wrong with its entry. */
    enum Type {
        UNALLOCATED,
        ZERO,
        DATA,
        COMPRESSED
    }

    Type type(long entry) {
        if (L2Entry.isCompressed(entry)) {
            return Type.COMPRESSED;
        }
        if (L2Entry.hostOffset(entry) != 0) {
            return Type.DATA;
        }
        if (L2Entry.isZero(entry) && !geometry.extendedL2()) {
            return Type.ZERO;
        }
        // The first cluster of an external data file lies at 0.
        return dataFile && L2Entry.isCopied(entry) ? Type.DATA : Type.UNALLOCATED;
    }

    /** Whether the entry takes space in the file, as far as it makes sense at all. */
    boolean usesSpace(long entry, int faults) {
        return !dataFile && (faults & (COMPRESSED_FORBIDDEN | OUTSIDE_FILE)) == 0;
    }

    /** All faults of an entry; {@code bitmap} is 0 without extended L2 entries. */
    int faults(long entry, long bitmap) {
        if (L2Entry.isCompressed(entry)) {
            return compressedFaults(entry, bitmap);
        }
        int faults = (entry & RESERVED) == 0 ? 0 : RESERVED_BITS;
        if (type(entry) != Type.DATA) {
            return (bitmap & ALLOCATED_SUBCLUSTERS) == 0 ? faults : faults | SUBCLUSTERS;
        }
        if ((bitmap >>> 32 & bitmap) != 0) {
            faults |= SUBCLUSTERS;
        }
        long hostOffset = L2Entry.hostOffset(entry);
        if (geometry.offsetInCluster(hostOffset) != 0) {
            faults |= NOT_ALIGNED;
        }
        if (!dataFile && isOutside(hostOffset, geometry.clusterBytes())) {
            faults |= OUTSIDE_FILE;
        }
        return faults;
    }

    private int compressedFaults(long entry, long bitmap) {
        int faults = L2Entry.isCopied(entry) ? COPIED_COMPRESSED : 0;
        if (dataFile || bitmap != 0) {
            return faults | COMPRESSED_FORBIDDEN;
        }
        return isOutside(
                        L2Entry.compressedHostOffset(entry, geometry.clusterBits()),
                        L2Entry.compressedPayloadBytes(entry, geometry.clusterBits()))
                ? faults | OUTSIDE_FILE
                : faults;
    }

    /** The file's last cluster may be cut short, so a range may reach past the end by less than a cluster. */
    boolean isOutside(long hostOffset, long lengthBytes) {
        return hostOffset - fileSizeBytes >= geometry.clusterBytes() - lengthBytes;
    }

    /**
     * The entry as a repair leaves it. A cluster whose place is lost reads as zeros, where the format can say so; what
     * can be kept is.
     */
    long repaired(long entry, int faults) {
        if (isLost(faults)) {
            return version == 2 || geometry.extendedL2() ? 0 : L2Entry.ZERO;
        }
        long kept = (faults & COPIED_COMPRESSED) == 0 ? entry : entry & ~L2Entry.COPIED;
        return (faults & RESERVED_BITS) == 0 ? kept : kept & ~RESERVED;
    }

    /** The subcluster bitmap that goes with it. Subclusters that are both allocated and zero become zero. */
    long repairedBitmap(long entry, long bitmap, int faults) {
        if (isLost(faults)) {
            return ~ALLOCATED_SUBCLUSTERS;
        }
        if ((faults & SUBCLUSTERS) == 0) {
            return bitmap;
        }
        return type(entry) == Type.DATA ? bitmap & ~(bitmap >>> 32) : bitmap & ~ALLOCATED_SUBCLUSTERS;
    }

    private static boolean isLost(int faults) {
        return (faults & (NOT_ALIGNED | OUTSIDE_FILE | COMPRESSED_FORBIDDEN)) != 0;
    }
}
