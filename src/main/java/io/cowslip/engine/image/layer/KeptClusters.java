package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.alloc.MetadataOverlap;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.image.map.DataStore;
import io.cowslip.engine.image.map.PassedDiscards;

/**
 * Clusters that the guest discards and that keep their place: they read as zeros by their entry, and what they took on
 * the host is given back if that is asked for. Only clusters that nothing else refers to. Under the metadata lock.
 */
record KeptClusters(DataStore data, MetadataOverlap overlap, ImageGeometry geometry, PassedDiscards passedDiscards) {

    /** Whether the cluster of this entry keeps its place. */
    boolean keeps(long entry) {
        return passedDiscards.keepsClusters() && !L2Entry.isCompressed(entry) && L2Entry.isCopied(entry);
    }

    /**
     * Refuses a place that metadata has.
     *
     * @throws ImageException CORRUPT
     */
    void requireNoMetadataIn(long entry) throws ImageException {
        if (!data.isExternal()) {
            overlap.requireNoneIn(L2Entry.hostOffset(entry), geometry.clusterBytes(), null);
        }
    }

    /**
     * Gives back what the cluster takes on the host. The entry that says so may not have reached the file yet: a crash
     * then leaves zeros where the guest discarded. In an encrypted image it would leave noise, so that keeps its space.
     */
    void punch(long entry) {
        if (passedDiscards.request() && data.encrypted() == null) {
            data.punchWherePossible(L2Entry.hostOffset(entry), geometry.clusterBytes());
        }
    }
}
