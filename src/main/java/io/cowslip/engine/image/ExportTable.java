package io.cowslip.engine.image;

import org.jspecify.annotations.Nullable;

/**
 * What one L2 table of an exported image maps: which of its clusters hold data, how long those are that are compressed,
 * and how much comes before it. Changed only while the export is planned.
 */
final class ExportTable {
    private static final int PLAIN = 0;

    private final int l1Index;
    private final long[] data;
    private char @Nullable [] packedLengths;
    private long plainBefore;
    private long packedBytesBefore;

    /** @param clusters how many clusters the table maps; a multiple of 64 */
    ExportTable(int l1Index, int clusters) {
        this.l1Index = l1Index;
        this.data = new long[clusters / Long.SIZE];
    }

    int l1Index() {
        return l1Index;
    }

    void setData(int from, int to) {
        for (int index = from; index < to; index++) {
            data[index / Long.SIZE] |= 1L << index;
        }
    }

    void clearData(int index) {
        data[index / Long.SIZE] &= ~(1L << index);
    }

    /** The first cluster from {@code from} on that holds data; -1: there is none. */
    int nextData(int from) {
        int word = from / Long.SIZE;
        if (word >= data.length) {
            return -1;
        }
        long bits = data[word] & -1L << from;
        while (bits == 0) {
            word++;
            if (word == data.length) {
                return -1;
            }
            bits = data[word];
        }
        return word * Long.SIZE + Long.numberOfTrailingZeros(bits);
    }

    int dataClusters() {
        int count = 0;
        for (long word : data) {
            count += Long.bitCount(word);
        }
        return count;
    }

    /** Notes the lengths of the clusters with data, in their order; 0 is one that stays plain. */
    void setPackedLengths(char[] lengths) {
        packedLengths = lengths;
    }

    /** Bytes that the compressed cluster takes, by its number among those with data; 0: it is plain. */
    int packedLength(int ordinal) {
        return packedLengths == null ? PLAIN : packedLengths[ordinal];
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
