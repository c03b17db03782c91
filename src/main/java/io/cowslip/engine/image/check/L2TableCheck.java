package io.cowslip.engine.image.check;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.image.check.CheckFinding.Kind;
import io.cowslip.engine.image.check.CheckFinding.Table;
import io.cowslip.engine.image.check.CheckTally.Place;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Goes through one L2 table: counts what its entries use, as often as L1 entries lead to it, and judges each entry. What
 * counts for the disk as it is now, such as COPIED flags, counts only as often as the active L1 table leads here.
 */
final class L2TableCheck {
    private static final int PIECE_WORDS = 1 << 12;

    private final ImageGeometry geometry;
    private final L2EntryRules rules;
    private final ReferenceCounts references;
    private final RecordedCounts recorded;
    private final CheckTally tally;
    private final @Nullable String snapshot;
    private final long guestStart;
    private final int uses;
    private final int activeUses;
    private final boolean flagsCount;

    private long runFirst;
    private long runLength;
    private long expectedOffset;
    private long allocated;
    private long fragmented;
    private long compressed;

    /**
     * @param snapshot whose table it is; null for the active one
     * @param guestStart what the table's first entry maps
     * @param uses how many L1 entries lead here
     * @param activeUses how many of them are active
     * @param flagsCount whether COPIED flags are held against the refcounts
     */
    L2TableCheck(
            L2EntryRules rules,
            ReferenceCounts references,
            RecordedCounts recorded,
            CheckTally tally,
            @Nullable String snapshot,
            long guestStart,
            int uses,
            int activeUses,
            boolean flagsCount) {
        this.geometry = rules.geometry();
        this.rules = rules;
        this.references = references;
        this.recorded = recorded;
        this.tally = tally;
        this.snapshot = snapshot;
        this.guestStart = guestStart;
        this.uses = uses;
        this.activeUses = activeUses;
        this.flagsCount = flagsCount && activeUses > 0;
    }

    void check(MemorySegment table) throws IOException {
        long[] words = new long[(int) Math.min(PIECE_WORDS, table.byteSize() / Long.BYTES)];
        int wordsPerEntry = geometry.l2EntryBytes() / Long.BYTES;
        int index = 0;
        for (long position = 0; position < table.byteSize(); position += (long) words.length * Long.BYTES) {
            MemorySegment.copy(table, BigEndian.LONG, position, words, 0, words.length);
            if (wordsPerEntry == 1) {
                checkPiece(index, words);
            } else {
                checkExtendedPiece(index, words);
            }
            index += words.length / wordsPerEntry;
        }
        countRun();
        tally.guestClusters(allocated * activeUses, fragmented * activeUses, compressed * activeUses);
    }

    private void checkPiece(int firstIndex, long[] entries) throws IOException {
        int done = 0;
        while (done < entries.length) {
            long entry = entries[done];
            boolean soundData = entry != 0 && check(firstIndex + done, entry, 0);
            done++;
            if (soundData) {
                done += passAlike(entries, done);
            }
        }
    }

    private void checkExtendedPiece(int firstIndex, long[] words) throws IOException {
        for (int word = 0; word < words.length; word += 2) {
            if ((words[word] | words[word + 1]) != 0) {
                check(firstIndex + word / 2, words[word], words[word + 1]);
            }
        }
    }

    /** Judges one entry and counts what it uses; says whether it has data and no fault. */
    private boolean check(int index, long entry, long bitmap) throws IOException {
        int faults = rules.faults(entry, bitmap);
        if (faults != 0) {
            note(index, entry, bitmap, faults);
        }
        switch (rules.type(entry)) {
            case COMPRESSED -> compressed(entry, faults);
            case DATA -> {
                boolean copiedIsRight = data(index, entry, faults);
                return copiedIsRight && faults == 0;
            }
            case ZERO, UNALLOCATED -> {}
        }
        return false;
    }

    /**
     * Counts the entries from {@code from} on that are as sound as the sound data entry before them, since nothing but
     * the place in the file goes on, cluster by cluster, and the refcounts are alike too; returns how many. Most entries
     * are of this kind, and these loops are short enough to be fast at once, before anything larger is compiled.
     */
    private int passAlike(long[] entries, int from) {
        long cluster = expectedOffset >>> geometry.clusterBits();
        long inFile = (Math.min(rules.fileSizeBytes(), L2Entry.OFFSET_MASK) >>> geometry.clusterBits()) - cluster;
        if (rules.dataFile() || inFile <= 0) {
            return 0;
        }
        int alike =
                countContinuing(entries, from, (int) Math.min(entries.length, from + inFile), geometry.clusterBytes());
        if (flagsCount) {
            alike = recorded.lengthAlike(cluster - 1, alike + 1) - 1;
        }
        expectedOffset += (long) alike << geometry.clusterBits();
        allocated += alike;
        runLength += alike;
        return alike;
    }

    private static int countContinuing(long[] entries, int from, int end, long clusterBytes) {
        int position = from;
        long expected = entries[from - 1] + clusterBytes;
        while (position < end && entries[position] == expected) {
            position++;
            expected += clusterBytes;
        }
        return position - from;
    }

    private void compressed(long entry, int faults) {
        if ((faults & L2EntryRules.COMPRESSED_FORBIDDEN) != 0) {
            return;
        }
        if (rules.usesSpace(entry, faults)) {
            references.addBytes(
                    L2Entry.compressedHostOffset(entry, geometry.clusterBits()),
                    L2Entry.compressedPayloadBytes(entry, geometry.clusterBits()),
                    uses);
        }
        allocated++;
        compressed++;
        fragmented++;
    }

    /** Counts a cluster of data; says whether its COPIED flag agrees with its refcount, as far as that is known. */
    private boolean data(int index, long entry, int faults) throws IOException {
        long hostOffset = L2Entry.hostOffset(entry);
        allocated++;
        if (expectedOffset != 0 && hostOffset != expectedOffset) {
            fragmented++;
        }
        expectedOffset = hostOffset + geometry.clusterBytes();
        if (rules.usesSpace(entry, faults)) {
            countData(hostOffset, faults);
        }
        return !flagsCount || checkCopied(index, entry, hostOffset);
    }

    private void countData(long hostOffset, int faults) {
        if ((faults & L2EntryRules.NOT_ALIGNED) != 0) {
            references.addBytes(hostOffset, geometry.clusterBytes(), uses);
            return;
        }
        long cluster = hostOffset >>> geometry.clusterBits();
        if (cluster != runFirst + runLength || runLength == 0) {
            countRun();
            runFirst = cluster;
        }
        runLength++;
    }

    private void countRun() {
        if (runLength > 0) {
            references.addClusters(runFirst, runLength, uses);
            runLength = 0;
        }
    }

    private boolean checkCopied(int index, long entry, long hostOffset) throws IOException {
        int count = rules.dataFile() ? 1 : recorded.get(hostOffset >>> geometry.clusterBits());
        if (count == RecordedCounts.UNKNOWN || (count == 1) == L2Entry.isCopied(entry)) {
            return true;
        }
        tally.flagAgainstCount(
                place(index),
                hostOffset,
                activeUses,
                () -> "entry " + hex(entry) + " has the COPIED flag " + (count == 1 ? "clear" : "set")
                        + ", but the refcount is " + count);
        return false;
    }

    private void note(int index, long entry, long bitmap, int faults) {
        note(faults, L2EntryRules.RESERVED_BITS, Kind.RESERVED_BITS, index, entry, "bits are set that must be 0");
        note(faults, L2EntryRules.NOT_ALIGNED, Kind.NOT_ALIGNED, index, entry, "it does not point at a cluster");
        note(faults, L2EntryRules.OUTSIDE_FILE, Kind.OUTSIDE_FILE, index, entry, "it points past the file's end");
        note(
                faults,
                L2EntryRules.SUBCLUSTERS,
                Kind.SUBCLUSTERS,
                index,
                entry,
                "its subcluster bitmap " + hex(bitmap) + " says what cannot be");
        note(
                faults,
                L2EntryRules.COPIED_COMPRESSED,
                Kind.COPIED_FLAG,
                index,
                entry,
                "COPIED is set on a compressed cluster");
        note(
                faults,
                L2EntryRules.COMPRESSED_FORBIDDEN,
                Kind.COMPRESSED,
                index,
                entry,
                "a compressed cluster can have neither an external data file nor a subcluster bitmap");
    }

    private void note(int faults, int fault, Kind kind, int index, long entry, String why) {
        if ((faults & fault) != 0) {
            tally.corruption(kind, place(index), pointedAt(entry), uses, () -> "entry " + hex(entry) + ": " + why);
        }
    }

    private long pointedAt(long entry) {
        return L2Entry.isCompressed(entry)
                ? L2Entry.compressedHostOffset(entry, geometry.clusterBits())
                : L2Entry.hostOffset(entry);
    }

    private Place place(int index) {
        return new Place(Table.L2, snapshot, index, guestStart + ((long) index << geometry.clusterBits()));
    }

    static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
