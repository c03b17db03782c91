package io.cowslip.engine.cache;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Tells how many pieces a miss should bring in. One, as a rule; where misses follow each other through a table, from the
 * third on twice as many each time. It remembers where the latest loads ended, of a few streams at once; misses at random
 * hardly ever meet one, and less so twice. Any thread: what is lost to a race is a guess.
 */
final class Readahead {
    private static final int REMEMBERED_BITS = 3;
    private static final long SCATTER = 0x9E37_79B9_7F4A_7C15L;
    private static final int STREAK_BITS = 8;
    private static final int LONGEST_STREAK = 9;

    /** Where a load ended, and how many loads in a row led there; 0 for none. */
    private final AtomicLongArray ends = new AtomicLongArray(1 << REMEMBERED_BITS);

    /** How many loads without a gap come before one that begins with {@code key}. */
    int streakBefore(long key) {
        long remembered = ends.get(placeOf(key));
        return remembered >>> STREAK_BITS == key ? (int) remembered & (1 << STREAK_BITS) - 1 : 0;
    }

    /** How many pieces to load after such a streak. */
    static int piecesAfter(int streak) {
        return 1 << Math.max(0, Math.min(streak, LONGEST_STREAK) - 1);
    }

    /** Notes a load that ended before {@code end}, after {@code streak} others. */
    void loaded(long end, int streak) {
        ends.set(placeOf(end), end << STREAK_BITS | Math.min(streak + 1, LONGEST_STREAK));
    }

    private static int placeOf(long key) {
        return (int) ((key * SCATTER) >>> (Long.SIZE - REMEMBERED_BITS));
    }
}
