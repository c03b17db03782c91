package io.cowslip.engine.image.check;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L1Entry;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Goes through L1 tables, and then through the L2 tables that they lead to: each once, in the order of the file, on all
 * cores.
 */
public final class L1Walk {
    private final ImageGeometry geometry;
    private final MetadataFile file;
    private final L2EntryRules rules;

    /** @param rules what entries may say */
    public L1Walk(ImageGeometry geometry, MetadataFile file, L2EntryRules rules) {
        this.geometry = geometry;
        this.file = file;
        this.rules = rules;
    }

    /**
     * An L2 table.
     *
     * @param hostOffset where it lies; in a damaged image maybe not at a cluster
     * @param snapshot to which snapshot's L1 table the first L1 entry belongs that leads here; null for the active one
     * @param l1Index which entry that is
     * @param uses how many L1 entries lead here
     * @param activeUses how many of these are of the active table
     */
    public record L2Use(long hostOffset, @Nullable String snapshot, int l1Index, int uses, int activeUses) {}

    /** Who is shown the tables. */
    public interface Visitor {
        /** An L1 table, before its entries. */
        void l1Table(L1Place table);

        /** An entry that is not 0; says whether to go on to the L2 table. */
        boolean l1Entry(L1Place table, int index, long entry) throws IOException;

        /** An L2 table. Several at once, in several threads. */
        void l2Table(L2Use use) throws IOException;
    }

    /** Shows each L2 table to {@code visitor}, on several threads at once. */
    public void walk(List<L1Place> tables, Visitor visitor) throws IOException {
        TableUses uses = new TableUses(geometry.clusterBits());
        for (int number = 0; number < tables.size(); number++) {
            L1Place table = tables.get(number);
            int l1Number = number;
            visitor.l1Table(table);
            if (rules.isOutside(table.hostOffset(), 1)) {
                continue;
            }
            file.readPieces(table.hostOffset(), (long) table.entries() * Long.BYTES, (firstByte, piece) -> {
                int first = (int) (firstByte / Long.BYTES);
                for (int i = 0; i < piece.byteSize() / Long.BYTES; i++) {
                    long entry = piece.get(BigEndian.LONG, (long) i * Long.BYTES);
                    if (entry != 0 && visitor.l1Entry(table, first + i, entry)) {
                        follow(tables, l1Number, first + i, L1Entry.tableOffset(entry), uses, visitor);
                    }
                }
            });
        }
        visit(tables, uses, visitor);
    }

    private void follow(
            List<L1Place> tables, int l1Number, int index, long tableOffset, TableUses uses, Visitor visitor)
            throws IOException {
        L1Place table = tables.get(l1Number);
        if (geometry.offsetInCluster(tableOffset) != 0) {
            visitor.l2Table(new L2Use(tableOffset, table.snapshot(), index, 1, table.isActive() ? 1 : 0));
            return;
        }
        uses.add(tableOffset, l1Number, index);
        if (uses.isFull()) {
            visit(tables, uses, visitor);
        }
    }

    private void visit(List<L1Place> tables, TableUses uses, Visitor visitor) throws IOException {
        uses.sort();
        file.threads().expect((long) uses.tables() << geometry.clusterBits());
        file.threads().run(uses.tables(), table -> {
            long origin = uses.firstOrigin(table);
            visitor.l2Table(new L2Use(
                    uses.tableOffset(table),
                    tables.get(TableUses.l1Number(origin)).snapshot(),
                    TableUses.l1Index(origin),
                    uses.uses(table),
                    uses.activeUses(table)));
        });
        uses.clear();
    }
}
