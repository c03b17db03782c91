package io.cowslip.engine.image.map;

import io.cowslip.engine.cache.L2SliceCache;
import io.cowslip.engine.format.ExtendedL2Entry;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.SubclusterBitmap;
import java.io.IOException;

/**
 * What {@link ClusterMap} answers where L2 entries are extended (qcow2 specification, "Extended L2 Entries"): runs of
 * subclusters that are in one state, across clusters where they follow each other in the file. Any thread, without a lock
 * while the slices are cached.
 */
record SubclusterRuns(ClusterMap map, ImageGeometry geometry) {

    /** The run that begins at {@code guestOffset}, whose L2 table is there. */
    Extent extentAt(L2SliceCache cache, long guestOffset, long maxLengthBytes) throws IOException {
        long cluster = guestOffset >>> geometry.clusterBits();
        long inCluster = geometry.offsetInCluster(guestOffset);
        ExtendedL2Entry entry = map.soundEntry(cache, cluster);
        if (L2Entry.isCompressed(entry.descriptor())) {
            long length = Math.min(maxLengthBytes, geometry.clusterBytes() - inCluster);
            return map.extent(entry.descriptor(), inCluster, length);
        }
        int first = geometry.subcluster(guestOffset);
        int end = first + SubclusterBitmap.alikeFrom(entry.bitmap(), first);
        long length = ((long) end << geometry.subclusterBits()) - inCluster;
        if (end == SubclusterBitmap.SUBCLUSTERS && length < maxLengthBytes) {
            length += following(cache, cluster, entry, maxLengthBytes - length);
        }
        return extent(entry, first, inCluster, Math.min(length, maxLengthBytes));
    }

    /** How many bytes behind {@code cluster} go on like its last subcluster; more than {@code most} need not be found. */
    private long following(L2SliceCache cache, long cluster, ExtendedL2Entry entry, long most) throws IOException {
        int last = SubclusterBitmap.SUBCLUSTERS - 1;
        boolean data = SubclusterBitmap.isAllocated(entry.bitmap(), last);
        boolean zero = SubclusterBitmap.isZero(entry.bitmap(), last);
        long found = 0;
        for (long next = cluster + 1; found < most && map.hasTable(next); next++) {
            ExtendedL2Entry following = map.soundEntry(cache, next);
            long descriptor = following.descriptor();
            boolean alike = SubclusterBitmap.isAllocated(following.bitmap(), 0) == data
                    && SubclusterBitmap.isZero(following.bitmap(), 0) == zero
                    && !L2Entry.isCompressed(descriptor);
            if (!alike || ((data || zero) && descriptor != descriptorAfter(entry.descriptor(), next - cluster))) {
                break;
            }
            int run = SubclusterBitmap.alikeFrom(following.bitmap(), 0);
            found += (long) run << geometry.subclusterBits();
            if (run < SubclusterBitmap.SUBCLUSTERS) {
                break;
            }
        }
        return found;
    }

    /** What the entry so many clusters on says where the places go on too: without one, it is the same. */
    private long descriptorAfter(long descriptor, long clusters) {
        return map.hasPlace(descriptor) ? descriptor + (clusters << geometry.clusterBits()) : descriptor;
    }

    private Extent extent(ExtendedL2Entry entry, int subcluster, long inCluster, long length) {
        long descriptor = entry.descriptor();
        long hostOffset = L2Entry.hostOffset(descriptor) + inCluster;
        if (SubclusterBitmap.isAllocated(entry.bitmap(), subcluster)) {
            return new Extent.Data(hostOffset, length, L2Entry.isCopied(descriptor));
        }
        return SubclusterBitmap.isZero(entry.bitmap(), subcluster)
                ? new Extent.Zero(map.hasPlace(descriptor) ? hostOffset : Extent.Zero.NO_PLACE, length)
                : new Extent.Hole(length);
    }
}
