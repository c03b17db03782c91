package io.cowslip.engine.codec;

import java.util.Arrays;

/**
 * A Huffman code with a limit to its lengths, in the canonical form that deflate tells by lengths alone (RFC 1951,
 * section 3.2.2). To be built anew for each block; not for several threads.
 */
final class HuffmanCode {
    private static final int SYMBOL_BITS = 9;

    private final int symbols;
    private final int maxBits;
    private final byte[] lengths;
    private final short[] codes;
    private final int[] countOfLength;
    private final long[] sorted;
    private final int[] weights;
    private final int[] parents;

    /**
     * @param symbols at most 512
     * @param maxBits the longest that a code may be, with room for all symbols
     */
    HuffmanCode(int symbols, int maxBits) {
        this.symbols = symbols;
        this.maxBits = maxBits;
        this.lengths = new byte[symbols];
        this.codes = new short[symbols];
        this.countOfLength = new int[symbols + 1];
        this.sorted = new long[symbols];
        this.weights = new int[2 * symbols];
        this.parents = new int[2 * symbols];
    }

    /** Code length of {@code symbol} in bits; 0 when it has none. */
    int length(int symbol) {
        return lengths[symbol];
    }

    /** Writes the code of {@code symbol}, which has one. */
    void write(int symbol, BitWriter bits) {
        bits.write(codes[symbol], lengths[symbol]);
    }

    /** How many symbols there are up to the last that has a code. */
    int used() {
        int used = symbols;
        while (used > 0 && lengths[used - 1] == 0) {
            used--;
        }
        return used;
    }

    /**
     * Builds the code for symbols that occur so often. It is complete, as every reader wants it: where less than two
     * occur, others that never do get codes as well.
     */
    void build(int[] frequencies) {
        int leaves = sort(frequencies);
        Arrays.fill(lengths, (byte) 0);
        Arrays.fill(countOfLength, 0);
        countDepths(leaves);
        limitDepths(leaves);
        int leaf = 0;
        for (int length = maxBits; length > 0; length--) {
            for (int left = countOfLength[length]; left > 0; left--) {
                lengths[(int) sorted[leaf++] & (1 << SYMBOL_BITS) - 1] = (byte) length;
            }
        }
        assignCodes();
    }

    /** Takes code lengths that somebody else has chosen. */
    void use(byte[] chosen) {
        System.arraycopy(chosen, 0, lengths, 0, symbols);
        Arrays.fill(countOfLength, 0);
        for (byte length : lengths) {
            countOfLength[length]++;
        }
        countOfLength[0] = 0;
        assignCodes();
    }

    /** Puts the symbols that have a code in order, the least frequent first. */
    private int sort(int[] frequencies) {
        int leaves = 0;
        for (int symbol = 0; symbol < symbols; symbol++) {
            if (frequencies[symbol] > 0) {
                sorted[leaves++] = (long) frequencies[symbol] << SYMBOL_BITS | symbol;
            }
        }
        for (int symbol = 0; leaves < 2; symbol++) {
            if (frequencies[symbol] == 0) {
                sorted[leaves++] = 1L << SYMBOL_BITS | symbol;
            }
        }
        Arrays.sort(sorted, 0, leaves);
        return leaves;
    }

    /** Counts the depths of Huffman's tree. Inner nodes come in the order of their weights, so two queues do. */
    private void countDepths(int leaves) {
        int root = 2 * leaves - 2;
        for (int leaf = 0; leaf < leaves; leaf++) {
            weights[leaf] = (int) (sorted[leaf] >>> SYMBOL_BITS);
        }
        int nextLeaf = 0;
        int nextInner = leaves;
        for (int node = leaves; node <= root; node++) {
            int weight = 0;
            for (int child = 0; child < 2; child++) {
                boolean takesLeaf = nextLeaf < leaves && (nextInner == node || weights[nextLeaf] <= weights[nextInner]);
                int taken = takesLeaf ? nextLeaf++ : nextInner++;
                weight += weights[taken];
                parents[taken] = node;
            }
            weights[node] = weight;
        }
        int[] depths = weights;
        depths[root] = 0;
        for (int node = root - 1; node >= 0; node--) {
            depths[node] = depths[parents[node]] + 1;
            if (node < leaves) {
                countOfLength[depths[node]]++;
            }
        }
    }

    /**
     * Shortens codes that are too long. For each that they are too many, the deepest leaf above the limit goes one level
     * down and takes one of theirs along as its neighbour.
     */
    private void limitDepths(int leaves) {
        for (int depth = maxBits + 1; depth < leaves; depth++) {
            countOfLength[maxBits] += countOfLength[depth];
            countOfLength[depth] = 0;
        }
        long taken = 0;
        for (int depth = 1; depth <= maxBits; depth++) {
            taken += (long) countOfLength[depth] << (maxBits - depth);
        }
        for (; taken > 1L << maxBits; taken--) {
            int depth = maxBits - 1;
            while (countOfLength[depth] == 0) {
                depth--;
            }
            countOfLength[depth]--;
            countOfLength[depth + 1] += 2;
            countOfLength[maxBits]--;
        }
    }

    private void assignCodes() {
        int[] next = new int[maxBits + 2];
        for (int length = 1; length <= maxBits; length++) {
            next[length + 1] = (next[length] + countOfLength[length]) << 1;
        }
        for (int symbol = 0; symbol < symbols; symbol++) {
            int length = lengths[symbol];
            if (length > 0) {
                codes[symbol] = (short) (Integer.reverse(next[length]++) >>> (Integer.SIZE - length));
            }
        }
    }
}
