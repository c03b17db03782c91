package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.SnapshotRecord;
import io.cowslip.engine.format.SnapshotTable;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.layer.Qcow2Layer;
import io.cowslip.engine.image.map.DiskTables;
import io.cowslip.engine.image.map.EntryComparison;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.map.L2TableBatch;
import io.cowslip.engine.image.snapshot.SnapshotReader;
import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What of a disk changed between a snapshot and another one, or now, found without any bitmap by comparing their tables.
 * Two L1 entries that lead to the same L2 table say that nothing under it changed, so it is not read; of two tables only
 * those clusters changed whose entries differ. What it costs is in proportion to the changed tables. They are read past
 * the drive's L2 cache, which stays as it is.
 *
 * <p>Every byte that differs lies in a changed run. The other way round, a run may be called changed and hold the same
 * bytes again. What the later disk has beyond the end of the earlier one is changed. Of a disk that is written to
 * meanwhile, all that was changed before a call is found; what is changed during it may be or not. A layer below is taken
 * for the same in both states.
 *
 * <p>Used by one thread. Between two calls it holds nothing back: snapshots can be taken and deleted.
 */
public final class DiskChanges {
    /** How far ahead L1 entries are looked at. */
    private static final int MOST_ENTRIES = 8192;

    private static final int SAME = -2;
    private static final int NO_TABLE = -1;

    private final DiskImage image;
    private final SnapshotRecord since;
    private final @Nullable SnapshotRecord until;
    private final EntryComparison entries;
    private final ImageGeometry geometry;
    private final L2TableBatch sinceBatch;
    private final L2TableBatch untilBatch;
    private final int[] sinceNumbers = new int[MOST_ENTRIES];
    private final int[] untilNumbers = new int[MOST_ENTRIES];
    private Qcow2Layer tablesOf;
    private DiskTables sinceTables;
    private DiskTables untilTables;
    private long snapshotChanges;
    private int first;
    private int end;
    private int mostTables = 1;

    private DiskChanges(
            DiskImage image, Qcow2Layer layer, SnapshotRecord since, @Nullable SnapshotRecord until, ImageHeader header)
            throws ImageException {
        this.image = image;
        this.since = since;
        this.until = until;
        this.entries = layer.comparison();
        this.geometry = entries.geometry();
        this.sinceBatch = new L2TableBatch(geometry);
        this.untilBatch = new L2TableBatch(geometry);
        this.snapshotChanges = image.snapshotChanges();
        this.tablesOf = layer;
        this.sinceTables = tablesOf(since, layer, header);
        this.untilTables = until == null ? layer.tables() : tablesOf(until, layer, header);
    }

    /**
     * The changes between two states of {@code layer}, the top one of {@code image}; while no snapshot changes.
     *
     * @throws ImageException NOT_FOUND; UNSUPPORTED_FEATURE for an image that can have no snapshots
     */
    static DiskChanges of(DiskImage image, ImageLayer layer, String since, @Nullable String until) throws IOException {
        if (!(layer instanceof Qcow2Layer qcow2)) {
            throw unsupported(
                    layer,
                    "a " + layer.format().wireName()
                            + " image cannot have snapshots, so there is nothing to compare it with");
        }
        if (qcow2.data().isExternal()) {
            throw unsupported(
                    layer,
                    "an image with an external data file cannot have snapshots, and writes in place leave no trace in"
                            + " its tables; a dirty bitmap keeps track of them");
        }
        HostFile file = qcow2.file();
        ImageHeader header = HeaderReader.read(file);
        SnapshotTable table = SnapshotReader.read(file, header);
        return new DiskChanges(
                image,
                qcow2,
                SnapshotReader.require(since, table, file),
                until == null ? null : SnapshotReader.require(until, table, file),
                header);
    }

    private static ImageException unsupported(ImageLayer layer, String why) {
        return ImageException.of(Kind.UNSUPPORTED_FEATURE, layer.file().path(), why);
    }

    private static DiskTables tablesOf(SnapshotRecord snapshot, Qcow2Layer layer, ImageHeader header)
            throws ImageException {
        return new DiskTables.OfSnapshot(
                layer.file(), snapshot, SnapshotReader.diskBytes(snapshot, header, layer.file()));
    }

    /** Size of the later disk in bytes. */
    public long diskBytes() {
        return untilTables.diskBytes();
    }

    /**
     * The run that begins at {@code guestOffset} on the later disk, at most up to {@code endOffset}. The next run may be
     * like it.
     *
     * @throws ImageException NOT_FOUND when a snapshot was deleted since; CORRUPT when the file does not hold a table
     */
    public GuestChange changeAt(long guestOffset, long endOffset) throws IOException {
        return image.reading(layer -> changeAt((Qcow2Layer) layer, guestOffset, endOffset));
    }

    private GuestChange changeAt(Qcow2Layer layer, long guestOffset, long endOffset) throws IOException {
        int index = l1Index(guestOffset);
        if (index < first || index >= end) {
            load(layer, index, l1Index(endOffset - 1) + 1);
        }
        if (sinceNumbers[index - first] == SAME) {
            int next = index + 1;
            while (next < end && sinceNumbers[next - first] == SAME) {
                next++;
            }
            long runEnd = Math.min(endOffset, startOf(next));
            return new GuestChange(guestOffset, runEnd - guestOffset, false, false);
        }
        return changeInTable(layer, guestOffset, Math.min(endOffset, startOf(index + 1)));
    }

    private int l1Index(long guestOffset) {
        return (int) (guestOffset / geometry.guestBytesPerTable());
    }

    private long startOf(int l1Index) {
        return l1Index * geometry.guestBytesPerTable();
    }

    /** Compares L1 entries from {@code from} on and reads the tables where they differ. */
    private void load(Qcow2Layer layer, int from, int to) throws IOException {
        followSnapshots(layer);
        sinceBatch.clear();
        untilBatch.clear();
        first = from;
        end = from;
        int most = Math.min(to, from + MOST_ENTRIES);
        while (end < most && sinceBatch.size() < mostTables && untilBatch.size() < mostTables) {
            compareL1(layer, end);
            end++;
        }
        // The first answer is not to wait for many tables, and a long listing is to read them in large pieces.
        mostTables = Math.min(2 * mostTables, sinceBatch.room());
        boolean read = false;
        try {
            sinceBatch.read(layer.file(), sinceTables);
            untilBatch.read(layer.file(), untilTables);
            read = true;
        } finally {
            if (!read) {
                end = first;
            }
        }
    }

    private void compareL1(Qcow2Layer layer, int index) throws IOException {
        boolean onEarlierDisk = startOf(index) < sinceTables.diskBytes();
        long sinceEntry = onEarlierDisk ? sinceTables.l1Entry(index) : 0;
        long untilEntry = untilTables.l1Entry(index);
        boolean wholly =
                startOf(index + 1) <= sinceTables.diskBytes() || untilTables.diskBytes() <= sinceTables.diskBytes();
        if (wholly && L1Entry.tableOffset(sinceEntry) == L1Entry.tableOffset(untilEntry)) {
            sinceNumbers[index - first] = SAME;
        } else {
            sinceNumbers[index - first] = note(layer, sinceBatch, index, sinceEntry);
            untilNumbers[index - first] = note(layer, untilBatch, index, untilEntry);
        }
    }

    private static int note(Qcow2Layer layer, L2TableBatch batch, int index, long entry) throws ImageException {
        return L1Entry.tableOffset(entry) == 0 ? NO_TABLE : batch.add(index, layer.tableOffset(index, entry));
    }

    private GuestChange changeInTable(Qcow2Layer layer, long guestOffset, long endOffset) throws IOException {
        int index = l1Index(guestOffset) - first;
        int pieceBits = entries.pieceBits();
        boolean changed = isChanged(index, guestOffset);
        EntryComparison.Source source = source(index, guestOffset);
        long runEnd = guestOffset;
        do {
            long next = ((runEnd >>> pieceBits) + 1) << pieceBits;
            // The earlier disk may end within a cluster.
            long earlierEnd = sinceTables.diskBytes();
            runEnd = runEnd < earlierEnd && earlierEnd < next ? earlierEnd : next;
        } while (runEnd < endOffset
                && isChanged(index, runEnd) == changed
                && (!changed || source(index, runEnd) == source));
        long length = Math.min(runEnd, endOffset) - guestOffset;
        if (changed && source == EntryComparison.Source.BELOW) {
            GuestExtent below = layer.extentBelow(guestOffset, length);
            return new GuestChange(guestOffset, below.length(), true, below.zero());
        }
        return new GuestChange(guestOffset, length, changed, changed && source == EntryComparison.Source.ZEROS);
    }

    private boolean isChanged(int index, long guestOffset) {
        int entry = wordOf(guestOffset);
        return guestOffset >= sinceTables.diskBytes()
                || entries.mayDiffer(
                        word(sinceBatch, sinceNumbers[index], entry),
                        bitmap(sinceBatch, sinceNumbers[index], entry),
                        word(untilBatch, untilNumbers[index], entry),
                        bitmap(untilBatch, untilNumbers[index], entry),
                        guestOffset);
    }

    private EntryComparison.Source source(int index, long guestOffset) {
        int entry = wordOf(guestOffset);
        return entries.source(
                word(untilBatch, untilNumbers[index], entry),
                bitmap(untilBatch, untilNumbers[index], entry),
                guestOffset);
    }

    private int wordOf(long guestOffset) {
        long cluster = guestOffset >>> geometry.clusterBits();
        int entry = (int) (cluster & (1L << geometry.l2EntriesPerTableBits()) - 1);
        return entry * (geometry.l2EntryBytes() / Long.BYTES);
    }

    private static long word(L2TableBatch batch, int number, int word) {
        return number == NO_TABLE ? 0 : batch.word(number, word);
    }

    private long bitmap(L2TableBatch batch, int number, int word) {
        return geometry.extendedL2() ? word(batch, number, word + 1) : 0;
    }

    /** What was known need not be true any more where snapshots were taken or deleted, or the file was opened anew. */
    private void followSnapshots(Qcow2Layer layer) throws IOException {
        if (snapshotChanges == image.snapshotChanges() && layer == tablesOf) {
            return;
        }
        ImageHeader header = HeaderReader.read(layer.file());
        SnapshotTable table = SnapshotReader.read(layer.file(), header);
        sinceTables = tablesOf(requireStill(since, table, layer), layer, header);
        untilTables = until == null ? layer.tables() : tablesOf(requireStill(until, table, layer), layer, header);
        tablesOf = layer;
        snapshotChanges = image.snapshotChanges();
    }

    private static SnapshotRecord requireStill(SnapshotRecord snapshot, SnapshotTable table, Qcow2Layer layer)
            throws ImageException {
        return table.snapshots().stream()
                .filter(other -> isSame(snapshot, other))
                .findFirst()
                .orElseThrow(() -> ImageException.of(
                        Kind.NOT_FOUND,
                        layer.file().path(),
                        "the snapshot \"" + snapshot.name() + "\" was deleted while its changes were listed"));
    }

    /** An id or a name, or a place in the file, may have come to another snapshot. */
    private static boolean isSame(SnapshotRecord snapshot, SnapshotRecord other) {
        return Arrays.equals(key(snapshot), key(other));
    }

    private static Object[] key(SnapshotRecord snapshot) {
        return new Object[] {
            snapshot.id(), snapshot.name(), snapshot.l1TableOffset(), snapshot.dateSeconds(), snapshot.dateNanos()
        };
    }
}
