package io.cowslip.engine.image.map;

/**
 * What one layer holds for a run of the guest's disk, and all that the next step needs: nothing is looked up twice.
 * Lengths and offsets are bytes.
 */
public sealed interface Extent {

    /** Length of the run, from where it was asked for. */
    long lengthBytes();

    /**
     * Bytes in the file.
     *
     * @param copied whether this run's clusters belong to nothing else, so that they may be written in place
     */
    record Data(long hostOffset, long lengthBytes, boolean copied) implements Extent {}

    /**
     * Zeros, whatever the layers below hold.
     *
     * @param hostOffset of the host clusters that are reserved for the run, or {@link #NO_PLACE}
     */
    record Zero(long hostOffset, long lengthBytes) implements Extent {
        static final long NO_PLACE = -1;

        /** Whether host clusters are reserved for the run. */
        public boolean hasPlace() {
            return hostOffset != NO_PLACE;
        }
    }

    /** Nothing here: the layer below answers. */
    record Hole(long lengthBytes) implements Extent {}

    /**
     * Part of one compressed cluster.
     *
     * @param hostOffset where its payload begins
     * @param payloadBytes the most that the payload can take
     * @param offsetInCluster where the run begins in the plain cluster
     */
    record Compressed(long hostOffset, int payloadBytes, int offsetInCluster, long lengthBytes) implements Extent {}
}
