package io.cowslip.engine.format;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The internal snapshots of an image in the order of its snapshot table (qcow2 specification, "Snapshots"). */
public record SnapshotTable(List<SnapshotRecord> snapshots) {
    /** The longest table that QEMU reads, in bytes. */
    public static final int MAX_BYTES = 64 << 20;

    private static final SnapshotTable NONE = new SnapshotTable(List.of());

    public SnapshotTable {
        snapshots = List.copyOf(snapshots);
    }

    /** No snapshots. */
    public static SnapshotTable none() {
        return NONE;
    }

    /**
     * Reads {@code count} records.
     *
     * @param start what the file has from the table's offset on, as far as it was read, and zeros behind its end
     * @return null where {@code start} ends before the table does
     * @throws ImageException INVALID_FORMAT when a record or the table is longer than it may be, a snapshot's L1 table
     *     cannot lie where the record says, or its disk or VM state has a size that nothing has
     */
    public static @Nullable SnapshotTable parse(
            MemorySegment start, int count, ImageGeometry geometry, long fileSizeBytes) throws ImageException {
        List<SnapshotRecord> snapshots = new ArrayList<>();
        long offset = 0;
        long l1Bytes = 0;
        for (int index = 0; index < count; index++) {
            int sizeBytes = SnapshotRecord.sizeAt(start, offset);
            if (sizeBytes >= 0 && offset + sizeBytes > MAX_BYTES) {
                throw invalid("table has more than " + MAX_BYTES + " bytes, which is the most that it may have");
            }
            if (sizeBytes < 0 || start.byteSize() - offset < sizeBytes) {
                return null;
            }
            SnapshotRecord snapshot = SnapshotRecord.parse(start, offset);
            requireSound(snapshot, geometry, fileSizeBytes);
            l1Bytes += (long) snapshot.l1Entries() * Long.BYTES;
            if (l1Bytes > fileSizeBytes) {
                throw invalid("table has L1 tables of " + l1Bytes + " bytes, and the file has only " + fileSizeBytes);
            }
            snapshots.add(snapshot);
            offset += sizeBytes;
        }
        return new SnapshotTable(snapshots);
    }

    private static void requireSound(SnapshotRecord snapshot, ImageGeometry geometry, long fileSizeBytes)
            throws ImageException {
        String which = "\"" + snapshot.id() + "\" ";
        long l1Entries = Integer.toUnsignedLong(snapshot.l1Entries());
        long l1Bytes = l1Entries * Long.BYTES;
        if (l1Bytes > ImageGeometry.MAX_L1_BYTES) {
            throw invalid(which + "has an L1 table of " + l1Entries + " entries; it may have at most "
                    + ImageGeometry.MAX_L1_BYTES / Long.BYTES);
        }
        long offset = snapshot.l1TableOffset();
        boolean placed = offset > 0 && geometry.offsetInCluster(offset) == 0 && offset <= fileSizeBytes - l1Bytes;
        if (l1Entries > 0 && !placed) {
            throw invalid(which + "has its L1 table at " + Long.toUnsignedString(offset)
                    + "; it must start at a cluster and lie in the file of " + fileSizeBytes);
        }
        Long diskBytes = snapshot.diskBytes();
        if (diskBytes != null && diskBytes < 0) {
            throw invalid(which + "has a disk of " + Long.toUnsignedString(diskBytes) + " bytes");
        }
        if (snapshot.vmStateBytes() < 0) {
            throw invalid(which + "has a VM state of " + Long.toUnsignedString(snapshot.vmStateBytes()) + " bytes");
        }
    }

    /** The table as it stands in the file. */
    public MemorySegment toBytes() {
        MemorySegment table = MemorySegment.ofArray(new byte[sizeBytes()]);
        long offset = 0;
        for (SnapshotRecord snapshot : snapshots) {
            snapshot.writeTo(table, offset);
            offset += snapshot.sizeBytes();
        }
        return table;
    }

    /** Bytes of the table in the file, its padding included. */
    public int sizeBytes() {
        int sizeBytes = 0;
        for (SnapshotRecord snapshot : snapshots) {
            sizeBytes += snapshot.sizeBytes();
        }
        return sizeBytes;
    }

    /** The snapshot with this id or, where there is none, with this name; null where there is neither. */
    public @Nullable SnapshotRecord find(String idOrName) {
        SnapshotRecord named = null;
        for (SnapshotRecord snapshot : snapshots) {
            if (snapshot.id().equals(idOrName)) {
                return snapshot;
            }
            if (named == null && snapshot.name().equals(idOrName)) {
                named = snapshot;
            }
        }
        return named;
    }

    /** The id of the next snapshot: one more than the highest number so far, as in QEMU. */
    public String nextId() {
        long highest = 0;
        for (SnapshotRecord snapshot : snapshots) {
            highest = Math.max(highest, number(snapshot.id()));
        }
        return Long.toString(highest + 1);
    }

    /** 0 for what is no number, and for numbers that nobody counts up to. */
    private static long number(String id) {
        if (id.isEmpty() || id.length() > 18 || !id.chars().allMatch(digit -> digit >= '0' && digit <= '9')) {
            return 0;
        }
        return Long.parseLong(id);
    }

    /**
     * The table with one more snapshot.
     *
     * @throws ImageException NO_SPACE when that is more than QEMU reads
     */
    public SnapshotTable with(SnapshotRecord added) throws ImageException {
        List<SnapshotRecord> more = new ArrayList<>(snapshots);
        more.add(added);
        SnapshotTable table = new SnapshotTable(more);
        if (more.size() > HeaderLayout.MAX_SNAPSHOTS || table.sizeBytes() > MAX_BYTES) {
            throw ImageException.of(
                    Kind.NO_SPACE,
                    "the image has " + snapshots.size() + " snapshots; it may have " + HeaderLayout.MAX_SNAPSHOTS
                            + " in a table of " + MAX_BYTES + " bytes");
        }
        return table;
    }

    /** The table without one snapshot. */
    public SnapshotTable without(SnapshotRecord removed) {
        return new SnapshotTable(
                snapshots.stream().filter(snapshot -> snapshot != removed).toList());
    }

    private static ImageException invalid(String what) {
        return ImageException.of(Kind.INVALID_FORMAT, "The snapshot " + what);
    }
}
