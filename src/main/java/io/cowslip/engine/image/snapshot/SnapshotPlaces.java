package io.cowslip.engine.image.snapshot;

import io.cowslip.engine.alloc.MetadataOverlap;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.MetadataKind;
import io.cowslip.engine.format.SnapshotRecord;
import io.cowslip.engine.format.SnapshotTable;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.image.file.HeaderReader;
import java.io.IOException;
import java.util.Set;

/**
 * Tells {@link MetadataOverlap} where a writable image has its snapshots' tables. Their L2 tables are known once somebody
 * looks out for them: to find them takes reading every snapshot's L1 table. Under the image's metadata lock.
 */
public final class SnapshotPlaces {
    private final HostFile file;
    private final MetadataOverlap overlap;
    private boolean l2TablesKnown;

    /** @param overlap who is told */
    public SnapshotPlaces(HostFile file, MetadataOverlap overlap) {
        this.file = file;
        this.overlap = overlap;
    }

    /**
     * Adds what an image has as it is opened.
     *
     * @throws io.cowslip.engine.ImageException INVALID_FORMAT when its snapshot table is damaged
     */
    public void addAll(ImageHeader header) throws IOException {
        SnapshotTable table = SnapshotReader.read(file, header);
        addTable(header.snapshotTableOffset(), table);
        for (SnapshotRecord snapshot : table.snapshots()) {
            addL1Table(snapshot);
        }
    }

    /** Sees to it that these kinds are known. */
    public void require(Set<MetadataKind> kinds) throws IOException {
        if (l2TablesKnown || !kinds.contains(MetadataKind.INACTIVE_L2)) {
            return;
        }
        try {
            for (SnapshotRecord snapshot :
                    SnapshotReader.read(file, HeaderReader.read(file)).snapshots()) {
                overlap.addEntries(MetadataKind.INACTIVE_L2, l1Of(snapshot));
            }
            l2TablesKnown = true;
        } finally {
            if (!l2TablesKnown) {
                overlap.removeAll(MetadataKind.INACTIVE_L2);
            }
        }
    }

    /** The entries of a snapshot's L1 table. */
    long[] l1Of(SnapshotRecord snapshot) throws IOException {
        return ResidentTable.read("snapshot's L1 table", file, snapshot.l1TableOffset(), snapshot.l1Entries())
                .entries();
    }

    void addTable(long hostOffset, SnapshotTable table) {
        overlap.add(MetadataKind.SNAPSHOT_TABLE, hostOffset, table.sizeBytes());
    }

    void removeTable(long hostOffset, SnapshotTable table) {
        overlap.remove(MetadataKind.SNAPSHOT_TABLE, hostOffset, table.sizeBytes());
    }

    /** Adds a snapshot whose L1 table has these entries. */
    void add(SnapshotRecord snapshot, long[] l1Entries) {
        addL1Table(snapshot);
        if (l2TablesKnown) {
            overlap.addEntries(MetadataKind.INACTIVE_L2, l1Entries);
        }
    }

    private void addL1Table(SnapshotRecord snapshot) {
        overlap.add(MetadataKind.INACTIVE_L1, snapshot.l1TableOffset(), l1Bytes(snapshot));
    }

    /** Takes back an {@link #add}. */
    void remove(SnapshotRecord snapshot, long[] l1Entries) {
        overlap.remove(MetadataKind.INACTIVE_L1, snapshot.l1TableOffset(), l1Bytes(snapshot));
        if (l2TablesKnown) {
            overlap.removeEntries(MetadataKind.INACTIVE_L2, l1Entries);
        }
    }

    private static long l1Bytes(SnapshotRecord snapshot) {
        return (long) snapshot.l1Entries() * Long.BYTES;
    }
}
