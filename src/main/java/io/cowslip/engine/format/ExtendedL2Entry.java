package io.cowslip.engine.format;

/**
 * An L2 entry of an image with subclusters (qcow2 specification, "Extended L2 Entries").
 *
 * @param descriptor where the cluster is, as {@link L2Entry} reads it; its zero flag is never set
 * @param bitmap what each of the cluster's 32 parts is, as {@link SubclusterBitmap} reads it
 */
public record ExtendedL2Entry(long descriptor, long bitmap) {
    /** A cluster of which nothing is known here: the layer below has it. */
    public static final ExtendedL2Entry NONE = new ExtendedL2Entry(0, 0);

    /** A cluster that reads as zeros and has no place. */
    public static final ExtendedL2Entry ZERO = new ExtendedL2Entry(0, SubclusterBitmap.ALL_ZERO);

    /** The same cluster with its parts in other states. */
    public ExtendedL2Entry withBitmap(long other) {
        return new ExtendedL2Entry(descriptor, other);
    }
}
