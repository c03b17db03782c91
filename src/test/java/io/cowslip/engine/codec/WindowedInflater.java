package io.cowslip.engine.codec;

import java.util.Arrays;

/**
 * A plain reading of RFC 1951 that refuses, as a reader with a window of that size does, matches that reach further back.
 * For streams without stored blocks.
 */
final class WindowedInflater {
    private static final int[] ORDER = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

    private final byte[] stream;
    private final int windowBytes;
    private byte[] plain = new byte[1 << 12];
    private int plainBytes;
    private int bitPosition;

    private WindowedInflater(byte[] stream, int windowBytes) {
        this.stream = stream;
        this.windowBytes = windowBytes;
    }

    /** What {@code stream}, which must end with its last byte, says. */
    static byte[] inflate(byte[] stream, int windowBytes) {
        WindowedInflater inflater = new WindowedInflater(stream, windowBytes);
        boolean last = false;
        while (!last) {
            last = inflater.bits(1) == 1;
            inflater.block(inflater.bits(2));
        }
        if ((inflater.bitPosition + 7) / 8 != stream.length) {
            throw new IllegalStateException("the stream ends before its last byte");
        }
        return Arrays.copyOf(inflater.plain, inflater.plainBytes);
    }

    private int bits(int count) {
        int value = 0;
        for (int index = 0; index < count; index++, bitPosition++) {
            value |= (stream[bitPosition >> 3] >> (bitPosition & 7) & 1) << index;
        }
        return value;
    }

    private void block(int type) {
        if (type == 1) {
            int[] literals = new int[288];
            Arrays.fill(literals, 0, 144, 8);
            Arrays.fill(literals, 144, 256, 9);
            Arrays.fill(literals, 256, 280, 7);
            Arrays.fill(literals, 280, 288, 8);
            int[] distances = new int[30];
            Arrays.fill(distances, 5);
            symbols(literals, distances);
        } else if (type == 2) {
            int literals = bits(5) + 257;
            int distances = bits(5) + 1;
            int[] lengths = lengths(literals + distances);
            symbols(Arrays.copyOf(lengths, literals), Arrays.copyOfRange(lengths, literals, literals + distances));
        } else {
            throw new IllegalStateException("block type " + type);
        }
    }

    private int[] lengths(int count) {
        int[] code = new int[19];
        int told = bits(4) + 4;
        for (int index = 0; index < told; index++) {
            code[ORDER[index]] = bits(3);
        }
        requireComplete(code);
        int[] lengths = new int[count];
        int at = 0;
        while (at < count) {
            int symbol = symbol(code);
            int length = symbol < 16 ? symbol : symbol == 16 ? lengths[at - 1] : 0;
            int run = symbol < 16 ? 1 : symbol == 16 ? 3 + bits(2) : symbol == 17 ? 3 + bits(3) : 11 + bits(7);
            Arrays.fill(lengths, at, at + run, length);
            at += run;
        }
        return lengths;
    }

    private static void requireComplete(int[] lengths) {
        double taken = 0;
        for (int length : lengths) {
            taken += length == 0 ? 0 : Math.scalb(1.0, -length);
        }
        if (taken != 1) {
            throw new IllegalStateException("the code is not complete: " + Arrays.toString(lengths));
        }
    }

    private void symbols(int[] literals, int[] distances) {
        requireComplete(literals);
        for (int symbol = symbol(literals); symbol != 256; symbol = symbol(literals)) {
            if (symbol < 256) {
                append((byte) symbol);
            } else {
                int length = length(symbol - 257);
                copy(length, distance(symbol(distances)));
            }
        }
    }

    private int length(int code) {
        if (code < 8 || code == 28) {
            return code == 28 ? 258 : code + 3;
        }
        int extra = (code >> 2) - 1;
        return 3 + ((4 + (code & 3)) << extra) + bits(extra);
    }

    private int distance(int code) {
        if (code < 4) {
            return code + 1;
        }
        int extra = (code >> 1) - 1;
        return 1 + ((2 + (code & 1)) << extra) + bits(extra);
    }

    private void copy(int length, int distance) {
        if (distance > windowBytes || distance > plainBytes) {
            throw new IllegalStateException("a match reaches " + distance + " bytes back from " + plainBytes);
        }
        for (int left = length; left > 0; left--) {
            append(plain[plainBytes - distance]);
        }
    }

    private void append(byte next) {
        if (plainBytes == plain.length) {
            plain = Arrays.copyOf(plain, 2 * plainBytes);
        }
        plain[plainBytes++] = next;
    }

    /** Reads the code bit by bit, counting the codes of each length that come before (section 3.2.2). */
    private int symbol(int[] lengths) {
        int code = 0;
        int first = 0;
        for (int length = 1; length <= 15; length++) {
            code = code << 1 | bits(1);
            int count = 0;
            for (int symbol = 0; symbol < lengths.length; symbol++) {
                if (lengths[symbol] == length && first + count++ == code) {
                    return symbol;
                }
            }
            first = (first + count) << 1;
        }
        throw new IllegalStateException("no such code");
    }
}
