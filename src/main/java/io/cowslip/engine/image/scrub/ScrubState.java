package io.cowslip.engine.image.scrub;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.SnapshotRecord;
import io.cowslip.engine.image.layer.Qcow2Layer;
import io.cowslip.engine.image.map.DiskTables;
import io.cowslip.engine.image.map.L2TableBatch;
import io.cowslip.engine.image.scrub.ScrubTally.Owner;
import java.io.IOException;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One state of a disk that is scrubbed, the active one or a snapshot, with one of its L2 tables in memory. Used by one
 * thread, within requests.
 */
final class ScrubState {
    private static final int NOTHING = -1;

    private final @Nullable String id;
    private final Owner owner;
    private final Qcow2Layer layer;
    private final ImageGeometry geometry;
    private final Supplier<DiskTables> opening;
    private DiskTables tables;
    private @Nullable L2TableBatch batch;
    private int loaded = NOTHING;

    private ScrubState(@Nullable String id, Owner owner, Qcow2Layer layer, Supplier<DiskTables> opening) {
        this.id = id;
        this.owner = owner;
        this.layer = layer;
        this.geometry = layer.geometry();
        this.opening = opening;
        this.tables = opening.get();
    }

    static ScrubState active(Qcow2Layer layer) {
        return new ScrubState(null, Owner.ACTIVE, layer, layer::tables);
    }

    static ScrubState of(SnapshotRecord snapshot, long diskBytes, Qcow2Layer layer) {
        String name = snapshot.name().isEmpty() ? snapshot.id() : snapshot.name();
        return new ScrubState(
                snapshot.id(),
                Owner.ofSnapshot(name),
                layer,
                () -> new DiskTables.OfSnapshot(layer.file(), snapshot, diskBytes));
    }

    /** The snapshot's id; null for the active disk. */
    @Nullable
    String id() {
        return id;
    }

    Owner owner() {
        return owner;
    }

    long diskBytes() {
        return tables.diskBytes();
    }

    /** An L1 entry; 0 where there is none. */
    long l1Entry(int index) throws IOException {
        return (long) index * geometry.guestBytesPerTable() < diskBytes() ? tables.l1Entry(index) : 0;
    }

    /** What is in memory may not be true any more: of the active disk, once the request is over in which it was read. */
    void forget() {
        loaded = NOTHING;
    }

    /** Gives the memory back: there may be many snapshots. */
    void release() {
        loaded = NOTHING;
        batch = null;
        tables = opening.get();
    }

    /**
     * Has the L2 table of {@code index} in memory.
     *
     * @throws ImageException CORRUPT when the entry names no cluster, or the file does not hold the table; IO
     */
    void load(int index, long l1Entry) throws IOException {
        if (loaded == index) {
            return;
        }
        loaded = NOTHING;
        L2TableBatch into = batch == null ? new L2TableBatch(geometry) : batch;
        batch = into;
        into.clear();
        into.add(index, layer.tableOffset(index, l1Entry));
        into.read(layer.file(), tables);
        loaded = index;
    }

    /** The entry of a cluster whose table is in memory. */
    long entry(long cluster) {
        return table().word(0, word(cluster));
    }

    /** Its second word; 0 where entries are not extended. */
    long bitmap(long cluster) {
        return geometry.extendedL2() ? table().word(0, word(cluster) + 1) : 0;
    }

    private L2TableBatch table() {
        return Objects.requireNonNull(batch);
    }

    private int word(long cluster) {
        int index = (int) (cluster & (1L << geometry.l2EntriesPerTableBits()) - 1);
        return index * (geometry.l2EntryBytes() / Long.BYTES);
    }

    /** Whether {@code other}, whose table is in memory too, has the same of a cluster. */
    boolean isLike(ScrubState other, long cluster) {
        return ((entry(cluster) ^ other.entry(cluster)) & ~L2Entry.COPIED) == 0
                && bitmap(cluster) == other.bitmap(cluster);
    }
}
