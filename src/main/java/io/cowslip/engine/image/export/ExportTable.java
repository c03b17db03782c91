package io.cowslip.engine.image.export;

import org.jspecify.annotations.Nullable;

/**
 * What one L2 table of an exported image maps: which of its clusters hold data, how long those are that are compressed,
 * and how much comes before it. Placed while the export is planned, and not changed any more.
 */
final class ExportTable {
    private static final int PLAIN = 0;

    /** The object, its place in lists, and an array's own bytes. */
    private static final int OBJECT_BYTES = 96;

    private final int l1Index;
    private final ClusterSet data;
    private final char @Nullable [] packedLengths;
    private long plainBefore;
    private long packedBytesBefore;

    /** @param packedLengths of the clusters with data, in their order; 0 is one that stays plain. Null: all do */
    ExportTable(int l1Index, ClusterSet data, char @Nullable [] packedLengths) {
        this.l1Index = l1Index;
        this.data = data;
        this.packedLengths = packedLengths;
    }

    /** What such a table takes on the heap. */
    static long memoryBytes(ClusterSet data, int packedClusters) {
        return OBJECT_BYTES + data.memoryBytes() + (long) packedClusters * Character.BYTES;
    }

    int l1Index() {
        return l1Index;
    }

    /** The first cluster from {@code from} on that holds data; -1: there is none. */
    int nextData(int from) {
        return data.next(from);
    }

    int dataClusters() {
        return data.size();
    }

    /** Bytes that the compressed cluster takes, by its number among those with data; 0: it is plain. */
    int packedLength(int ordinal) {
        return packedLengths == null ? PLAIN : packedLengths[ordinal];
    }

    int plainClusters() {
        if (packedLengths == null) {
            return dataClusters();
        }
        int plain = 0;
        for (char length : packedLengths) {
            plain += length == PLAIN ? 1 : 0;
        }
        return plain;
    }

    /** Bytes that all compressed clusters take. */
    long packedBytes() {
        long bytes = 0;
        if (packedLengths != null) {
            for (char length : packedLengths) {
                bytes += length;
            }
        }
        return bytes;
    }

    /** Notes what the tables before come to. */
    void place(long plainClusters, long packedBytes) {
        plainBefore = plainClusters;
        packedBytesBefore = packedBytes;
    }

    /** Plain clusters of the tables before. */
    long plainBefore() {
        return plainBefore;
    }

    /** Bytes of compressed clusters of the tables before. */
    long packedBytesBefore() {
        return packedBytesBefore;
    }
}
