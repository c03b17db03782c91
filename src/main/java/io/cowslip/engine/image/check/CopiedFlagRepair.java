package io.cowslip.engine.image.check;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Makes the COPIED flags of the active tables agree with the references that there are. A flag too many is dangerous, a
 * flag too few only slow: so they are cleared before counts change, and set after.
 */
final class CopiedFlagRepair {
    private final RepairFile target;
    private final MetadataFile file;
    private final ImageHeader header;
    private final ImageGeometry geometry;
    private final L2EntryRules rules;
    private final ReferenceCounts references;

    CopiedFlagRepair(RepairFile target, ImageHeader header, CheckRun found, WorkThreads threads) {
        this.target = target;
        this.file = new MetadataFile(target.file(), threads);
        this.header = header;
        this.geometry = header.geometry();
        this.rules = found.rules();
        this.references = found.references();
    }

    /** Clears the flag wherever there is not exactly one reference. */
    void clear() throws IOException {
        change(false);
    }

    /** Sets the flag wherever there is exactly one reference. */
    void set() throws IOException {
        change(true);
    }

    private void change(boolean setting) throws IOException {
        L1Place active = new L1Place(null, header.l1TableOffset(), header.l1Entries());
        new L1Walk(geometry, file, rules).walk(List.of(active), new FlagWalk(setting));
    }

    private final class FlagWalk implements L1Walk.Visitor {
        private final boolean setting;

        FlagWalk(boolean setting) {
            this.setting = setting;
        }

        @Override
        public void l1Table(L1Place table) {}

        @Override
        public boolean l1Entry(L1Place table, int index, long entry) throws IOException {
            long tableOffset = L1Entry.tableOffset(entry);
            if (tableOffset == 0
                    || geometry.offsetInCluster(tableOffset) != 0
                    || rules.isOutside(tableOffset, geometry.clusterBytes())) {
                return false;
            }
            long wanted = flagged(entry, isSole(tableOffset));
            if (wanted != entry) {
                target.writeLong(table.hostOffset() + (long) index * Long.BYTES, wanted);
            }
            return true;
        }

        @Override
        public void l2Table(L1Walk.L2Use use) throws IOException {
            try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
                MemorySegment table = loan.segment(geometry.clusterBytes());
                file.read(use.hostOffset(), table);
                if (change(table)) {
                    target.write(use.hostOffset(), table);
                }
            }
        }

        private boolean change(MemorySegment table) {
            boolean changed = false;
            for (long position = 0; position < table.byteSize(); position += geometry.l2EntryBytes()) {
                long entry = table.get(BigEndian.LONG, position);
                if (entry != 0 && rules.type(entry) == L2EntryRules.Type.DATA) {
                    long wanted = flagged(entry, rules.dataFile() || isSole(L2Entry.hostOffset(entry)));
                    if (wanted != entry) {
                        table.set(BigEndian.LONG, position, wanted);
                        changed = true;
                    }
                }
            }
            return changed;
        }

        /** The flag has the same bit in both kinds of entries. */
        private long flagged(long entry, boolean sole) {
            if (sole) {
                return setting ? entry | L2Entry.COPIED : entry;
            }
            return setting ? entry : entry & ~L2Entry.COPIED;
        }

        private boolean isSole(long hostOffset) {
            long cluster = hostOffset >>> geometry.clusterBits();
            return cluster < references.clusters() && references.get(cluster) == 1;
        }
    }
}
