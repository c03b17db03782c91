package io.cowslip.engine.codec;

import java.util.Arrays;

/**
 * Finds where bytes occurred before, within {@link DeflateEncoder#WINDOW_BYTES}: by chains of the places whose next three
 * bytes have the same hash, the latest first. Not for several threads.
 *
 * <p>Places are counted on from one input to the next, so that what an earlier input left behind is out of the window
 * and need not be wiped.
 */
final class MatchFinder {
    private static final int WINDOW_MASK = DeflateEncoder.WINDOW_BYTES - 1;
    private static final int HASH_BITS = 14;
    private static final int HASH_MULTIPLIER = 0x9E37_79B1;

    /** A match of so many bytes is good enough to look no further. */
    private static final int NICE_LENGTH = 128;

    private static final int MAX_CHAIN = 128;

    /** Behind a match of so many bytes, the next one is worth a quarter of the search. */
    private static final int GOOD_LENGTH = 8;

    private final int[] latest = new int[1 << HASH_BITS];
    private final int[] earlier = new int[DeflateEncoder.WINDOW_BYTES];
    private byte[] input = {};
    private int length;
    private int base = DeflateEncoder.WINDOW_BYTES;
    private int distance;

    /** Begins with another input. */
    void begin(byte[] newInput, int lengthBytes) {
        base += length + DeflateEncoder.WINDOW_BYTES;
        if (base > Integer.MAX_VALUE / 2) {
            Arrays.fill(latest, 0);
            base = DeflateEncoder.WINDOW_BYTES;
        }
        input = newInput;
        length = lengthBytes;
    }

    /** Makes the bytes from {@code from} to before {@code to} known as places to find. Each once, in order. */
    void pass(int from, int to) {
        int end = Math.min(to, length - DeflateAlphabet.MIN_LENGTH + 1);
        for (int position = from; position < end; position++) {
            insert(position);
        }
    }

    private int insert(int position) {
        int hash = hash(position);
        int found = latest[hash];
        latest[hash] = base + position;
        earlier[position & WINDOW_MASK] = found;
        return found;
    }

    private int hash(int position) {
        int bytes = (input[position] & 0xFF) | (input[position + 1] & 0xFF) << 8 | (input[position + 2] & 0xFF) << 16;
        return (bytes * HASH_MULTIPLIER) >>> (Integer.SIZE - HASH_BITS);
    }

    /**
     * Passes {@code position} and returns the length of the longest match for what is there, if it is longer than {@code
     * toBeat}; else 0. How far back it lies {@link #distance} tells.
     */
    int find(int position, int toBeat) {
        int most = Math.min(DeflateAlphabet.MAX_LENGTH, length - position);
        if (most < DeflateAlphabet.MIN_LENGTH) {
            return 0;
        }
        int candidate = insert(position) - base;
        int nearest = position - WINDOW_MASK;
        int best = Math.max(toBeat, DeflateAlphabet.MIN_LENGTH - 1);
        int found = 0;
        int tries = toBeat >= GOOD_LENGTH ? MAX_CHAIN / 4 : MAX_CHAIN;
        while (candidate >= Math.max(nearest, 0) && best < most && tries-- > 0) {
            if (input[candidate + best] == input[position + best]
                    && input[candidate + best - 1] == input[position + best - 1]) {
                int same = sameBytes(candidate, position, most);
                if (same > best) {
                    best = same;
                    found = same;
                    distance = position - candidate;
                    if (same >= NICE_LENGTH) {
                        break;
                    }
                }
            }
            candidate = earlier[candidate & WINDOW_MASK] - base;
        }
        return found;
    }

    private int sameBytes(int candidate, int position, int most) {
        int mismatch = Arrays.mismatch(input, candidate, candidate + most, input, position, position + most);
        return mismatch < 0 ? most : mismatch;
    }

    /** How many bytes back the match lies that {@link #find} found last. */
    int distance() {
        return distance;
    }
}
