package io.cowslip.engine.image.scrub;

import io.cowslip.engine.image.layer.ImageLayer;
import java.io.IOException;

/** The scrub of one layer, in steps; see {@link DiskScrub}. Used by one thread. */
sealed interface LayerScrub permits PlainScrub, Qcow2Scrub {
    /** What is read at once. */
    int READ_BYTES = 1 << 20;

    /**
     * Goes on, within a request.
     *
     * @param layer the layer, which may have been opened anew since the last step
     * @param snapshotChanges another number since the last step means that its snapshots may be others
     * @param bytes about how much to read
     * @return whether anything is left for another step
     */
    boolean step(ImageLayer layer, long snapshotChanges, long bytes) throws IOException;

    /** Bytes of the layer's disk that were gone over; more than it has where snapshots are. */
    long doneBytes();

    /** Bytes of the layer's disk to go over, as far as it is known. */
    long totalBytes();
}
