package io.cowslip.engine.image.export;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Which clusters of an L2 table something is true of, by their numbers in the table: as runs, or as a bit for each cluster
 * where that takes less memory. Immutable.
 */
final class ClusterSet {
    private static final int OBJECT_BYTES = 48;

    /** Where runs begin and end, in ascending order; empty where there are bits. */
    private final char[] bounds;

    private final long @Nullable [] bits;

    private ClusterSet(char[] bounds, long @Nullable [] bits) {
        this.bounds = bounds;
        this.bits = bits;
    }

    /** The first cluster of the set from {@code from} on; -1: there is none. */
    int next(int from) {
        return bits == null ? nextOfRuns(from) : nextOfBits(bits, from);
    }

    private int nextOfRuns(int from) {
        int low = 0;
        int high = bounds.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (bounds[middle] > from) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        if (low == bounds.length) {
            return -1;
        }
        boolean inside = low % 2 == 1;
        return inside ? from : bounds[low];
    }

    private static int nextOfBits(long[] bits, int from) {
        int word = from / Long.SIZE;
        if (word >= bits.length) {
            return -1;
        }
        long left = bits[word] & -1L << from;
        while (left == 0) {
            word++;
            if (word == bits.length) {
                return -1;
            }
            left = bits[word];
        }
        return word * Long.SIZE + Long.numberOfTrailingZeros(left);
    }

    /** How many clusters there are. */
    int size() {
        int count = 0;
        if (bits == null) {
            for (int run = 0; run < bounds.length; run += 2) {
                count += bounds[run + 1] - bounds[run];
            }
        } else {
            for (long word : bits) {
                count += Long.bitCount(word);
            }
        }
        return count;
    }

    /** What the set takes on the heap, or a little less. */
    long memoryBytes() {
        return OBJECT_BYTES + (bits == null ? (long) bounds.length * Character.BYTES : (long) bits.length * Long.BYTES);
    }

    /** Takes clusters in ascending order, and is good for one set after the other. */
    static final class Builder {
        private final int tableClusters;
        private final char[] bounds;
        private int boundCount;
        private long @Nullable [] bits;

        /** @param tableClusters how many clusters a table maps: a multiple of 64, less than 65,536 */
        Builder(int tableClusters) {
            this.tableClusters = tableClusters;
            // More of them would take more memory than bits.
            this.bounds = new char[tableClusters / Character.SIZE];
        }

        boolean isEmpty() {
            return boundCount == 0;
        }

        /** Adds a run that begins where the last one did, or behind that. */
        void add(int from, int to) {
            if (bits != null) {
                set(bits, from, to);
            } else if (boundCount > 0 && from <= bounds[boundCount - 1]) {
                bounds[boundCount - 1] = (char) Math.max(bounds[boundCount - 1], to);
            } else if (boundCount < bounds.length) {
                bounds[boundCount++] = (char) from;
                bounds[boundCount++] = (char) to;
            } else {
                bits = new long[tableClusters / Long.SIZE];
                for (int run = 0; run < boundCount; run += 2) {
                    set(bits, bounds[run], bounds[run + 1]);
                }
                set(bits, from, to);
            }
        }

        private static void set(long[] bits, int from, int to) {
            for (int cluster = from; cluster < to; cluster++) {
                bits[cluster / Long.SIZE] |= 1L << cluster;
            }
        }

        /** What was added since the last set. */
        ClusterSet build() {
            ClusterSet set = new ClusterSet(bits == null ? Arrays.copyOf(bounds, boundCount) : new char[0], bits);
            boundCount = 0;
            bits = null;
            return set;
        }
    }
}
