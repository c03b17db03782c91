package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.codec.ClusterCodec;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.util.Arrays;

/** The compressed clusters of an exported image: measured first, then made once more to be sent. On all cores. */
final class ExportCompression {
    private ExportCompression() {}

    /** Finds out how long each cluster is, and which ones are zeros after all. */
    static ExportMap measure(ExportMap map, ExportBatch batch, ClusterCodec codec) throws IOException {
        int clusterBytes = map.geometry().clusterBytes();
        for (ExportTable table : map.tables()) {
            Lengths lengths = new Lengths(table);
            int index = table.nextData(0);
            while (index >= 0) {
                int first = index;
                while (index >= 0 && !batch.isFull()) {
                    batch.add(map.guestCluster(table, index));
                    index = table.nextData(index + 1);
                }
                try (PackedClusters packed = PackedClusters.pack(codec, batch.read(), clusterBytes, true)) {
                    lengths.note(packed, first);
                }
                batch.clear();
            }
            lengths.done();
        }
        return map.placedAgain();
    }

    private static final class Lengths {
        private final ExportTable table;
        private final char[] lengths;
        private int count;

        Lengths(ExportTable table) {
            this.table = table;
            this.lengths = new char[table.dataClusters()];
        }

        void note(PackedClusters packed, int firstIndex) {
            int index = firstIndex;
            for (int cluster = 0; cluster < packed.clusters(); cluster++) {
                int following = table.nextData(index + 1);
                if (packed.isZero(cluster)) {
                    table.clearData(index);
                } else {
                    lengths[count++] = packed.isPlain(cluster) ? 0 : (char) packed.lengthBytes(cluster);
                }
                index = following;
            }
        }

        void done() {
            table.setPackedLengths(Arrays.copyOf(lengths, count));
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
