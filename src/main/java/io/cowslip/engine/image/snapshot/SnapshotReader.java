package io.cowslip.engine.image.snapshot;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.SnapshotRecord;
import io.cowslip.engine.format.SnapshotTable;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.file.HeaderReader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Reads snapshot tables from files. */
public final class SnapshotReader {
    private static final int FIRST_BYTES = 64 << 10;

    private SnapshotReader() {}

    /**
     * The snapshots of an image, each found to have its L1 table within the file.
     *
     * @throws ImageException INVALID_FORMAT with the path
     */
    public static SnapshotTable read(HostFile file, ImageHeader header) throws IOException {
        if (header.snapshotCount() == 0) {
            return SnapshotTable.none();
        }
        SnapshotTable table = null;
        // How long the table is stands in its records, and most are short.
        for (long bytes = FIRST_BYTES; table == null && bytes <= SnapshotTable.MAX_BYTES; bytes *= 2) {
            table = read(file, header, bytes);
        }
        if (table == null) {
            throw ImageException.of(
                    ImageException.Kind.INVALID_FORMAT,
                    file.path(),
                    "the snapshot table does not end in the file, or has more than " + SnapshotTable.MAX_BYTES
                            + " bytes");
        }
        return table;
    }

    private static @Nullable SnapshotTable read(HostFile file, ImageHeader header, long bytes) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(bytes)) {
            MemorySegment start = loan.segment(bytes);
            long count = file.read(header.snapshotTableOffset(), start);
            // Padding at the file's end need not be in it; anything else that is missing makes no sound record.
            long known = Math.min(bytes, count + Long.BYTES - 1);
            start.asSlice(count).fill((byte) 0);
            return SnapshotTable.parse(
                    start.asSlice(0, known), header.snapshotCount(), header.geometry(), file.sizeBytes());
        } catch (ImageException unsound) {
            if (unsound.path() != null) {
                throw unsound;
            }
            throw ImageException.of(unsound.kind(), file.path(), String.valueOf(unsound.getMessage()))
                    .causedBy(unsound);
        }
    }

    /**
     * The snapshot of {@code table}, which {@code file} has, with this id or else this name.
     *
     * @throws ImageException NOT_FOUND
     */
    public static SnapshotRecord require(String idOrName, SnapshotTable table, HostFile file) throws ImageException {
        SnapshotRecord snapshot = table.find(idOrName);
        if (snapshot == null) {
            throw ImageException.of(
                    ImageException.Kind.NOT_FOUND,
                    file.path(),
                    "there is no snapshot with the id or name \"" + idOrName + "\"");
        }
        return snapshot;
    }

    /**
     * The id of the snapshot that an image is to be opened with.
     *
     * @throws ImageException INVALID_OPTION when there is no such snapshot
     */
    public static String idOf(String idOrName, HostFile file) throws IOException {
        return asked(idOrName, file, HeaderReader.read(file)).id();
    }

    /**
     * The header that the image would have were {@code idOrName} its active disk.
     *
     * @throws ImageException INVALID_OPTION when there is no such snapshot
     */
    public static ImageHeader headerOf(String idOrName, HostFile file, ImageHeader header) throws IOException {
        SnapshotRecord snapshot = asked(idOrName, file, header);
        return header.withActive(diskBytes(snapshot, header, file), snapshot.l1Entries(), snapshot.l1TableOffset());
    }

    private static SnapshotRecord asked(String idOrName, HostFile file, ImageHeader header) throws IOException {
        SnapshotRecord snapshot = read(file, header).find(idOrName);
        if (snapshot == null) {
            throw ImageException.invalidOption(
                    "snapshot",
                    file.path(),
                    "snapshot is \"" + idOrName + "\"; the image has no snapshot with that id or name");
        }
        return snapshot;
    }

    /** How large the disk of {@code idOrName} is; null where there is no such snapshot. */
    public static @Nullable Long diskBytesOf(String idOrName, HostFile file) throws IOException {
        ImageHeader header = HeaderReader.read(file);
        SnapshotRecord snapshot = read(file, header).find(idOrName);
        return snapshot == null ? null : Long.valueOf(diskBytes(snapshot, header, file));
    }

    /**
     * Bytes of a snapshot's disk. A snapshot that does not say it was taken before disks could be resized beside snapshots:
     * its disk is as large as the active one. Only who uses the disk asks, so that a snapshot that is damaged in this can
     * be listed and deleted, and keeps nobody from the rest of the image.
     *
     * @param header of the image that is {@code file}
     * @throws ImageException INVALID_FORMAT when its L1 table has fewer entries than such a disk needs
     */
    public static long diskBytes(SnapshotRecord snapshot, ImageHeader header, HostFile file) throws ImageException {
        long diskBytes = Objects.requireNonNullElse(snapshot.diskBytes(), header.virtualSizeBytes());
        long l1Entries = Integer.toUnsignedLong(snapshot.l1Entries());
        long needed = Math.ceilDiv(diskBytes, header.geometry().guestBytesPerTable());
        if (l1Entries < needed) {
            throw ImageException.of(
                    ImageException.Kind.INVALID_FORMAT,
                    file.path(),
                    "snapshot \"" + snapshot.id() + "\" has an L1 table of " + l1Entries
                            + " entries; to map its disk of " + diskBytes + " bytes takes " + needed);
        }
        return diskBytes;
    }
}
