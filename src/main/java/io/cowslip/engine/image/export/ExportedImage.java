package io.cowslip.engine.image.export;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.codec.ClusterCodec;
import io.cowslip.engine.codec.EncoderFingerprint;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A disk as a qcow2 file of its own, made from front to back while it is sent, with nothing of it on the host: version 3,
 * clusters of 64 KiB, no backing file, no snapshots. It has the clusters that the disk has data in. The same disk gives the
 * same file, so that any range of it can be sent.
 *
 * <p>Where its clusters are compressed, all are compressed twice: {@link #plan} finds out how long they are, since the
 * tables come first, and {@link #send} makes them. Lengths are kept in between, two bytes a cluster. All that is kept
 * is reserved first, and little of it where the disk's data lies in long runs.
 *
 * <p>The disk must not change. Whoever has it says by a check, made after each read and before what was read is used,
 * whether that is so. Used by one thread.
 */
public final class ExportedImage implements AutoCloseable {
    private static final int CLUSTER_BITS = 16;
    private static final int REFCOUNT_ORDER = 4;

    /** Raised whenever the same disk makes another file than before, but for what an encoder does. */
    private static final int LAYOUT_VERSION = 1;

    private static final Map<CompressionType, String> ENCODERS = new ConcurrentHashMap<>();

    private final DiskImage disk;
    private final Runnable requireUnchanged;
    private final ExportMap map;
    private final ExportLayout layout;
    private final ExportMetadata metadata;
    private final @Nullable ClusterCodec codec;

    private ExportedImage(
            DiskImage disk,
            Runnable requireUnchanged,
            ExportMap map,
            ExportLayout layout,
            ExportMetadata metadata,
            @Nullable ClusterCodec codec) {
        this.disk = disk;
        this.requireUnchanged = requireUnchanged;
        this.map = map;
        this.layout = layout;
        this.metadata = metadata;
        this.codec = codec;
    }

    /** Where the file goes, piece by piece. Pieces are native memory that is good for the call only. */
    @FunctionalInterface
    public interface Sink {
        void put(MemorySegment piece) throws IOException;
    }

    /**
     * Finds out what the file consists of.
     *
     * @param compression how clusters are compressed; null: not at all
     * @param requireUnchanged throws when the disk was written since the export began
     * @param planning asked for memory, and whether to go on
     * @throws ImageException UNSUPPORTED_FEATURE when the disk is larger than such a file may have
     */
    public static ExportedImage plan(
            DiskImage disk, @Nullable CompressionType compression, Runnable requireUnchanged, ExportPlanning planning)
            throws IOException {
        ImageGeometry geometry = new ImageGeometry(CLUSTER_BITS, disk.virtualSizeBytes(), REFCOUNT_ORDER, false);
        requireRepresentable(geometry);
        ExportMap map = ExportMap.of(disk, geometry, requireUnchanged, planning);
        ClusterCodec codec = compression == null ? null : codec(compression);
        boolean planned = false;
        try {
            if (codec != null) {
                try (ExportBatch batch = new ExportBatch(disk, geometry, requireUnchanged)) {
                    map = ExportCompression.measure(map, batch, codec, planning);
                }
            }
            ExportLayout layout = map.layout();
            layout.requireCountable();
            ExportMetadata metadata =
                    ExportMetadata.of(map, layout, compression == null ? CompressionType.ZLIB : compression);
            planned = true;
            return new ExportedImage(disk, requireUnchanged, map, layout, metadata, codec);
        } finally {
            if (!planned && codec != null) {
                codec.close();
            }
        }
    }

    /** Tells the files that this makes from those that another version of it, or of its encoder, makes of the same disk. */
    public static String version(@Nullable CompressionType compression) {
        return compression == null
                ? String.valueOf(LAYOUT_VERSION)
                : LAYOUT_VERSION + "." + ENCODERS.computeIfAbsent(compression, ExportedImage::encoder);
    }

    private static String encoder(CompressionType compression) {
        try (ClusterCodec codec = codec(compression)) {
            return EncoderFingerprint.of(codec);
        }
    }

    private static ClusterCodec codec(CompressionType compression) {
        return ClusterCodec.of(
                compression == CompressionType.ZSTD ? ImageHeader.COMPRESSION_ZSTD : ImageHeader.COMPRESSION_ZLIB);
    }

    private static void requireRepresentable(ImageGeometry geometry) throws ImageException {
        long most = ImageGeometry.MAX_L1_BYTES / Long.BYTES * geometry.guestBytesPerTable();
        if (geometry.virtualSizeBytes() > most) {
            throw ImageException.of(
                    ImageException.Kind.UNSUPPORTED_FEATURE,
                    "the disk has " + geometry.virtualSizeBytes() + " bytes; a qcow2 file with clusters of "
                            + geometry.clusterBytes() + " bytes maps at most " + most);
        }
    }

    /** Bytes of the file. */
    public long sizeBytes() {
        return layout.sizeBytes();
    }

    /** Makes a range of the file. What fails leaves a prefix made. */
    public void send(long start, long lengthBytes, Sink sink) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(map.geometry().clusterBytes());
                ExportBatch batch = new ExportBatch(disk, map.geometry(), requireUnchanged)) {
            ExportWindow window = new ExportWindow(start, start + lengthBytes, sink);
            sendMetadata(window, loan.segment(map.geometry().clusterBytes()));
            if (codec != null) {
                ExportCompression.send(map, layout, batch, codec, window);
            }
            sendPlain(window, batch);
        }
    }

    private void sendMetadata(ExportWindow window, MemorySegment cluster) throws IOException {
        while (window.position() < layout.offset(layout.packed()) && !window.isDone()) {
            long number = window.position() >>> CLUSTER_BITS;
            metadata.fill(number, cluster);
            requireUnchanged.run();
            window.put(layout.offset(number), cluster);
        }
    }

    private void sendPlain(ExportWindow window, ExportBatch batch) throws IOException {
        if (window.isDone()) {
            return;
        }
        long next = (window.position() >>> CLUSTER_BITS) - layout.plain();
        ExportMap.Cursor cursor = map.cursorBeforePlain(next);
        while (!window.isDone() && cursor.next()) {
            if (cursor.isPlain() && cursor.plainIndex() >= next) {
                batch.add(cursor.guestCluster());
                if (batch.isFull() || layout.offset(layout.plain() + next + batch.clusters()) >= window.end()) {
                    window.put(layout.offset(layout.plain() + next), batch.read());
                    next += batch.clusters();
                    batch.clear();
                }
            }
        }
    }

    @Override
    public void close() {
        if (codec != null) {
            codec.close();
        }
    }
}
