package io.cowslip.engine.image.check;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.Features;
import io.cowslip.engine.format.HeaderExtension;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.RefcountBits;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.check.CheckFinding.Kind;
import io.cowslip.engine.image.check.CheckFinding.Table;
import io.cowslip.engine.image.check.CheckTally.Place;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One pass over all metadata of an image that does not change meanwhile: reads the refcounts, goes through every table
 * and counts what it refers to, and compares. Each piece of metadata is read once, in the order of the file. Counts of
 * faults are those of {@code qemu-img check}.
 */
public final class CheckRun {
    private static final long BITMAP_RESERVED = 0xFF00_0000_0000_01FEL;

    private final ImageHeader header;
    private final ImageGeometry geometry;
    private final MetadataFile file;
    private final L2EntryRules rules;
    private final WorkThreads threads;
    private final CheckTally tally = new CheckTally();
    private final ReferenceCounts references;
    private final RecordedCounts recorded;

    /** Clusters of the header, and of tables that nothing but the header, the snapshots and the bitmaps lead to. */
    private final ClusterCounters fixedMetadata;

    private final List<Long> countedBlocks = new ArrayList<>();
    private final List<L1Place> l1Tables = new ArrayList<>();
    private boolean refcountTableCounted;
    private boolean refcountBlocksSound = true;

    private CheckRun(HostFile hostFile, ImageHeader header, WorkObserver observer) throws IOException {
        long fileSizeBytes = hostFile.sizeBytes();
        this.header = header;
        this.geometry = header.geometry();
        this.threads = new WorkThreads(observer);
        this.file = new MetadataFile(hostFile, threads);
        this.rules = L2EntryRules.of(header, fileSizeBytes);
        this.references = new ReferenceCounts(geometry, fileSizeBytes);
        this.fixedMetadata = new ClusterCounters(references.clusters());
        this.recorded = RecordedCounts.read(file, header, references.clusters());
    }

    /** Goes over the whole image once. */
    public static CheckRun over(HostFile file, ImageHeader header, WorkObserver observer) throws IOException {
        CheckRun run = new CheckRun(file, header, observer);
        run.countReferences();
        run.compare();
        run.threads.report();
        return run;
    }

    /** How often each cluster is referred to. */
    public ReferenceCounts references() {
        return references;
    }

    RecordedCounts recorded() {
        return recorded;
    }

    /** What entries may say, by the size that the file had when this began. */
    public L2EntryRules rules() {
        return rules;
    }

    /** Whether any cluster of these bytes has more than one reference. */
    boolean isShared(long hostOffset, long lengthBytes) {
        long end = geometry.roundUpToCluster(hostOffset + lengthBytes) >>> geometry.clusterBits();
        for (long cluster = hostOffset >>> geometry.clusterBits(); cluster < end; cluster++) {
            if (references.get(cluster) > 1) {
                return true;
            }
        }
        return false;
    }

    /** Whether a cluster of the file holds the header or a table that no L1 or L2 entry may lead to. */
    boolean isFixedMetadata(long cluster) {
        return fixedMetadata.get(cluster) > 0;
    }

    /** Takes back the references of the refcount table and its blocks, unless that is done. */
    void forgetRefcountStructures() {
        if (refcountTableCounted) {
            references.addClusters(
                    header.refcountTableOffset() >>> header.clusterBits(), header.refcountTableClusters(), -1);
        }
        countedBlocks.forEach(cluster -> references.addClusters(cluster, 1, -1));
        refcountTableCounted = false;
        countedBlocks.clear();
    }

    /** Whether every refcount block is in a place of its own, so that counts can be changed where they are. */
    boolean refcountBlocksSound() {
        return refcountBlocksSound;
    }

    /** Whether nothing that was found can mean that a pointer is lost. */
    boolean losesNoPointer() {
        return tally.losesNoPointer();
    }

    /** What was found. */
    public CheckReport report() {
        return tally.report(geometry.guestClusters(), imageEndOffset());
    }

    private void countReferences() throws IOException {
        if (saysRawWithoutDataFile(header)) {
            Place place = new Place(Table.HEADER, null, -1, -1);
            tally.corruption(
                    Kind.RESERVED_BITS, place, 0, 1, () -> "autoclear bit 1 speaks of a data file, and there is none");
        }
        refer(Table.HEADER, null, 0, geometry.clusterBytes());
        l1Tables.add(new L1Place(null, header.l1TableOffset(), header.l1Entries()));
        readSnapshotTable();
        new L1Walk(geometry, file, rules).walk(l1Tables, new ReferenceWalk());
        readEncryptionHeader();
        readBitmaps();
        refcountTableCounted = refer(
                Table.REFCOUNT_TABLE,
                null,
                header.refcountTableOffset(),
                (long) header.refcountTableClusters() << header.clusterBits());
        referToRefcountBlocks();
    }

    /** QEMU opens no such image. */
    static boolean saysRawWithoutDataFile(ImageHeader header) {
        return (header.features().autoclear() & Features.RAW_EXTERNAL_DATA) != 0
                && !header.features().externalDataFile();
    }

    /** Counts a table's clusters; false where it lies past the end of the file. */
    private boolean refer(Table table, @Nullable String name, long hostOffset, long lengthBytes) {
        if (lengthBytes == 0) {
            return true;
        }
        if (hostOffset < 0 || rules.isOutside(hostOffset, lengthBytes)) {
            tally.corruption(
                    Kind.OUTSIDE_FILE,
                    new Place(table, name, -1, -1),
                    hostOffset,
                    1,
                    () -> "its " + lengthBytes + " bytes reach past the end of the file");
            return false;
        }
        references.addBytes(hostOffset, lengthBytes, 1);
        long first = hostOffset >>> geometry.clusterBits();
        fixedMetadata.add(first, ((hostOffset + lengthBytes - 1) >>> geometry.clusterBits()) - first + 1, 1);
        return true;
    }

    private void readSnapshotTable() throws IOException {
        if (header.snapshotCount() == 0) {
            return;
        }
        SnapshotTableReader.Result table = SnapshotTableReader.read(file, header);
        int index = 0;
        for (SnapshotTableReader.Entry entry : table.entries()) {
            String fault = SnapshotTableReader.describe(entry);
            if (fault != null) {
                Place place = new Place(Table.SNAPSHOT_TABLE, entry.l1Table().snapshot(), index, -1);
                tally.corruption(Kind.SNAPSHOT, place, entry.l1Table().hostOffset(), 1, () -> fault);
            }
            if (entry.l1Table().entries() > 0) {
                l1Tables.add(entry.l1Table());
            }
            index++;
        }
        refer(Table.SNAPSHOT_TABLE, null, header.snapshotTableOffset(), table.lengthBytes());
    }

    private void readEncryptionHeader() {
        for (HeaderExtension extension : header.extensions()) {
            if (extension.type() == HeaderExtension.ENCRYPTION_HEADER
                    && extension.data().byteSize() == 2 * Long.BYTES) {
                refer(
                        Table.HEADER,
                        null,
                        extension.data().get(BigEndian.LONG, 0),
                        extension.data().get(BigEndian.LONG, Long.BYTES));
            }
        }
    }

    private void readBitmaps() throws IOException {
        BitmapDirectoryReader.Result directory = BitmapDirectoryReader.read(file, header);
        if (directory == null) {
            return;
        }
        String directoryFault = directory.fault();
        if (directoryFault != null) {
            Place place = new Place(Table.BITMAP_DIRECTORY, null, -1, -1);
            tally.corruption(Kind.BITMAP, place, directory.hostOffset(), 1, () -> directoryFault);
        }
        refer(Table.BITMAP_DIRECTORY, null, directory.hostOffset(), directory.lengthBytes());
        for (BitmapDirectoryReader.Entry bitmap : directory.entries()) {
            long lengthBytes = bitmap.tableEntries() * Long.BYTES;
            if (refer(Table.BITMAP_TABLE, bitmap.name(), bitmap.tableOffset(), lengthBytes)) {
                file.readPieces(
                        bitmap.tableOffset(), lengthBytes, (firstByte, piece) -> referToBits(bitmap, firstByte, piece));
            }
        }
    }

    private void referToBits(BitmapDirectoryReader.Entry bitmap, long firstByte, MemorySegment piece) {
        for (long position = 0; position < piece.byteSize(); position += Long.BYTES) {
            long entry = piece.get(BigEndian.LONG, position);
            long hostOffset = entry & L1Entry.OFFSET_MASK;
            Kind fault = bitmapEntryFault(entry);
            if (fault != null) {
                long index = (firstByte + position) / Long.BYTES;
                Place place = new Place(Table.BITMAP_TABLE, bitmap.name(), index, -1);
                tally.corruption(fault, place, hostOffset, 1, () -> "entry " + L2TableCheck.hex(entry));
            } else if (hostOffset != 0) {
                references.addBytes(hostOffset, geometry.clusterBytes(), 1);
            }
        }
    }

    /** What is wrong with an entry of a bitmap table (qcow2 specification, "Bitmap table"), or null. */
    private @Nullable Kind bitmapEntryFault(long entry) {
        return bitmapEntryFault(entry, rules);
    }

    static @Nullable Kind bitmapEntryFault(long entry, L2EntryRules rules) {
        long hostOffset = entry & L1Entry.OFFSET_MASK;
        if ((entry & BITMAP_RESERVED) != 0 || (hostOffset != 0 && (entry & 1) != 0)) {
            return Kind.RESERVED_BITS;
        }
        if (rules.geometry().offsetInCluster(hostOffset) != 0) {
            return Kind.NOT_ALIGNED;
        }
        return rules.isOutside(hostOffset, rules.geometry().clusterBytes()) ? Kind.OUTSIDE_FILE : null;
    }

    /** Last of all: a block must be the only user of its cluster. */
    private void referToRefcountBlocks() {
        long[] table = recorded.table();
        for (int index = 0; index < table.length; index++) {
            if (table[index] != 0) {
                referToRefcountBlock(index, table[index]);
            }
        }
    }

    private void referToRefcountBlock(int index, long entry) {
        long hostOffset = entry & RecordedCounts.BLOCK_OFFSET_MASK;
        long cluster = hostOffset >>> geometry.clusterBits();
        if (hostOffset != entry) {
            refcountBlockFault(Kind.RESERVED_BITS, index, hostOffset, () -> "entry " + L2TableCheck.hex(entry));
        } else if (geometry.offsetInCluster(hostOffset) != 0) {
            refcountBlockFault(Kind.NOT_ALIGNED, index, hostOffset, () -> "entry " + L2TableCheck.hex(entry));
        } else if (cluster >= references.clustersInUse()) {
            refcountBlockFault(Kind.OUTSIDE_FILE, index, hostOffset, () -> "the block lies past the end of the file");
        } else {
            references.addClusters(cluster, 1, 1);
            countedBlocks.add(cluster);
            int count = references.get(cluster);
            // What a count of this width cannot say is found as an overflow.
            if (Math.min(count, maxCount(geometry)) != 1) {
                Supplier<String> detail = () -> "the block is one of " + count + " users of its cluster";
                refcountBlockFault(Kind.SHARED_REFCOUNT_BLOCK, index, hostOffset, detail);
            }
        }
    }

    private void refcountBlockFault(Kind kind, int index, long hostOffset, Supplier<String> detail) {
        refcountBlocksSound = false;
        tally.corruption(kind, new Place(Table.REFCOUNT_TABLE, null, index, -1), hostOffset, 1, detail);
    }

    private void compare() {
        new CountComparison(geometry, references, recorded, tally).compare();
    }

    private long imageEndOffset() {
        long cluster = references.clustersInUse() - 1;
        while (cluster >= 0 && (recorded.isUnknown(cluster) || isUnused(cluster))) {
            cluster = skippingEmptyChunk(cluster);
        }
        return (Math.max(0, cluster) + 1) << geometry.clusterBits();
    }

    private boolean isUnused(long cluster) {
        return references.get(cluster) == 0 && recorded.counters().get(cluster) == 0;
    }

    private long skippingEmptyChunk(long cluster) {
        int chunk = (int) (cluster / ClusterCounters.CHUNK_CLUSTERS);
        boolean empty =
                references.counters().isEmptyChunk(chunk) && recorded.counters().isEmptyChunk(chunk);
        return empty ? (long) chunk * ClusterCounters.CHUNK_CLUSTERS - 1 : cluster - 1;
    }

    /** Counts what L1 tables lead to. */
    private final class ReferenceWalk implements L1Walk.Visitor {
        @Override
        public void l1Table(L1Place table) {
            refer(Table.L1, table.snapshot(), table.hostOffset(), (long) table.entries() * Long.BYTES);
        }

        @Override
        public boolean l1Entry(L1Place table, int index, long entry) throws IOException {
            long tableOffset = L1Entry.tableOffset(entry);
            if (!L1Entry.reservedBitsAreClear(entry)) {
                note(Kind.RESERVED_BITS, table, index, entry, "bits are set that must be 0");
            }
            boolean outside = rules.isOutside(tableOffset, geometry.clusterBytes());
            if (outside) {
                note(Kind.OUTSIDE_FILE, table, index, entry, "it points past the file's end");
            }
            if (geometry.offsetInCluster(tableOffset) != 0) {
                note(Kind.NOT_ALIGNED, table, index, entry, "it does not point at a cluster");
            }
            if (table.isActive() && tableOffset != 0) {
                checkCopied(table, index, entry, tableOffset);
            }
            return !outside;
        }

        private void checkCopied(L1Place table, int index, long entry, long tableOffset) throws IOException {
            int count = recorded.get(tableOffset >>> geometry.clusterBits());
            if (count != RecordedCounts.UNKNOWN && (count == 1) != L1Entry.isCopied(entry)) {
                tally.flagAgainstCount(
                        place(table, index),
                        tableOffset,
                        1,
                        () -> detail(entry, "the refcount of the L2 table is " + count));
            }
        }

        private void note(Kind kind, L1Place table, int index, long entry, String why) {
            tally.corruption(kind, place(table, index), L1Entry.tableOffset(entry), 1, () -> detail(entry, why));
        }

        private Place place(L1Place table, int index) {
            return new Place(Table.L1, table.snapshot(), index, index * geometry.guestBytesPerTable());
        }

        private static String detail(long entry, String why) {
            return "entry " + L2TableCheck.hex(entry) + ": " + why;
        }

        @Override
        public void l2Table(L1Walk.L2Use use) throws IOException {
            references.addBytes(use.hostOffset(), geometry.clusterBytes(), use.uses());
            // QEMU looks at a table's flags only where the L1 entry says more than that there is a table at 0, and
            // where
            // it could read the table's own refcount.
            boolean flagsCount = use.hostOffset() != 0
                    && recorded.get(use.hostOffset() >>> geometry.clusterBits()) != RecordedCounts.UNKNOWN;
            try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
                MemorySegment table = loan.segment(geometry.clusterBytes());
                file.read(use.hostOffset(), table);
                long guestStart = use.l1Index() * geometry.guestBytesPerTable();
                new L2TableCheck(
                                rules,
                                references,
                                recorded,
                                tally,
                                use.snapshot(),
                                guestStart,
                                use.uses(),
                                use.activeUses(),
                                flagsCount)
                        .check(table);
            }
        }
    }

    /** The largest count that the image's refcounts can have, as far as an int goes. */
    public static int maxCount(ImageGeometry geometry) {
        return (int) Math.min(Integer.MAX_VALUE, RefcountBits.maxCount(geometry.refcountOrder()));
    }
}
