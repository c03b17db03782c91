package io.cowslip.engine.image.map;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.ActiveL1;
import io.cowslip.engine.cache.L2SliceCache;
import io.cowslip.engine.cache.TableSource;
import io.cowslip.engine.format.ExtendedL2Entry;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.SubclusterBitmap;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Where the guest's bytes lie in one qcow2 file: L1 table, then L2 slice, then entry (qcow2 specification, "Cluster
 * mapping"). Answers with the longest run that is alike, so that one read serves many clusters. Any thread, without a
 * lock while the slices are cached.
 */
public final class ClusterMap {
    private final HostFile file;
    private final ImageGeometry geometry;
    private final int version;
    private final boolean externalData;
    private final ActiveL1 l1;
    private final SubclusterRuns subclusters;
    private volatile L2SliceCache slices;

    /** @param externalData whether the guest's bytes lie in another file, each at its place on the disk */
    public ClusterMap(
            HostFile file, ImageGeometry geometry, int version, boolean externalData, ActiveL1 l1, L2Caches caches)
            throws ImageException {
        this.file = file;
        this.geometry = geometry;
        this.version = version;
        this.externalData = externalData;
        this.l1 = l1;
        this.subclusters = new SubclusterRuns(this, geometry);
        this.slices = caches.create(this::loadSlices);
    }

    /** Makes the map's first cache, given where it loads from. */
    @FunctionalInterface
    public interface L2Caches {
        L2SliceCache create(TableSource source) throws ImageException;
    }

    /** Where any cache of this map loads from. */
    public TableSource source() {
        return this::loadSlices;
    }

    /** The slices in use, until caches of another size take their place. */
    public L2SliceCache slices() {
        return slices;
    }

    /** The tables that this map answers by, of a disk of so many bytes. */
    public DiskTables tables(DiskSize diskSize) {
        return new DiskTables.Active(this, l1, geometry, diskSize);
    }

    /** Puts another cache, with nothing dirty in the old one, in the old one's place; under the metadata lock. */
    public L2SliceCache replaceSlices(L2SliceCache other) {
        L2SliceCache old = slices;
        slices = other;
        return old;
    }

    /** The run that begins at {@code guestOffset}, which lies on the disk, at most {@code maxLengthBytes} long. */
    public Extent extentAt(long guestOffset, long maxLengthBytes) throws IOException {
        long cluster = guestOffset >>> geometry.clusterBits();
        if (!hasTable(cluster)) {
            return holeOfMissingTables(guestOffset, maxLengthBytes);
        }
        L2SliceCache cache = slices;
        if (geometry.extendedL2()) {
            return subclusters.extentAt(cache, guestOffset, maxLengthBytes);
        }
        long inCluster = geometry.offsetInCluster(guestOffset);
        long entry = cache.entry(cluster);
        requireSound(entry, cluster);
        long clusters = L2Entry.isCompressed(entry)
                ? 1
                : runLength(cache, cluster, entry, clustersSpanned(inCluster + maxLengthBytes));
        return extent(entry, inCluster, Math.min(maxLengthBytes, (clusters << geometry.clusterBits()) - inCluster));
    }

    /** How many clusters from {@code cluster} on are of one kind and, where they have a place, follow each other there. */
    private long runLength(L2SliceCache cache, long cluster, long entry, long most) throws IOException {
        long step = hasPlace(entry) ? geometry.clusterBytes() : 0;
        long run = 1;
        while (run < most) {
            if (cache.beginsSlice(cluster + run) && !hasTable(cluster + run)) {
                break;
            }
            int matching = cache.matching(cluster + run, entry + run * step, step, most - run);
            run += matching;
            if (matching == 0 || !cache.beginsSlice(cluster + run)) {
                break;
            }
        }
        return run;
    }

    Extent extent(long entry, long inCluster, long length) {
        if (L2Entry.isCompressed(entry)) {
            return new Extent.Compressed(
                    L2Entry.compressedHostOffset(entry, geometry.clusterBits()),
                    L2Entry.compressedPayloadBytes(entry, geometry.clusterBits()),
                    (int) inCluster,
                    length);
        }
        if (L2Entry.isZero(entry)) {
            return new Extent.Zero(
                    hasPlace(entry) ? L2Entry.hostOffset(entry) + inCluster : Extent.Zero.NO_PLACE, length);
        }
        if (!hasPlace(entry)) {
            return new Extent.Hole(length);
        }
        return new Extent.Data(L2Entry.hostOffset(entry) + inCluster, length, L2Entry.isCopied(entry));
    }

    /** Whether an entry that is not compressed has a host cluster. In an external data file that may be the first one. */
    public boolean hasPlace(long entry) {
        return L2Entry.hostOffset(entry) != 0 || (externalData && L2Entry.isCopied(entry));
    }

    boolean hasTable(long cluster) {
        return L1Entry.tableOffset(l1.entry(l1Index(cluster))) != 0;
    }

    /** Whether the L2 table of {@code cluster} is there and nothing else leads to it. */
    public boolean hasOwnTable(long cluster) {
        return L1Entry.isCopied(l1.entry(l1Index(cluster)));
    }

    int l1Index(long cluster) {
        return (int) (cluster >>> geometry.l2EntriesPerTableBits());
    }

    private Extent holeOfMissingTables(long guestOffset, long maxLengthBytes) {
        long end = guestOffset + maxLengthBytes;
        long bytesPerTable = geometry.guestBytesPerTable();
        long holeEnd = (guestOffset & -bytesPerTable) + bytesPerTable;
        while (holeEnd < end && !hasTable(holeEnd >>> geometry.clusterBits())) {
            holeEnd += bytesPerTable;
        }
        return new Extent.Hole(Math.min(end, holeEnd) - guestOffset);
    }

    private long clustersSpanned(long bytes) {
        return (bytes + geometry.clusterBytes() - 1) >>> geometry.clusterBits();
    }

    /** Refuses an entry that no cluster of this image can have: what it leads to must be neither read nor let go. */
    public void requireSound(long entry, long cluster) throws ImageException {
        if (externalData) {
            requireOwnPlace(entry, cluster);
        }
        if (L2Entry.isCompressed(entry)) {
            return;
        }
        if (!L2Entry.reservedBitsAreClear(entry, version)
                || geometry.offsetInCluster(L2Entry.hostOffset(entry)) != 0
                || (L2Entry.isCopied(entry) && !hasPlace(entry))) {
            throw corrupt("the L2 entry of guest offset " + (cluster << geometry.clusterBits()) + " is 0x"
                    + Long.toHexString(entry) + ", which no cluster of this image can have");
        }
    }

    /** The extended entry of {@code cluster}, whose table is there, having been found sound. */
    ExtendedL2Entry soundEntry(L2SliceCache cache, long cluster) throws IOException {
        ExtendedL2Entry entry = cache.extendedEntry(cluster);
        requireSound(entry, cluster);
        return entry;
    }

    /** As {@link #requireSound(long, long)}, of an extended entry. */
    public void requireSound(ExtendedL2Entry entry, long cluster) throws ImageException {
        long descriptor = entry.descriptor();
        requireSound(descriptor, cluster);
        boolean sound = L2Entry.isCompressed(descriptor)
                ? entry.bitmap() == 0
                : !L2Entry.isZero(descriptor)
                        && SubclusterBitmap.isValid(entry.bitmap())
                        && (hasPlace(descriptor) || SubclusterBitmap.allocated(entry.bitmap()) == 0);
        if (!sound) {
            throw corrupt("the extended L2 entry of guest offset " + (cluster << geometry.clusterBits()) + " is 0x"
                    + Long.toHexString(descriptor) + " with the subcluster bitmap 0x"
                    + Long.toHexString(entry.bitmap()) + ", which no cluster can have");
        }
    }

    /** In an external data file each cluster lies where it lies on the disk, as it is. */
    private void requireOwnPlace(long entry, long cluster) throws ImageException {
        boolean compressed = L2Entry.isCompressed(entry);
        if (compressed || (hasPlace(entry) && L2Entry.hostOffset(entry) != cluster << geometry.clusterBits())) {
            throw corrupt("the L2 entry of guest offset " + (cluster << geometry.clusterBits()) + " is 0x"
                    + Long.toHexString(entry) + ", but in an external data file every cluster is at its guest offset");
        }
    }

    /** Host offset of a piece of an L2 table that begins with the entry of {@code guestCluster}. */
    long sliceOffset(long guestCluster) throws ImageException {
        int l1Index = l1Index(guestCluster);
        long table = tableOffset(l1Index, l1.entry(l1Index));
        long index = guestCluster & (1L << geometry.l2EntriesPerTableBits()) - 1;
        return table + index * geometry.l2EntryBytes();
    }

    /** Where the L2 table lies that the entry {@code l1Entry} at {@code index} of an L1 table leads to. */
    public long tableOffset(int index, long l1Entry) throws ImageException {
        long table = L1Entry.tableOffset(l1Entry);
        if (table == 0 || geometry.offsetInCluster(table) != 0 || !L1Entry.reservedBitsAreClear(l1Entry)) {
            throw corrupt("entry " + index + " of an L1 table is 0x" + Long.toHexString(l1Entry)
                    + ", which names no cluster of the file");
        }
        return table;
    }

    private void loadSlices(long guestSlice, int count, MemorySegment into) throws IOException {
        long entriesPerSlice = into.byteSize() / count / geometry.l2EntryBytes();
        long hostOffset = sliceOffset(guestSlice * entriesPerSlice);
        file.readWhole("L2 table", hostOffset, into);
    }

    private ImageException corrupt(String what) {
        return ImageException.of(ImageException.Kind.CORRUPT, file.path(), what);
    }
}
