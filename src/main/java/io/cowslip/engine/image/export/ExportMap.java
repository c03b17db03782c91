package io.cowslip.engine.image.export;

import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.map.GuestExtent;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * Which clusters of an exported image hold data, in the order of the disk, by the L2 tables that the image is to have.
 * Tables that would map nothing are left out.
 */
record ExportMap(ImageGeometry geometry, List<ExportTable> tables) {
    private static final long FIRST_REACH_BYTES = 64 << 20;
    private static final long MIN_REACH_BYTES = 64 << 10;

    /**
     * Notes what the disk's extents say: what reads as zeros holds no data.
     *
     * @param geometry of the exported image
     * @param requireUnchanged throws when the disk was written since the export began
     */
    static ExportMap of(DiskImage disk, ImageGeometry geometry, Runnable requireUnchanged, ExportPlanning planning)
            throws IOException {
        Builder builder = new Builder(geometry, planning);
        long reach = FIRST_REACH_BYTES;
        long position = 0;
        while (position < geometry.virtualSizeBytes()) {
            planning.requireWanted();
            GuestExtent extent = disk.extentAt(position, Math.min(reach, geometry.virtualSizeBytes() - position));
            requireUnchanged.run();
            if (!extent.zero()) {
                builder.add(position, position + extent.length());
            }
            position += extent.length();
            // Whoever looks up a run also looks at what may prolong it, which in a disk of small pieces is much.
            reach = Math.max(2 * extent.length(), MIN_REACH_BYTES);
        }
        return builder.build();
    }

    /** Takes runs of data in the order of the disk. */
    private static final class Builder {
        private final ImageGeometry geometry;
        private final ExportPlanning planning;
        private final List<ExportTable> tables = new ArrayList<>();
        private final ClusterSet.Builder clusters;
        private int l1Index;

        Builder(ImageGeometry geometry, ExportPlanning planning) {
            this.geometry = geometry;
            this.planning = planning;
            this.clusters = new ClusterSet.Builder(1 << geometry.l2EntriesPerTableBits());
        }

        void add(long start, long end) throws IOException {
            int tableBits = geometry.l2EntriesPerTableBits();
            long cluster = start >>> geometry.clusterBits();
            long endCluster = geometry.roundUpToCluster(end) >>> geometry.clusterBits();
            while (cluster < endCluster) {
                enterTable((int) (cluster >>> tableBits));
                long tableStart = (long) l1Index << tableBits;
                long tableEnd = Math.min(endCluster, tableStart + (1L << tableBits));
                clusters.add((int) (cluster - tableStart), (int) (tableEnd - tableStart));
                cluster = tableEnd;
            }
        }

        private void enterTable(int index) throws IOException {
            if (index != l1Index) {
                finishTable();
                l1Index = index;
            }
        }

        private void finishTable() throws IOException {
            if (!clusters.isEmpty()) {
                ClusterSet data = clusters.build();
                planning.reserve(ExportTable.memoryBytes(data, 0));
                tables.add(new ExportTable(l1Index, data, null));
            }
        }

        ExportMap build() throws IOException {
            finishTable();
            return placed(geometry, tables);
        }
    }

    /** A map of these tables, each of which has data. */
    static ExportMap placed(ImageGeometry geometry, List<ExportTable> tables) {
        long plain = 0;
        long packedBytes = 0;
        for (ExportTable table : tables) {
            table.place(plain, packedBytes);
            plain += table.plainClusters();
            packedBytes += table.packedBytes();
        }
        return new ExportMap(geometry, List.copyOf(tables));
    }

    /** Where everything goes. */
    ExportLayout layout() {
        if (tables.isEmpty()) {
            return ExportLayout.of(geometry, 0, 0, 0);
        }
        ExportTable last = tables.getLast();
        return ExportLayout.of(
                geometry,
                tables.size(),
                last.packedBytesBefore() + last.packedBytes(),
                last.plainBefore() + last.plainClusters());
    }

    /** The number on the disk of a table's cluster. */
    long guestCluster(ExportTable table, int indexInTable) {
        return ((long) table.l1Index() << geometry.l2EntriesPerTableBits()) + indexInTable;
    }

    /** The clusters with data, in the order of the disk, from the table of this number among the tables on. */
    Cursor cursorFrom(int tableIndex) {
        return new Cursor(tableIndex);
    }

    /** Those from the table on that has the plain cluster of this number, or comes before it. */
    Cursor cursorBeforePlain(long plainIndex) {
        return new Cursor(lastTable(table -> table.plainBefore() <= plainIndex));
    }

    /** Those from the table on that has this byte of the compressed clusters, or comes before it. */
    Cursor cursorBeforePacked(long packedByte) {
        return new Cursor(lastTable(table -> table.packedBytesBefore() <= packedByte));
    }

    /** The number among the tables of the last one that maps this L1 entry or one before it; 0 where there is none. */
    int tableBefore(long l1Index) {
        return lastTable(table -> table.l1Index() <= l1Index);
    }

    /** The last table that {@code isBefore} is true of, as it is of all before; 0 where there is none. */
    private int lastTable(Predicate<ExportTable> isBefore) {
        int low = 0;
        int high = tables.size() - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (isBefore.test(tables.get(middle))) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }

    /** Goes over clusters with data. At first before the first of them. */
    final class Cursor {
        private int tableIndex;
        private int index = -1;
        private int ordinal = -1;
        private long plainIndex;
        private long packedByte;

        private Cursor(int tableIndex) {
            this.tableIndex = tableIndex;
            enterTable();
        }

        private void enterTable() {
            index = -1;
            ordinal = -1;
            if (tableIndex < tables.size()) {
                plainIndex = table().plainBefore();
                packedByte = table().packedBytesBefore();
            }
        }

        /** Goes to the next cluster with data; false after the last. */
        boolean next() {
            while (tableIndex < tables.size()) {
                if (ordinal >= 0) {
                    plainIndex += isPlain() ? 1 : 0;
                    packedByte += packedLength();
                }
                index = table().nextData(index + 1);
                if (index >= 0) {
                    ordinal++;
                    return true;
                }
                tableIndex++;
                enterTable();
            }
            return false;
        }

        ExportTable table() {
            return tables.get(tableIndex);
        }

        /** The cluster's number in its table. */
        int indexInTable() {
            return index;
        }

        /** The cluster's number on the disk. */
        long guestCluster() {
            return ExportMap.this.guestCluster(table(), index);
        }

        boolean isPlain() {
            return packedLength() == 0;
        }

        /** Bytes of the compressed cluster; 0 where it is plain. */
        int packedLength() {
            return table().packedLength(ordinal);
        }

        /** How many plain clusters come before. */
        long plainIndex() {
            return plainIndex;
        }

        /** How many bytes of compressed clusters come before. */
        long packedByte() {
            return packedByte;
        }
    }
}
