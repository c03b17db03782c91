package io.cowslip.engine.image.export;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.codec.ClusterCodec;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.layer.PackedClusters;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The compressed clusters of an exported image: measured first, then made once more to be sent. On all cores. */
final class ExportCompression {
    private ExportCompression() {}

    /** Finds out how long each cluster is, and which ones are zeros after all. */
    static ExportMap measure(ExportMap map, ExportBatch batch, ClusterCodec codec, ExportPlanning planning)
            throws IOException {
        int clusterBytes = map.geometry().clusterBytes();
        Lengths lengths = new Lengths(1 << map.geometry().l2EntriesPerTableBits());
        List<ExportTable> measured = new ArrayList<>();
        for (ExportTable table : map.tables()) {
            int index = table.nextData(0);
            while (index >= 0) {
                planning.requireWanted();
                int first = index;
                while (index >= 0 && !batch.isFull()) {
                    batch.add(map.guestCluster(table, index));
                    index = table.nextData(index + 1);
                }
                try (PackedClusters packed = PackedClusters.pack(codec, batch.read(), clusterBytes, true)) {
                    lengths.note(table, packed, first);
                }
                batch.clear();
            }
            lengths.moveTo(measured, table.l1Index(), planning);
        }
        return ExportMap.placed(map.geometry(), measured);
    }

    /** What is known so far of one table after the other. */
    private static final class Lengths {
        private final ClusterSet.Builder data;
        private final char[] lengths;
        private int count;

        Lengths(int tableClusters) {
            this.data = new ClusterSet.Builder(tableClusters);
            this.lengths = new char[tableClusters];
        }

        void note(ExportTable table, PackedClusters packed, int firstIndex) {
            int index = firstIndex;
            for (int cluster = 0; cluster < packed.clusters(); cluster++) {
                if (!packed.isZero(cluster)) {
                    data.add(index, index + 1);
                    lengths[count++] = packed.isPlain(cluster) ? 0 : (char) packed.lengthBytes(cluster);
                }
                index = table.nextData(index + 1);
            }
        }

        void moveTo(List<ExportTable> tables, int l1Index, ExportPlanning planning) throws IOException {
            if (count > 0) {
                ClusterSet measured = data.build();
                planning.reserve(ExportTable.memoryBytes(measured, count));
                tables.add(new ExportTable(l1Index, measured, Arrays.copyOf(lengths, count)));
                count = 0;
            }
        }
    }

    /** Sends what the window has of the compressed clusters and of the zeros that fill the last cluster of the file. */
    static void send(ExportMap map, ExportLayout layout, ExportBatch batch, ClusterCodec codec, ExportWindow window)
            throws IOException {
        long regionStart = layout.offset(layout.packed());
        long regionEnd = layout.offset(layout.plain());
        if (window.isDone() || window.position() >= regionEnd) {
            return;
        }
        ExportMap.Cursor cursor = map.cursorBeforePacked(window.position() - regionStart);
        int[] lengths = new int[batch.capacity()];
        long batchOffset = regionStart;
        boolean more = cursor.next();
        while (more && !window.isDone()) {
            long end = regionStart + cursor.packedByte() + cursor.packedLength();
            if (!cursor.isPlain() && end > window.position()) {
                if (batch.clusters() == 0) {
                    batchOffset = end - cursor.packedLength();
                }
                lengths[batch.clusters()] = cursor.packedLength();
                batch.add(cursor.guestCluster());
            }
            more = cursor.next();
            if (batch.clusters() > 0 && (batch.isFull() || !more || end >= window.end())) {
                sendBatch(map.geometry(), batch, lengths, batchOffset, codec, window);
                batch.clear();
            }
        }
        sendPadding(regionEnd, window);
    }

    private static void sendBatch(
            ImageGeometry geometry,
            ExportBatch batch,
            int[] lengths,
            long batchOffset,
            ClusterCodec codec,
            ExportWindow window)
            throws IOException {
        try (PackedClusters packed = PackedClusters.pack(codec, batch.read(), geometry.clusterBytes(), true)) {
            long offset = batchOffset;
            for (int cluster = 0; cluster < packed.clusters(); cluster++) {
                if (packed.lengthBytes(cluster) != lengths[cluster]) {
                    throw ImageException.of(
                            ImageException.Kind.IO,
                            "a cluster has " + packed.lengthBytes(cluster) + " bytes compressed, and had "
                                    + lengths[cluster] + " when it was measured");
                }
                window.put(offset, packed.payload(cluster));
                offset += lengths[cluster];
            }
        }
    }

    private static void sendPadding(long regionEnd, ExportWindow window) throws IOException {
        long left = Math.min(regionEnd, window.end()) - window.position();
        if (left > 0) {
            try (IoBuffers.Loan loan = IoBuffers.borrow(left)) {
                window.put(window.position(), loan.segment(left).fill((byte) 0));
            }
        }
    }
}
