package io.cowslip.engine.codec;

import java.util.Arrays;

/**
 * One block of a deflate stream in the making (RFC 1951, section 3.2.3): its symbols, until there are enough for a code of
 * their own. Not for several threads.
 */
final class DeflateBlock {
    private static final int MAX_SYMBOLS = 1 << 14;
    private static final int MAX_CODE_BITS = 15;
    private static final int MAX_LENGTH_CODE_BITS = 7;
    private static final int FIXED_LITERALS = 288;
    private static final int LENGTH_CODES = 19;
    private static final int FEWEST_LITERAL_CODES = 257;
    private static final int FEWEST_LENGTH_CODES = 4;

    /** Lengths of codes are told in this order (section 3.2.7). */
    private static final byte[] LENGTH_CODE_ORDER = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

    private static final int REPEAT_LAST = 16;
    private static final int FEW_ZEROS = 17;
    private static final int MANY_ZEROS = 18;

    private final HuffmanCode fixedLiterals = new HuffmanCode(FIXED_LITERALS, MAX_CODE_BITS);
    private final HuffmanCode fixedDistances = new HuffmanCode(DeflateAlphabet.DISTANCES, MAX_CODE_BITS);
    private final HuffmanCode literals = new HuffmanCode(DeflateAlphabet.LITERALS_AND_LENGTHS, MAX_CODE_BITS);
    private final HuffmanCode distances = new HuffmanCode(DeflateAlphabet.DISTANCES, MAX_CODE_BITS);
    private final HuffmanCode lengthCode = new HuffmanCode(LENGTH_CODES, MAX_LENGTH_CODE_BITS);
    private final int[] literalCounts = new int[DeflateAlphabet.LITERALS_AND_LENGTHS];
    private final int[] distanceCounts = new int[DeflateAlphabet.DISTANCES];
    private final int[] lengthCounts = new int[LENGTH_CODES];

    /** A literal as it is; a match as its distance, shifted, and its length. */
    private final int[] symbols = new int[MAX_SYMBOLS];

    /** How the lengths of the codes are told: the symbol, and shifted, its extra bits. */
    private final short[] lengthSymbols = new short[DeflateAlphabet.LITERALS_AND_LENGTHS + DeflateAlphabet.DISTANCES];

    private int symbolCount;
    private int lengthSymbolCount;

    DeflateBlock() {
        byte[] lengths = new byte[FIXED_LITERALS];
        Arrays.fill(lengths, 0, 144, (byte) 8);
        Arrays.fill(lengths, 144, 256, (byte) 9);
        Arrays.fill(lengths, 256, 280, (byte) 7);
        Arrays.fill(lengths, 280, FIXED_LITERALS, (byte) 8);
        fixedLiterals.use(lengths);
        byte[] five = new byte[DeflateAlphabet.DISTANCES];
        Arrays.fill(five, (byte) 5);
        fixedDistances.use(five);
    }

    void begin() {
        symbolCount = 0;
        Arrays.fill(literalCounts, 0);
        Arrays.fill(distanceCounts, 0);
    }

    boolean isFull() {
        return symbolCount == MAX_SYMBOLS;
    }

    void addLiteral(byte literal) {
        int symbol = literal & 0xFF;
        symbols[symbolCount++] = symbol;
        literalCounts[symbol]++;
    }

    void addMatch(int length, int distance) {
        symbols[symbolCount++] = distance << Short.SIZE | length;
        literalCounts[DeflateAlphabet.lengthSymbol(length)]++;
        distanceCounts[DeflateAlphabet.distanceSymbol(distance)]++;
    }

    /** Writes the block in the form that takes less. */
    void write(boolean last, BitWriter bits) {
        literalCounts[DeflateAlphabet.END_OF_BLOCK]++;
        literals.build(literalCounts);
        distances.build(distanceCounts);
        describeLengths();
        bits.write(last ? 1 : 0, 1);
        if (sizeBits(fixedLiterals, fixedDistances) <= headSizeBits() + sizeBits(literals, distances)) {
            bits.write(1, 2);
            writeSymbols(fixedLiterals, fixedDistances, bits);
        } else {
            bits.write(2, 2);
            writeHead(bits);
            writeSymbols(literals, distances, bits);
        }
    }

    /** What the symbols take, without their extra bits, which are the same in any code. */
    private long sizeBits(HuffmanCode literalCode, HuffmanCode distanceCode) {
        long size = 0;
        for (int symbol = 0; symbol < literalCounts.length; symbol++) {
            size += (long) literalCounts[symbol] * literalCode.length(symbol);
        }
        for (int symbol = 0; symbol < distanceCounts.length; symbol++) {
            size += (long) distanceCounts[symbol] * distanceCode.length(symbol);
        }
        return size;
    }

    private int literalCodes() {
        return Math.max(FEWEST_LITERAL_CODES, literals.used());
    }

    private int lengthCodes() {
        int codes = LENGTH_CODES;
        while (codes > FEWEST_LENGTH_CODES && lengthCode.length(LENGTH_CODE_ORDER[codes - 1]) == 0) {
            codes--;
        }
        return codes;
    }

    /** Finds out how to tell the lengths of both codes, as one sequence: runs are told by their length. */
    private void describeLengths() {
        int literalCodes = literalCodes();
        int total = literalCodes + distances.used();
        lengthSymbolCount = 0;
        Arrays.fill(lengthCounts, 0);
        int at = 0;
        while (at < total) {
            int length = codeLength(at, literalCodes);
            int run = 1;
            while (at + run < total && codeLength(at + run, literalCodes) == length) {
                run++;
            }
            at += run;
            describeRun(length, run);
        }
        lengthCode.build(lengthCounts);
    }

    private int codeLength(int index, int literalCodes) {
        return index < literalCodes ? literals.length(index) : distances.length(index - literalCodes);
    }

    private void describeRun(int length, int run) {
        int left = run;
        if (length > 0) {
            addLengthSymbol(length, 0);
            left--;
        }
        while (left >= 3) {
            int symbol = length > 0 ? REPEAT_LAST : left <= 10 ? FEW_ZEROS : MANY_ZEROS;
            int fewest = symbol == MANY_ZEROS ? 11 : 3;
            int told = Math.min(left, fewest + (1 << lengthExtraBits(symbol)) - 1);
            addLengthSymbol(symbol, told - fewest);
            left -= told;
        }
        while (left-- > 0) {
            addLengthSymbol(length, 0);
        }
    }

    private void addLengthSymbol(int symbol, int extra) {
        lengthSymbols[lengthSymbolCount++] = (short) (extra << Byte.SIZE | symbol);
        lengthCounts[symbol]++;
    }

    private static int lengthExtraBits(int symbol) {
        return switch (symbol) {
            case REPEAT_LAST -> 2;
            case FEW_ZEROS -> 3;
            case MANY_ZEROS -> 7;
            default -> 0;
        };
    }

    private long headSizeBits() {
        long size = 5 + 5 + 4 + 3L * lengthCodes();
        for (int symbol = 0; symbol < LENGTH_CODES; symbol++) {
            size += (long) lengthCounts[symbol] * (lengthCode.length(symbol) + lengthExtraBits(symbol));
        }
        return size;
    }

    private void writeHead(BitWriter bits) {
        int lengthCodes = lengthCodes();
        bits.write(literalCodes() - FEWEST_LITERAL_CODES, 5);
        bits.write(distances.used() - 1, 5);
        bits.write(lengthCodes - FEWEST_LENGTH_CODES, 4);
        for (int index = 0; index < lengthCodes; index++) {
            bits.write(lengthCode.length(LENGTH_CODE_ORDER[index]), 3);
        }
        for (int index = 0; index < lengthSymbolCount; index++) {
            int symbol = lengthSymbols[index] & 0xFF;
            lengthCode.write(symbol, bits);
            bits.write(lengthSymbols[index] >> Byte.SIZE, lengthExtraBits(symbol));
        }
    }

    private void writeSymbols(HuffmanCode literalCode, HuffmanCode distanceCode, BitWriter bits) {
        for (int index = 0; index < symbolCount; index++) {
            int symbol = symbols[index];
            int distance = symbol >>> Short.SIZE;
            if (distance == 0) {
                literalCode.write(symbol, bits);
            } else {
                writeMatch(symbol & (1 << Short.SIZE) - 1, distance, literalCode, distanceCode, bits);
            }
        }
        literalCode.write(DeflateAlphabet.END_OF_BLOCK, bits);
    }

    private static void writeMatch(
            int length, int distance, HuffmanCode literalCode, HuffmanCode distanceCode, BitWriter bits) {
        int lengthSymbol = DeflateAlphabet.lengthSymbol(length);
        literalCode.write(lengthSymbol, bits);
        bits.write(DeflateAlphabet.lengthExtra(lengthSymbol, length), DeflateAlphabet.lengthExtraBits(lengthSymbol));
        int distanceSymbol = DeflateAlphabet.distanceSymbol(distance);
        distanceCode.write(distanceSymbol, bits);
        bits.write(
                DeflateAlphabet.distanceExtra(distanceSymbol, distance),
                DeflateAlphabet.distanceExtraBits(distanceSymbol));
    }
}
