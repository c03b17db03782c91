package io.cowslip.engine.image.snapshot;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.alloc.MetadataOverlap;
import io.cowslip.engine.alloc.Refcounts;
import io.cowslip.engine.cache.ActiveL1;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.MetadataKind;
import io.cowslip.engine.format.SnapshotRecord;
import io.cowslip.engine.format.SnapshotTable;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.image.bitmap.Bitmaps;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.map.DiskSize;
import io.cowslip.engine.image.map.ImageMetadata;
import io.cowslip.engine.image.map.PassedDiscards;
import io.cowslip.engine.image.map.WriteBarrier;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Takes snapshots of a writable image, goes back to them and deletes them (qcow2 specification, "Snapshots").
 *
 * <p>Each has one write of the header that makes it true, less than a sector long: everything that it makes reachable is
 * counted and durable before, and the counts of what it makes unreachable drop after it is durable. A crash before it
 * leaves the old state and after it the new one, with leaks at worst.
 *
 * <p>Taking and deleting one change COPIED flags along with the counts, and no order of the two is free of a moment in
 * which {@code qemu-img check} finds that they disagree: a flag on a cluster with two references or none on one with one.
 * In none does anybody write into a snapshot. For that while the image is marked as dirty, so that whoever opens it for
 * writing after a crash repairs it. An image of version 2 cannot be marked: there, a crash in this while leaves flags that
 * cost copies until {@code check} is asked to repair them. To go back to a snapshot needs no mark: all that is active then
 * is shared, before and after.
 *
 * <p>When the header's write itself fails, nobody knows which state the file has: the image
 * takes no more writes until it is opened again.
 *
 * <p>Under the image's metadata lock, with everything committed, while nothing else uses the image.
 */
public final class Snapshots {
    /** The longest name that QEMU shows whole, in bytes. */
    private static final int MAX_NAME_BYTES = 255;

    private final HostFile file;
    private final ImageGeometry geometry;
    private final ActiveL1 l1;
    private final Refcounts refcounts;
    private final ClusterAllocator allocator;
    private final WriteBarrier barrier;
    private final MetadataOverlap overlap;
    private final SnapshotPlaces places;
    private final PassedDiscards passedDiscards;
    private final Bitmaps bitmaps;
    private final DiskSize diskSize;
    private final SharedClusters shared;
    private final CopiedFlags copied;

    /** The parts are those of the image, which has one of these. */
    public Snapshots(
            ImageMetadata metadata,
            SnapshotPlaces places,
            PassedDiscards passedDiscards,
            Bitmaps bitmaps,
            DiskSize diskSize) {
        this.file = metadata.file();
        this.geometry = metadata.geometry();
        this.l1 = metadata.l1();
        this.refcounts = metadata.refcounts();
        this.allocator = metadata.allocator();
        this.barrier = metadata.barrier();
        this.overlap = metadata.overlap();
        this.places = places;
        this.passedDiscards = passedDiscards;
        this.bitmaps = bitmaps;
        this.diskSize = diskSize;
        this.shared = new SharedClusters(metadata);
        this.copied = new CopiedFlags(metadata);
    }

    /** Takes a snapshot of the active disk. When it fails before the header is written, nothing has changed. */
    public SnapshotRecord create(String name, long dateSeconds, int dateNanos) throws IOException {
        ImageHeader header = HeaderReader.read(file);
        SnapshotTable before = SnapshotReader.read(file, header);
        requireNewName(name, before);
        barrier.beginDirtyChange();
        long[] active = SharedClusters.withoutCopied(l1.table().entries());
        List<ClusterAllocator.Run> taken = new ArrayList<>();
        boolean counted = false;
        boolean done = false;
        try {
            shared.raise(active);
            counted = true;
            long l1Offset = write(MetadataKind.INACTIVE_L1, tableBytes(active), taken);
            SnapshotRecord snapshot = SnapshotRecord.of(
                    before.nextId(), name, l1Offset, active.length, dateSeconds, dateNanos, header.virtualSizeBytes());
            SnapshotTable after = before.with(snapshot);
            long tableOffset = write(MetadataKind.SNAPSHOT_TABLE, after.toBytes(), taken);
            copied.clear();
            barrier.commit(refcounts);
            places.addTable(tableOffset, after);
            places.add(snapshot, active);
            barrier.publishSnapshotTable(after.snapshots().size(), tableOffset);
            done = true;
            releaseTable(header, before);
            barrier.commit(refcounts);
            barrier.endDirtyChange();
            return snapshot;
        } finally {
            if (!done) {
                takeBack(counted ? active : new long[0], taken);
            }
        }
    }

    private void requireNewName(String name, SnapshotTable before) throws ImageException {
        int nameBytes = name.getBytes(StandardCharsets.UTF_8).length;
        if (nameBytes == 0 || nameBytes > MAX_NAME_BYTES || name.chars().anyMatch(Character::isISOControl)) {
            throw ImageException.invalidOption(
                    "name", "name must have 1 to " + MAX_NAME_BYTES + " bytes without control characters");
        }
        if (before.find(name) != null) {
            throw ImageException.of(Kind.ALREADY_EXISTS, file.path(), "there is a snapshot \"" + name + "\" already");
        }
    }

    /**
     * Puts counts and flags back. Where even that is refused, what is left are leaks and flags that cost copies, and the
     * image stays marked as dirty.
     */
    private void takeBack(long[] counted, List<ClusterAllocator.Run> taken) {
        try {
            barrier.requireSound();
            taken.forEach(allocator::giveBack);
            shared.lower(counted, false);
            copied.setWhereSole();
            barrier.commit(refcounts);
            barrier.endDirtyChange();
        } catch (IOException refused) {
            // The failure that led here is the one to tell.
        }
    }

    /** Deletes a snapshot. The active disk and the other snapshots stay as they are. */
    public void delete(String idOrName) throws IOException {
        ImageHeader header = HeaderReader.read(file);
        SnapshotTable before = SnapshotReader.read(file, header);
        SnapshotRecord snapshot = SnapshotReader.require(idOrName, before, file);
        long[] reached = places.l1Of(snapshot);
        SnapshotTable after = before.without(snapshot);
        List<ClusterAllocator.Run> taken = new ArrayList<>();
        boolean done = false;
        barrier.beginDirtyChange();
        try {
            long tableOffset = write(MetadataKind.SNAPSHOT_TABLE, after.toBytes(), taken);
            barrier.commit(refcounts);
            places.addTable(tableOffset, after);
            barrier.publishSnapshotTable(after.snapshots().size(), tableOffset);
            done = true;
        } finally {
            if (!done) {
                takeBack(new long[0], taken);
            }
        }
        places.remove(snapshot, reached);
        releaseTable(header, before);
        shared.lower(reached, passedDiscards.snapshot());
        release(snapshot.l1TableOffset(), (long) reached.length * Long.BYTES);
        copied.setWhereSole();
        barrier.commit(refcounts);
        barrier.endDirtyChange();
    }

    /** Makes the active disk what it was when the snapshot was taken, its size included; the snapshot stays. */
    public void revert(String idOrName) throws IOException {
        ImageHeader header = HeaderReader.read(file);
        SnapshotRecord snapshot = SnapshotReader.require(idOrName, SnapshotReader.read(file, header), file);
        long diskBytes = SnapshotReader.diskBytes(snapshot, header, file);
        requireSizePossible(snapshot, diskBytes, header);
        long[] wanted = SharedClusters.withoutCopied(places.l1Of(snapshot));
        ResidentTable old = l1.table();
        List<ClusterAllocator.Run> taken = new ArrayList<>();
        boolean counted = false;
        boolean done = false;
        barrier.beginDirtyChange();
        try {
            shared.raise(wanted);
            counted = true;
            copied.clearIn(wanted);
            long l1Offset = write(MetadataKind.ACTIVE_L1, tableBytes(wanted), taken);
            barrier.commit(refcounts);
            ResidentTable next = ResidentTable.read("L1 table", file, l1Offset, wanted.length);
            overlap.add(MetadataKind.ACTIVE_L1, l1Offset, next.lengthBytes());
            if (diskBytes != diskSize.bytes()) {
                bitmaps.resize(diskBytes);
            }
            bitmaps.allChanged();
            barrier.publishDisk(diskBytes, wanted.length, l1Offset);
            done = true;
            diskSize.set(diskBytes);
            l1.use(next);
            overlap.remove(MetadataKind.ACTIVE_L1, old.hostOffset(), old.lengthBytes());
            overlap.removeAll(MetadataKind.ACTIVE_L2);
            overlap.follow(next, MetadataKind.ACTIVE_L2);
        } finally {
            if (!done) {
                takeBack(counted ? wanted : new long[0], taken);
            }
        }
        shared.lower(old.entries(), passedDiscards.snapshot());
        release(old.hostOffset(), old.lengthBytes());
        copied.setWhereSole();
        barrier.commit(refcounts);
        barrier.endDirtyChange();
    }

    /** Version 2 has no snapshots of different sizes, as in QEMU: most of its snapshots do not say which they have. */
    private void requireSizePossible(SnapshotRecord snapshot, long diskBytes, ImageHeader header)
            throws ImageException {
        if (diskBytes == header.virtualSizeBytes()) {
            return;
        }
        if (header.version() == 2) {
            throw ImageException.of(
                    Kind.UNSUPPORTED_FEATURE,
                    file.path(),
                    "snapshot \"" + snapshot.id() + "\" has a disk of " + diskBytes + " bytes and the active one has "
                            + header.virtualSizeBytes() + "; in an image of version 2 they must be the same");
        }
        bitmaps.requireResizable(diskBytes);
    }

    private void releaseTable(ImageHeader header, SnapshotTable table) throws IOException {
        places.removeTable(header.snapshotTableOffset(), table);
        release(header.snapshotTableOffset(), table.sizeBytes());
    }

    private void release(long hostOffset, long lengthBytes) throws IOException {
        if (lengthBytes > 0) {
            allocator.release(hostOffset, lengthBytes, passedDiscards.snapshot());
        }
    }

    private static MemorySegment tableBytes(long[] entries) {
        MemorySegment bytes = MemorySegment.ofArray(new byte[entries.length * Long.BYTES]);
        MemorySegment.copy(entries, 0, bytes, BigEndian.LONG, 0, entries.length);
        return bytes;
    }

    /** Writes {@code bytes} to clusters of their own, which join {@code taken}; returns where, 0 for nothing. */
    private long write(MetadataKind kind, MemorySegment bytes, List<ClusterAllocator.Run> taken) throws IOException {
        if (bytes.byteSize() == 0) {
            return 0;
        }
        int clusters = (int) (geometry.roundUpToCluster(bytes.byteSize()) >>> geometry.clusterBits());
        ClusterAllocator.Run run = allocator.allocateAll(clusters);
        taken.add(run);
        barrier.writeTable(kind, run.hostOffset(), bytes, (long) clusters << geometry.clusterBits());
        return run.hostOffset();
    }
}
