package io.cowslip.engine.cache;

/**
 * The slices of one cache that are held as runs, in the words of its directory. Each counts as {@link #RUN_BYTES} of the
 * cache's size: frames are borrowed for them, as many as that takes, and at most a quarter of all, so that room remains
 * for what is no run. Everything happens under the eviction lock, which the caller holds, but {@link #count} is for any
 * thread.
 */
final class SliceRuns {
    /** A word and its share of the row that it is in. */
    static final int RUN_BYTES = 16;

    private static final int MOST_OF_FRAMES = 4;

    private final SliceDirectory directory;
    private final SliceFrames frames;
    private final CacheCounters counters;
    private final int runsPerFrame;
    private final int mostBorrowed;
    private int borrowed;
    private long hand;
    private volatile int count;

    SliceRuns(SliceDirectory directory, SliceFrames frames, CacheCounters counters, int frameBytes, int frameCount) {
        this.directory = directory;
        this.frames = frames;
        this.counters = counters;
        this.runsPerFrame = frameBytes / RUN_BYTES;
        this.mostBorrowed = frameCount / MOST_OF_FRAMES;
    }

    /** Holds {@code key} as a run from now on, which may push others out; false when there is no room for runs at all. */
    boolean put(long key, long firstEntry, int epoch) {
        if (count == (long) borrowed * runsPerFrame && !makeRoom()) {
            return false;
        }
        directory.putRun(key, firstEntry, epoch);
        count++;
        return true;
    }

    /** The run has become something else. */
    void gone() {
        count--;
    }

    /** Drops the runs not used in {@code epoch}, and gives back the frames that this makes superfluous. */
    int clean(int epoch) {
        int removed = directory.removeIdleRuns(epoch);
        count -= removed;
        int needed = Math.ceilDiv(count, runsPerFrame);
        frames.endLoans(borrowed - needed);
        borrowed = needed;
        return removed;
    }

    int count() {
        return count;
    }

    private boolean makeRoom() {
        if (borrowed < mostBorrowed && frames.lendFrame()) {
            borrowed++;
            return true;
        }
        return count > 0 && removeOne();
    }

    /** CLOCK with a second chance over the directory's runs; a third pass takes what comes first. */
    private boolean removeOne() {
        for (int pass = 0; pass < 3; pass++) {
            long key = directory.removeRunFrom(hand, pass < 2);
            if (key >= 0) {
                hand = key + 1;
                count--;
                counters.evictions.increment();
                return true;
            }
            hand = 0;
        }
        return false;
    }
}
