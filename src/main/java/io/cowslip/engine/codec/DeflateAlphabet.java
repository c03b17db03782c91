package io.cowslip.engine.codec;

/**
 * How deflate names lengths and distances (RFC 1951, section 3.2.5): a symbol for a range of values, and extra bits for
 * the place in it. Of the distances those that {@link DeflateEncoder#WINDOW_BYTES} allows.
 */
final class DeflateAlphabet {
    static final int MIN_LENGTH = 3;
    static final int MAX_LENGTH = 258;

    /** The symbol that ends a block; below it are the literal bytes, above it the lengths. */
    static final int END_OF_BLOCK = 256;

    static final int LITERALS_AND_LENGTHS = 286;
    static final int DISTANCES = 24;

    private static final int FIRST_LENGTH = 257;
    private static final int LENGTHS = 29;
    private static final byte[] LENGTH_CODES = new byte[MAX_LENGTH + 1];
    private static final short[] LENGTH_BASES = new short[LENGTHS];
    private static final byte[] DISTANCE_CODES = new byte[DeflateEncoder.WINDOW_BYTES + 1];
    private static final short[] DISTANCE_BASES = new short[DISTANCES];

    static {
        int base = MIN_LENGTH;
        for (int code = 0; code < LENGTHS - 1; code++) {
            LENGTH_BASES[code] = (short) base;
            for (int within = 0; within < 1 << extraBitsOfLengthCode(code); within++) {
                LENGTH_CODES[Math.min(base++, MAX_LENGTH)] = (byte) code;
            }
        }
        // The longest match has a code of its own, not the last place in the range before.
        LENGTH_BASES[LENGTHS - 1] = MAX_LENGTH;
        LENGTH_CODES[MAX_LENGTH] = LENGTHS - 1;
        base = 1;
        for (int code = 0; code < DISTANCES; code++) {
            DISTANCE_BASES[code] = (short) base;
            for (int within = 0; within < 1 << distanceExtraBits(code); within++) {
                DISTANCE_CODES[base++] = (byte) code;
            }
        }
    }

    private DeflateAlphabet() {}

    /** The symbol of a match's length. */
    static int lengthSymbol(int length) {
        return FIRST_LENGTH + LENGTH_CODES[length];
    }

    /** How many extra bits follow the symbol of a length. */
    static int lengthExtraBits(int symbol) {
        return extraBitsOfLengthCode(symbol - FIRST_LENGTH);
    }

    private static int extraBitsOfLengthCode(int code) {
        return code < 8 || code == LENGTHS - 1 ? 0 : (code >> 2) - 1;
    }

    static int lengthExtra(int symbol, int length) {
        return length - LENGTH_BASES[symbol - FIRST_LENGTH];
    }

    /** The symbol of a distance. */
    static int distanceSymbol(int distance) {
        return DISTANCE_CODES[distance];
    }

    static int distanceExtraBits(int symbol) {
        return symbol < 4 ? 0 : (symbol >> 1) - 1;
    }

    static int distanceExtra(int symbol, int distance) {
        return distance - DISTANCE_BASES[symbol];
    }
}
