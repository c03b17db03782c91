package io.cowslip.engine.image.convert;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.SnapshotRecord;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.check.CheckRun;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.check.ImageRepair;
import io.cowslip.engine.image.check.L1Place;
import io.cowslip.engine.image.check.L1Walk;
import io.cowslip.engine.image.check.MetadataFile;
import io.cowslip.engine.image.check.NewRefcounts;
import io.cowslip.engine.image.check.ReferenceCounts;
import io.cowslip.engine.image.check.RepairFile;
import io.cowslip.engine.image.snapshot.SnapshotReader;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Takes out of an image without subclusters what version 2 cannot say: that a cluster reads as zeros. A cluster that has
 * its place to itself becomes one of data, which are zeros. Any other becomes one that is not allocated where nothing
 * lies below the image, and gets a new place for its zeros where something does. So does {@code qemu-img amend}.
 *
 * <p>One step after the other is made durable, and none changes what the disk or a snapshot reads as; so an interruption
 * leaves an image with leaks at most:
 *
 * <pre>
 *   zeros into the places there are → new places, counted by new refcounts → sync → header leads to these → sync
 *                → L2 entries → sync → counts of what lost its last reference drop
 * </pre>
 */
final class ZeroClusters {
    /** No entry: bits are set in it that never are together. */
    private static final long NEEDS_PLACE = -1;

    private final RepairFile target;
    private final ImageHeader header;
    private final ImageGeometry geometry;
    private final boolean hidesBacking;
    private final WorkObserver observer;
    private final List<L1Place> l1Tables = new ArrayList<>();

    /** The first of the new clusters of each L2 table that gets some, by the table's host offset. */
    private final Map<Long, Long> newPlaces = new ConcurrentHashMap<>();

    private final AtomicLong changes = new AtomicLong();
    private final AtomicLong placesNeeded = new AtomicLong();

    /** @param hidesBacking whether there is something below the image now, or will be */
    ZeroClusters(RepairFile target, ImageHeader header, boolean hidesBacking, WorkObserver observer)
            throws IOException {
        this.target = target;
        this.header = header;
        this.hidesBacking = hidesBacking;
        this.observer = observer;
        this.geometry = header.geometry();
        l1Tables.add(new L1Place(null, header.l1TableOffset(), header.l1Entries()));
        for (SnapshotRecord snapshot :
                SnapshotReader.read(target.file(), header).snapshots()) {
            l1Tables.add(new L1Place(snapshot.id(), snapshot.l1TableOffset(), snapshot.l1Entries()));
        }
    }

    /**
     * Expands them all, durable when this returns.
     *
     * @param found what a check of the image found, which is no corruption
     * @return whether anything was there to be changed
     * @throws ImageException UNSUPPORTED_FEATURE where the zeros would have to be encrypted; NO_SPACE
     */
    boolean expand(CheckRun found) throws IOException {
        walk(found, this::keepPlaces);
        if (changes.get() == 0) {
            return false;
        }
        CheckRun current = found;
        if (placesNeeded.get() > 0) {
            Places made = target.growing(this::makePlaces);
            target.putRefcountTable(
                    made.refcounts.tableOffset(), made.refcounts.tableClusters(), geometry.refcountOrder());
            current = made.found;
        }
        target.sync();
        walk(current, this::rewrite);
        target.sync();
        ImageRepair.repair(target.file(), ImageCheck.Repair.LEAKS, observer);
        return true;
    }

    /** New clusters, which a check that knows of them found, and the refcounts that count them. */
    private record Places(CheckRun found, NewRefcounts.Place refcounts) {}

    /** The file gets longer first, so that what counts its clusters has room for the new ones. */
    private Places makePlaces() throws IOException {
        long firstNew = geometry.roundUpToCluster(target.file().sizeBytes()) >>> geometry.clusterBits();
        target.file().truncate((firstNew + placesNeeded.get()) << geometry.clusterBits());
        CheckRun longer = CheckRun.over(target.file(), header, observer);
        AtomicLong next = new AtomicLong(firstNew);
        walk(longer, (use, table, references) -> assignPlaces(use, table, references, next));
        return new Places(longer, new NewRefcounts(target, geometry, longer, new WorkThreads(observer)).write());
    }

    /** What is done with an L2 table. Several at once, in several threads. */
    @FunctionalInterface
    private interface Step {
        void take(L1Walk.L2Use use, MemorySegment table, ReferenceCounts references) throws IOException;
    }

    private void walk(CheckRun found, Step step) throws IOException {
        MetadataFile file = new MetadataFile(target.file(), new WorkThreads(observer));
        new L1Walk(geometry, file, found.rules()).walk(l1Tables, new L1Walk.Visitor() {
            @Override
            public void l1Table(L1Place table) {}

            @Override
            public boolean l1Entry(L1Place table, int index, long entry) {
                return L1Entry.tableOffset(entry) != 0;
            }

            @Override
            public void l2Table(L1Walk.L2Use use) throws IOException {
                try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
                    MemorySegment table = loan.segment(geometry.clusterBytes());
                    file.read(use.hostOffset(), table);
                    step.take(use, table, found.references());
                }
            }
        });
    }

    private void keepPlaces(L1Walk.L2Use use, MemorySegment table, ReferenceCounts references) throws IOException {
        for (long position = 0; position < table.byteSize(); position += Long.BYTES) {
            long entry = table.get(BigEndian.LONG, position);
            if (readsAsZeros(entry)) {
                requirePlainZeros();
                changes.incrementAndGet();
                long expanded = expanded(entry, use, references);
                if (expanded == NEEDS_PLACE) {
                    placesNeeded.incrementAndGet();
                } else if (expanded != 0) {
                    target.zero(L2Entry.hostOffset(entry), geometry.clusterBytes());
                }
            }
        }
    }

    private void requirePlainZeros() throws ImageException {
        if (isEncrypted() && hidesBacking) {
            throw ImageException.of(
                    ImageException.Kind.UNSUPPORTED_FEATURE,
                    target.file().path(),
                    "compat 0.10 has no zero clusters, and to write the zeros that hide the backing file takes the key of"
                            + " this encrypted image; \"qemu-img amend\" does it with the passphrase");
        }
    }

    private boolean isEncrypted() {
        return header.cryptMethod() != ImageHeader.CRYPT_NONE;
    }

    private static boolean readsAsZeros(long entry) {
        return !L2Entry.isCompressed(entry) && L2Entry.isZero(entry);
    }

    /** What becomes of an entry that reads as zeros; {@link #NEEDS_PLACE} where it needs a new cluster. */
    private long expanded(long entry, L1Walk.L2Use use, ReferenceCounts references) {
        long hostOffset = L2Entry.hostOffset(entry);
        boolean hasPlaceToItself =
                hostOffset != 0 && references.get(hostOffset >>> geometry.clusterBits()) == use.uses();
        if (hasPlaceToItself && !isEncrypted()) {
            return entry & ~L2Entry.ZERO;
        }
        return hidesBacking ? NEEDS_PLACE : 0;
    }

    private void assignPlaces(
            L1Walk.L2Use use, MemorySegment table, ReferenceCounts references, AtomicLong nextCluster) {
        int needed = 0;
        for (long position = 0; position < table.byteSize(); position += Long.BYTES) {
            long entry = table.get(BigEndian.LONG, position);
            if (readsAsZeros(entry) && expanded(entry, use, references) == NEEDS_PLACE) {
                needed++;
            }
        }
        if (needed > 0) {
            long first = nextCluster.getAndAdd(needed);
            newPlaces.put(use.hostOffset(), first);
            references.addClusters(first, needed, use.uses());
        }
    }

    private void rewrite(L1Walk.L2Use use, MemorySegment table, ReferenceCounts references) throws IOException {
        long nextPlace = newPlaces.getOrDefault(use.hostOffset(), 0L) << geometry.clusterBits();
        boolean changed = false;
        for (long position = 0; position < table.byteSize(); position += Long.BYTES) {
            long entry = table.get(BigEndian.LONG, position);
            if (!readsAsZeros(entry)) {
                continue;
            }
            long expanded = expanded(entry, use, references);
            if (expanded == NEEDS_PLACE) {
                expanded = use.uses() == 1 ? L2Entry.ofCopiedData(nextPlace) : nextPlace;
                nextPlace += geometry.clusterBytes();
            }
            table.set(BigEndian.LONG, position, expanded);
            changed = true;
        }
        if (changed) {
            target.write(use.hostOffset(), table);
        }
    }
}
