package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.SnapshotTable;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.snapshot.SnapshotReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The internal snapshots of an open image's own file. Reads and changes of the disk wait while one is taken, gone back to
 * or deleted: as long as it takes to go over all L2 tables in the file, and to count what they lead to. Any thread, as
 * with {@link DiskImage}.
 */
public final class DiskSnapshots {
    private final DiskImage image;
    private final DiskImage keeper;
    private final @Nullable String read;

    /**
     * Those that {@code image} shows.
     *
     * @param keeper the image by which the file's snapshots change: itself, or the one beside which it reads a snapshot
     * @param read the id of that snapshot
     */
    DiskSnapshots(DiskImage image, DiskImage keeper, @Nullable String read) {
        this.image = image;
        this.keeper = keeper;
        this.read = read;
    }

    /**
     * All snapshots, in their order; none where the image is not qcow2.
     *
     * @throws ImageException INVALID_FORMAT when the file's table of them is damaged
     */
    public List<Snapshot> list() throws IOException {
        return keeper.readingAlone(
                layer -> table(layer).snapshots().stream().map(Snapshot::of).toList());
    }

    /**
     * The snapshot with this id or else this name.
     *
     * @throws ImageException NOT_FOUND; INVALID_FORMAT as {@link #list}
     */
    public Snapshot get(String idOrName) throws IOException {
        return keeper.readingAlone(layer -> Snapshot.of(SnapshotReader.require(idOrName, table(layer), layer.file())));
    }

    private static SnapshotTable table(ImageLayer layer) throws IOException {
        return layer.format() == ImageFormat.QCOW2
                ? SnapshotReader.read(layer.file(), HeaderReader.read(layer.file()))
                : SnapshotTable.none();
    }

    /**
     * Takes a snapshot of the disk as it is.
     *
     * @param dateSeconds when that is, in seconds since 1970
     * @param dateNanos the rest of that in nanoseconds
     * @throws ImageException ALREADY_EXISTS; INVALID_OPTION for a name that none can have; NO_SPACE when the image's
     *     refcounts have too few bits; READ_ONLY; UNSUPPORTED_FEATURE for an image that can have no snapshots
     */
    public Snapshot create(String name, long dateSeconds, int dateNanos) throws IOException {
        List<Snapshot> created = new ArrayList<>();
        image.changeSnapshots(
                false,
                (layer, options) -> layer.snapshots()
                        .change(snapshots -> created.add(Snapshot.of(snapshots.create(name, dateSeconds, dateNanos)))));
        return created.getFirst();
    }

    /**
     * Deletes the snapshot with this id or else this name.
     *
     * @throws ImageException NOT_FOUND; READ_ONLY; BUSY while a drive or a job reads it
     */
    public void delete(String idOrName) throws IOException {
        image.changeSnapshots(false, (layer, options) -> {
            String id =
                    SnapshotReader.require(idOrName, table(layer), layer.file()).id();
            image.snapshotReaders().requireNone(id, layer.file());
            layer.snapshots().change(snapshots -> snapshots.delete(idOrName));
        });
    }

    /**
     * Makes the disk what it was when the snapshot with this id or else this name was taken, and as large. The snapshot
     * stays; what the disk held since is gone.
     *
     * @throws ImageException NOT_FOUND; READ_ONLY; UNSUPPORTED_FEATURE for a disk of another size in an image of version 2;
     *     INVALID_FORMAT when the snapshot's L1 table is too short for its disk; INCONSISTENT_BITMAP when a bitmap cannot
     *     follow it
     */
    public void revert(String idOrName) throws IOException {
        image.changeSnapshots(true, (layer, options) -> layer.snapshots().revert(idOrName, options.caches()));
    }

    /**
     * What of the disk changed since the snapshot with this id or else this name was taken.
     *
     * @param until the snapshot whose disk is the later one; null: the disk that is open, whatever changes it meanwhile
     * @throws ImageException NOT_FOUND; UNSUPPORTED_FEATURE for an image that can have no snapshots; INVALID_FORMAT when
     *     an L1 table is too short for its snapshot's disk
     */
    public DiskChanges changesSince(String since, @Nullable String until) throws IOException {
        String later = until == null ? read : until;
        return keeper.reading(layer -> DiskChanges.of(keeper, layer, since, later));
    }
}
