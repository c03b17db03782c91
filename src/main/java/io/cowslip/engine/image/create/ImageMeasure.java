package io.cowslip.engine.image.create;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BitmapEntry;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.bitmap.BitmapInfo;
import io.cowslip.engine.image.layer.Qcow2Layer;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a new image will take on the host, as {@code qemu-img measure} counts: nothing of compression is known, and what a
 * backing file will share is taken for nothing.
 *
 * @param requiredBytes what the image takes once it reads like the disk
 * @param fullyAllocatedBytes what it takes once every cluster of its disk is written
 * @param bitmapsBytes what the disk's persistent bitmaps take besides; null: neither side can have any
 */
public record ImageMeasure(
        long requiredBytes,
        long fullyAllocatedBytes,
        @Nullable Long bitmapsBytes) {

    /** Measures an empty disk of so many bytes. */
    public static ImageMeasure ofEmpty(CreateOptions target, long sizeBytes) throws IOException {
        return measure(target, sizeBytes, 0, null);
    }

    /**
     * Measures a disk that is to be copied.
     *
     * @param observer told of the bytes of the disk that are looked at; no data is read
     */
    public static ImageMeasure ofCopy(CreateOptions target, DiskImage source, WorkObserver observer)
            throws IOException {
        boolean sparse = target.format() == ImageFormat.QCOW2;
        long dataBytes = sparse ? new DataClusterCount(source, target.clusterSizeBytes(), observer).bytes() : 0;
        return measure(target, source.virtualSizeBytes(), dataBytes, bitmapsBytes(target, source));
    }

    private static ImageMeasure measure(
            CreateOptions target, long wantedBytes, long dataBytes, @Nullable Long bitmapsBytes) throws ImageException {
        // No passphrase is needed to tell how much room keys take.
        CreateChecks.check(target.withEncrypt(null));
        long sizeBytes = CreateChecks.roundedSize(target, wantedBytes);
        if (target.format() == ImageFormat.RAW) {
            return new ImageMeasure(sizeBytes, sizeBytes, null);
        }
        ImageGeometry geometry = new ImageGeometry(
                Integer.numberOfTrailingZeros(target.clusterSizeBytes()),
                sizeBytes,
                Integer.numberOfTrailingZeros(target.refcountBits()),
                target.extendedL2());
        long fullBytes =
                InitialLayout.of(geometry, InitialLayout.Places.IN_FILE, 0).fileBytes()
                        + encryptionBytes(target, geometry);
        long metadataBytes = fullBytes - geometry.roundUpToCluster(sizeBytes);
        return new ImageMeasure(isFilled(target) ? fullBytes : metadataBytes + dataBytes, fullBytes, bitmapsBytes);
    }

    /** Whether all of the disk counts: it has its space from the start, or nobody knows how much a backing file has. */
    private static boolean isFilled(CreateOptions target) {
        return target.backingFile() != null
                || target.preallocation() == Preallocation.FALLOC
                || target.preallocation() == Preallocation.FULL;
    }

    private static long encryptionBytes(CreateOptions target, ImageGeometry geometry) throws ImageException {
        NewEncryption encryption = target.encrypt();
        return encryption == null ? 0 : geometry.roundUpToCluster(encryption.lengthBytes());
    }

    /** Bits, tables of them and the directory (qcow2 specification, "Bitmaps"), in clusters of the target. */
    private static @Nullable Long bitmapsBytes(CreateOptions target, DiskImage source) throws IOException {
        boolean mayHaveBitmaps = source.reading(layer -> layer instanceof Qcow2Layer image && image.version() > 2);
        if (target.format() == ImageFormat.RAW || target.version() < 3 || !mayHaveBitmaps || !source.tellsOfBitmaps()) {
            return null;
        }
        long clusterBytes = target.clusterSizeBytes();
        List<BitmapInfo> bitmaps = source.bitmaps().list();
        long directoryBytes = 0;
        long bytes = 0;
        for (BitmapInfo bitmap : bitmaps) {
            long bits = Math.ceilDiv(source.virtualSizeBytes(), bitmap.granularityBytes());
            long clusters = Math.ceilDiv(Math.ceilDiv(bits, Byte.SIZE), clusterBytes);
            bytes += clusters * clusterBytes + roundUp(clusters * Long.BYTES, clusterBytes);
            directoryBytes += BitmapEntry.of(bitmap.name(), 0, 0, 0, 0).sizeBytes();
        }
        return bytes + roundUp(directoryBytes, clusterBytes);
    }

    private static long roundUp(long bytes, long clusterBytes) {
        return Math.ceilDiv(bytes, clusterBytes) * clusterBytes;
    }
}
