package io.cowslip.engine.image.map;

import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.SubclusterBitmap;

/**
 * Whether two L2 entries of one guest cluster, of two states of a disk that both exist, can stand for different bytes.
 * While two states lead to the same host cluster its refcount is 2 or more, so nobody writes to it in place: the same
 * place means the same bytes (qcow2 specification, "Cluster mapping" and "Snapshots"). An entry that makes no sense is
 * the same as itself and differs from everything else.
 *
 * @param geometry the image's
 * @param version 2 or 3
 * @param backedBytes how much of the disk the layer below has; 0 where there is none
 */
public record EntryComparison(ImageGeometry geometry, int version, long backedBytes) {

    /** Where a piece of a cluster reads from. */
    public enum Source {
        /** Nowhere: it reads as zeros. */
        ZEROS,
        /** From the layer below. */
        BELOW,
        /** From a host cluster of the image. */
        IMAGE
    }

    /** Bytes of the guest's disk that one state of an entry is about: a cluster, or a subcluster where there are any. */
    public int pieceBits() {
        return geometry.extendedL2() ? geometry.subclusterBits() : geometry.clusterBits();
    }

    /**
     * Where the piece at {@code guestOffset} reads from.
     *
     * @param entry the entry of its cluster
     * @param bitmap the entry's second word; 0 where there is none
     */
    public Source source(long entry, long bitmap, long guestOffset) {
        if (L2Entry.isCompressed(entry) || !isSound(entry, bitmap)) {
            return Source.IMAGE;
        }
        boolean zero = L2Entry.isZero(entry);
        boolean allocated = L2Entry.hostOffset(entry) != 0;
        if (geometry.extendedL2()) {
            int subcluster = geometry.subcluster(guestOffset);
            zero = SubclusterBitmap.isZero(bitmap, subcluster);
            allocated = SubclusterBitmap.isAllocated(bitmap, subcluster);
        }
        if (zero) {
            return Source.ZEROS;
        }
        if (allocated) {
            return Source.IMAGE;
        }
        return guestOffset < backedBytes ? Source.BELOW : Source.ZEROS;
    }

    /** Whether the piece at {@code guestOffset} may read differently by the two entries. */
    public boolean mayDiffer(long entry, long bitmap, long other, long otherBitmap, long guestOffset) {
        if (((entry ^ other) & ~L2Entry.COPIED) == 0 && bitmap == otherBitmap) {
            return false;
        }
        Source source = source(entry, bitmap, guestOffset);
        if (source != source(other, otherBitmap, guestOffset)) {
            return true;
        }
        return source == Source.IMAGE
                && !(isSoundAndPlain(entry, bitmap)
                        && isSoundAndPlain(other, otherBitmap)
                        && L2Entry.hostOffset(entry) == L2Entry.hostOffset(other));
    }

    private boolean isSoundAndPlain(long entry, long bitmap) {
        return !L2Entry.isCompressed(entry) && isSound(entry, bitmap);
    }

    private boolean isSound(long entry, long bitmap) {
        if (!L2Entry.reservedBitsAreClear(entry, version) || geometry.offsetInCluster(L2Entry.hostOffset(entry)) != 0) {
            return false;
        }
        return !geometry.extendedL2()
                || (!L2Entry.isZero(entry)
                        && SubclusterBitmap.isValid(bitmap)
                        && (L2Entry.hostOffset(entry) != 0 || SubclusterBitmap.allocated(bitmap) == 0));
    }
}
