package io.cowslip.engine.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;

/**
 * The directory of persistent bitmaps (qcow2 specification, "Bitmaps extension" and "Bitmap directory"), as far as a
 * writer must know it that does not keep bitmaps up to date: it marks them all as in use, which tells everybody that
 * they cannot be trusted. Just clearing the autoclear bit would say the same, but then {@code qemu-img check} finds the
 * bitmaps' clusters leaked.
 *
 * @param hostOffset where the directory lies
 * @param sizeBytes how long it is
 * @param count how many bitmaps it lists
 */
public record BitmapDirectory(long hostOffset, int sizeBytes, int count) {
    private static final int EXTENSION_BYTES = 24;
    private static final int MAX_BITMAPS = 65535;
    private static final int MAX_SIZE_BYTES = 64 << 20;

    private static final int ENTRY_FIXED_BYTES = 24;
    private static final int FLAGS = 12;
    private static final int NAME_BYTES = 18;
    private static final int EXTRA_BYTES = 20;
    private static final int IN_USE = 1;

    /** Reads the extension and checks that the directory lies in the file. */
    static BitmapDirectory parse(MemorySegment extension, ImageGeometry geometry, long fileSizeBytes)
            throws ImageException {
        if (extension.byteSize() != EXTENSION_BYTES) {
            throw invalid("extension has " + extension.byteSize() + " bytes; it must have " + EXTENSION_BYTES);
        }
        long count = Integer.toUnsignedLong(extension.get(BigEndian.INT, 0));
        long sizeBytes = extension.get(BigEndian.LONG, 8);
        long hostOffset = extension.get(BigEndian.LONG, 16);
        if (count == 0 || count > MAX_BITMAPS) {
            throw invalid("extension counts " + count + " bitmaps; there may be 1 to " + MAX_BITMAPS);
        }
        if (sizeBytes < count * ENTRY_FIXED_BYTES || sizeBytes > MAX_SIZE_BYTES) {
            throw invalid("directory has " + Long.toUnsignedString(sizeBytes) + " bytes; it may have "
                    + count * ENTRY_FIXED_BYTES + " to " + MAX_SIZE_BYTES);
        }
        if (hostOffset <= 0 || geometry.offsetInCluster(hostOffset) != 0 || hostOffset > fileSizeBytes - sizeBytes) {
            throw invalid("directory is at " + Long.toUnsignedString(hostOffset)
                    + "; it must start at a cluster and lie in the file of " + fileSizeBytes);
        }
        return new BitmapDirectory(hostOffset, (int) sizeBytes, (int) count);
    }

    /**
     * Marks every bitmap as in use.
     *
     * @param directory the directory's bytes, changed in place
     * @throws ImageException INVALID_FORMAT when an entry does not end within the directory; some may be marked then
     */
    public void markInUse(MemorySegment directory) throws ImageException {
        long offset = 0;
        for (int bitmap = 0; bitmap < count; bitmap++) {
            if (offset > sizeBytes - ENTRY_FIXED_BYTES) {
                throw invalid("directory ends within entry " + bitmap);
            }
            directory.set(BigEndian.INT, offset + FLAGS, directory.get(BigEndian.INT, offset + FLAGS) | IN_USE);
            long nameBytes = Short.toUnsignedLong(directory.get(BigEndian.SHORT, offset + NAME_BYTES));
            long extraBytes = Integer.toUnsignedLong(directory.get(BigEndian.INT, offset + EXTRA_BYTES));
            offset += (ENTRY_FIXED_BYTES + extraBytes + nameBytes + 7) & -8;
        }
    }

    private static ImageException invalid(String message) {
        return ImageException.of(ImageException.Kind.INVALID_FORMAT, "The bitmap " + message);
    }
}
