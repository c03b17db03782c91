package io.cowslip.engine.image.map;

import io.cowslip.engine.format.ExtendedL2Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.SubclusterBitmap;

/**
 * What a write does to the subclusters of one cluster. Those that it touches come into the host cluster, and those that
 * a former host cluster had have to come along; all others stay what they are, so a write of whole subclusters copies
 * nothing.
 *
 * @param copied subclusters that have to be in the host cluster and are not, as bits 0 to 31: what the write does not
 *     cover of them is copied
 * @param bitmap the cluster's bitmap afterwards
 */
public record SubclusterPlan(long copied, long bitmap) {

    /**
     * The plan for a cluster.
     *
     * @param now its entry as it stands
     * @param own whether it keeps its host cluster
     * @param touched the subclusters that the write touches, as bits 0 to 31
     */
    public static SubclusterPlan of(ExtendedL2Entry now, boolean own, long touched) {
        if (L2Entry.isCompressed(now.descriptor())) {
            return new SubclusterPlan(SubclusterBitmap.ALL_ALLOCATED, SubclusterBitmap.ALL_ALLOCATED);
        }
        long held = SubclusterBitmap.allocated(now.bitmap());
        return new SubclusterPlan(
                own ? touched & ~held : touched | held, SubclusterBitmap.withAllocated(now.bitmap(), touched));
    }
}
