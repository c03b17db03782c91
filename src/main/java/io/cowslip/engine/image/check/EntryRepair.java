package io.cowslip.engine.image.check;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Makes the entries of L1 and L2 tables say only what they may: those that point nowhere are dropped, surplus bits are
 * cleared ({@link L2EntryRules#repaired}). Each is changed in one write where it lies, and nothing but pointers that are
 * wrong is lost, so it may be interrupted anywhere.
 *
 * <p>What looks like an L2 table but is used as something else too, and makes no sense as a table, is left alone: the
 * pointer to it is dropped.
 */
final class EntryRepair {
    private final RepairFile target;
    private final CheckRun found;
    private final MetadataFile file;
    private final ImageGeometry geometry;
    private final L2EntryRules rules;
    private final ClusterCounters noTables;

    EntryRepair(RepairFile target, CheckRun found, WorkThreads threads) throws ImageException {
        this.target = target;
        this.found = found;
        this.file = new MetadataFile(target.file(), threads);
        this.rules = found.rules();
        this.geometry = rules.geometry();
        this.noTables = new ClusterCounters(found.references().clusters());
    }

    void repair(List<L1Place> l1Tables) throws IOException {
        L1Walk walk = new L1Walk(geometry, file, rules);
        walk.walk(l1Tables, new L2Repair());
        walk.walk(l1Tables, new L1Repair());
    }

    /** What an L1 entry is made, apart from what becomes of the table that it leads to. */
    private long repaired(long entry) {
        long tableOffset = L1Entry.tableOffset(entry);
        boolean lost = tableOffset == 0
                || geometry.offsetInCluster(tableOffset) != 0
                || rules.isOutside(tableOffset, geometry.clusterBytes())
                || found.isFixedMetadata(tableOffset >>> geometry.clusterBits());
        return lost ? 0 : entry & (L1Entry.COPIED | L1Entry.OFFSET_MASK);
    }

    /** Goes first: repairs the tables, and finds out which are none. */
    private final class L2Repair implements L1Walk.Visitor {
        @Override
        public void l1Table(L1Place table) {}

        @Override
        public boolean l1Entry(L1Place table, int index, long entry) {
            return repaired(entry) != 0;
        }

        @Override
        public void l2Table(L1Walk.L2Use use) throws IOException {
            try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
                MemorySegment table = loan.segment(geometry.clusterBytes());
                file.read(use.hostOffset(), table);
                if (!repair(table)) {
                    return;
                }
                long cluster = use.hostOffset() >>> geometry.clusterBits();
                if (found.references().get(cluster) == use.uses()) {
                    target.write(use.hostOffset(), table);
                } else {
                    noTables.add(cluster, 1, 1);
                }
            }
        }

        /** Repairs the entries in memory; says whether that changed any. */
        private boolean repair(MemorySegment table) {
            boolean changed = false;
            int entryBytes = geometry.l2EntryBytes();
            for (long position = 0; position < table.byteSize(); position += entryBytes) {
                long entry = table.get(BigEndian.LONG, position);
                long bitmap = geometry.extendedL2() ? table.get(BigEndian.LONG, position + Long.BYTES) : 0;
                int faults = (entry | bitmap) == 0 ? 0 : rules.faults(entry, bitmap);
                if (faults != 0) {
                    table.set(BigEndian.LONG, position, rules.repaired(entry, faults));
                    if (geometry.extendedL2()) {
                        table.set(BigEndian.LONG, position + Long.BYTES, rules.repairedBitmap(entry, bitmap, faults));
                    }
                    changed = true;
                }
            }
            return changed;
        }
    }

    /** Goes second: repairs the entries that lead to tables. */
    private final class L1Repair implements L1Walk.Visitor {
        @Override
        public void l1Table(L1Place table) {}

        @Override
        public boolean l1Entry(L1Place table, int index, long entry) throws IOException {
            long wanted = repaired(entry);
            if (wanted != 0 && noTables.get(L1Entry.tableOffset(wanted) >>> geometry.clusterBits()) > 0) {
                wanted = 0;
            }
            if (wanted != entry) {
                target.writeLong(table.hostOffset() + (long) index * Long.BYTES, wanted);
            }
            return false;
        }

        @Override
        public void l2Table(L1Walk.L2Use use) throws IOException {
            throw ImageException.of(ImageException.Kind.CORRUPT, "no table was asked for");
        }
    }
}
