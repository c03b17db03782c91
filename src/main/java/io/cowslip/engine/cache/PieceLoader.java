package io.cowslip.engine.cache;

import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Reads pieces of tables for one cache: each by one thread at a time and different ones at once, ahead of a stream several
 * with one read. A piece is read into a buffer on loan and gets its place only then, so a read that fails has changed
 * nothing. Any thread, outside of the eviction lock.
 */
final class PieceLoader {
    private static final int MOST_READ_AHEAD_BYTES = 64 << 10;

    private final int entryBytes;
    private final long keys;
    private final int mostPiecesAtOnce;
    private final TableSource source;
    private final CacheCounters counters;
    private final SliceDirectory directory;
    private final Places places;
    private final LoadGate gate = new LoadGate();
    private final Readahead readahead = new Readahead();

    /** Where pieces go. Called inside of the gate for the piece, so by one thread for each. */
    interface Places {
        /** Holds a piece that is not here yet; as it is in the file if {@code plain}, or else in any form. */
        void place(long key, MemorySegment entries, boolean plain);

        /** Holds a piece that is here as it is in the file from now on, unless it has gone meanwhile. */
        void makePlain(long key);
    }

    /** @param mostPiecesAtOnce how many a read may bring in at most, if they do not come to more than 64 KiB */
    PieceLoader(
            int entryBytes,
            long keys,
            int mostPiecesAtOnce,
            TableSource source,
            CacheCounters counters,
            SliceDirectory directory,
            Places places) {
        this.entryBytes = entryBytes;
        this.keys = keys;
        this.mostPiecesAtOnce = Math.max(1, Math.min(MOST_READ_AHEAD_BYTES / entryBytes, mostPiecesAtOnce));
        this.source = source;
        this.counters = counters;
        this.directory = directory;
        this.places = places;
    }

    /**
     * Makes {@code key} resident, or waits for whoever is about it. Read ahead of a stream, it brings the next pieces of
     * the same table along.
     *
     * @param plain whether the piece is to be as in the file whatever it holds
     */
    void load(long key, boolean plain) throws IOException {
        if (!gate.enterOrWait(key)) {
            return;
        }
        long end = key + 1;
        try {
            if (directory.word(key) != SliceDirectory.ABSENT) {
                if (plain) {
                    places.makePlain(key);
                }
                return;
            }
            int streak = readahead.streakBefore(key);
            end = enterFollowing(key, piecesToLoad(key, streak));
            int pieces = loadPieces(key, (int) (end - key), plain);
            readahead.loaded(key + pieces, streak);
        } finally {
            gate.leave(key, end);
        }
    }

    private int piecesToLoad(long key, int streak) {
        int leftInTable = directory.rowLength() - (int) (key & directory.rowLength() - 1);
        int most = Math.min(mostPiecesAtOnce, leftInTable);
        return (int) Math.min(Math.min(Readahead.piecesAfter(streak), most), keys - key);
    }

    /**
     * Enters the gate for those after {@code key} as well, up to the first that is here or under way. A piece that is here
     * may be newer than the file, and may be gone again before the file was read: only what was not here inside of the
     * gate is to be loaded.
     */
    private long enterFollowing(long key, int pieces) {
        long end = key + 1;
        boolean entered = false;
        try {
            while (end < key + pieces && directory.word(end) == SliceDirectory.ABSENT && gate.tryEnter(end)) {
                if (directory.word(end) != SliceDirectory.ABSENT) {
                    gate.leave(end, end + 1);
                    break;
                }
                end++;
            }
            entered = true;
            return end;
        } finally {
            if (!entered) {
                gate.leave(key + 1, end);
            }
        }
    }

    private int loadPieces(long key, int pieces, boolean plain) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow((long) pieces * entryBytes)) {
            MemorySegment read = loan.segment((long) pieces * entryBytes);
            int loaded = readPieces(key, pieces, read);
            for (int index = 0; index < loaded; index++) {
                places.place(key + index, read.asSlice((long) index * entryBytes, entryBytes), plain && index == 0);
            }
            return loaded;
        }
    }

    /** A table may be unreadable further on: nobody has asked for that yet. */
    private int readPieces(long key, int pieces, MemorySegment into) throws IOException {
        int loaded = pieces;
        try {
            source.load(key, pieces, into);
        } catch (IOException refused) {
            if (pieces == 1) {
                throw refused;
            }
            loaded = 1;
            source.load(key, 1, into.asSlice(0, entryBytes));
        }
        counters.loads.add(loaded);
        counters.bytesLoaded.add((long) loaded * entryBytes);
        return loaded;
    }
}
