package io.cowslip.engine.image.export;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.FeatureNames;
import io.cowslip.engine.format.Features;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.RefcountBits;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The clusters of an exported image that come before its data: each is made when it is its turn. Every cluster of the file
 * is counted once, but those with compressed clusters as often as such a one touches it (qcow2 specification, "Host
 * cluster management").
 */
final class ExportMetadata {
    private final ImageGeometry geometry;
    private final ExportMap map;
    private final ExportLayout layout;
    private final byte[] header;

    private ExportMetadata(ExportMap map, ExportLayout layout, byte[] header) {
        this.geometry = map.geometry();
        this.map = map;
        this.layout = layout;
        this.header = header;
    }

    static ExportMetadata of(ExportMap map, ExportLayout layout, CompressionType compression) throws ImageException {
        return new ExportMetadata(
                map, layout, header(map.geometry(), layout, compression).toBytes());
    }

    private static ImageHeader header(ImageGeometry geometry, ExportLayout layout, CompressionType compression) {
        boolean zstd = compression == CompressionType.ZSTD;
        return new ImageHeader(
                3,
                geometry.clusterBits(),
                geometry.virtualSizeBytes(),
                ImageHeader.CRYPT_NONE,
                geometry.l1EntriesNeeded(),
                layout.offset(layout.l1Table()),
                layout.offset(ExportLayout.REFCOUNT_TABLE),
                layout.refcountTableClusters(),
                0,
                0,
                new Features(zstd ? Features.COMPRESSION_TYPE : 0, 0, 0),
                geometry.refcountOrder(),
                HeaderLayout.VERSION_3_LENGTH,
                zstd ? ImageHeader.COMPRESSION_ZSTD : ImageHeader.COMPRESSION_ZLIB,
                MemorySegment.ofArray(new byte[HeaderLayout.VERSION_3_LENGTH - HeaderLayout.COMPRESSION_TYPE - 1]),
                List.of(FeatureNames.table()),
                null);
    }

    /** Makes the cluster of this number in the file, which is one before the data. */
    void fill(long cluster, MemorySegment into) {
        into.fill((byte) 0);
        if (cluster == 0) {
            into.copyFrom(MemorySegment.ofArray(header));
        } else if (cluster < layout.refcountBlocks()) {
            fillRefcountTable(cluster - ExportLayout.REFCOUNT_TABLE, into);
        } else if (cluster < layout.l1Table()) {
            fillRefcounts(cluster - layout.refcountBlocks(), into);
        } else if (cluster < layout.l2Tables()) {
            fillL1(cluster - layout.l1Table(), into);
        } else {
            fillL2((int) (cluster - layout.l2Tables()), into);
        }
    }

    private void fillRefcountTable(long part, MemorySegment into) {
        long perCluster = geometry.clusterBytes() / Long.BYTES;
        long blocks = layout.l1Table() - layout.refcountBlocks();
        long first = part * perCluster;
        for (long entry = first; entry < Math.min(blocks, first + perCluster); entry++) {
            into.set(BigEndian.LONG, (entry - first) * Long.BYTES, layout.offset(layout.refcountBlocks() + entry));
        }
    }

    private void fillRefcounts(long block, MemorySegment into) {
        long first = block << geometry.refcountsPerBlockBits();
        long end = Math.min(layout.end(), first + (1L << geometry.refcountsPerBlockBits()));
        for (long cluster = first; cluster < end; cluster++) {
            if (cluster < layout.packed() || cluster >= layout.plain()) {
                RefcountBits.set(into, geometry.refcountOrder(), cluster - first, 1);
            }
        }
        countPacked(first, Math.max(first, layout.packed()), Math.min(end, layout.plain()), into);
    }

    /** Counts the compressed clusters in each cluster of the file from {@code from} to {@code to}. */
    private void countPacked(long firstOfBlock, long from, long to, MemorySegment into) {
        if (from >= to) {
            return;
        }
        ExportMap.Cursor cursor = map.cursorBeforePacked(layout.offset(from - layout.packed()));
        boolean before = true;
        while (before && cursor.next()) {
            if (!cursor.isPlain()) {
                long first = packedCluster(cursor.packedByte());
                long last = packedCluster(cursor.packedByte() + cursor.packedLength() - 1);
                for (long touched = Math.max(first, from); touched <= Math.min(last, to - 1); touched++) {
                    long count = RefcountBits.get(into, geometry.refcountOrder(), touched - firstOfBlock);
                    RefcountBits.set(into, geometry.refcountOrder(), touched - firstOfBlock, count + 1);
                }
                before = first < to;
            }
        }
    }

    private long packedCluster(long packedByte) {
        return layout.packed() + (packedByte >>> geometry.clusterBits());
    }

    private void fillL1(long part, MemorySegment into) {
        long perCluster = geometry.clusterBytes() / Long.BYTES;
        long first = part * perCluster;
        List<ExportTable> tables = map.tables();
        for (int table = map.tableBefore(first);
                table < tables.size() && tables.get(table).l1Index() < first + perCluster;
                table++) {
            long entry = tables.get(table).l1Index();
            if (entry >= first) {
                into.set(
                        BigEndian.LONG,
                        (entry - first) * Long.BYTES,
                        L1Entry.ofCopiedTable(layout.offset(layout.l2Tables() + table)));
            }
        }
    }

    private void fillL2(int tableIndex, MemorySegment into) {
        ExportTable table = map.tables().get(tableIndex);
        ExportMap.Cursor cursor = map.cursorFrom(tableIndex);
        while (cursor.next() && cursor.table() == table) {
            into.set(BigEndian.LONG, (long) cursor.indexInTable() * Long.BYTES, entry(cursor));
        }
    }

    private long entry(ExportMap.Cursor cursor) {
        if (cursor.isPlain()) {
            return L2Entry.ofCopiedData(layout.offset(layout.plain() + cursor.plainIndex()));
        }
        return L2Entry.ofCompressed(
                layout.offset(layout.packed()) + cursor.packedByte(), cursor.packedLength(), geometry.clusterBits());
    }
}
