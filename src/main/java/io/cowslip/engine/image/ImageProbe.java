package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageHeader;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * What the beginning of a file says of it, with nothing followed that it names.
 *
 * @param virtualSizeBytes size of the disk
 * @param backingName the backing file as the header names it; null: none
 * @param dataFileName the external data file as the header names it; null: none
 */
public record ImageProbe(
        long virtualSizeBytes,
        @Nullable String backingName,
        @Nullable String dataFileName) {
    /** So much of the beginning is looked at, of a file that is as long. */
    public static final int LENGTH_BYTES = HeaderLayout.MAX_BYTES_READ;

    /** So much is enough to see what a file says that it is. */
    public static final int MAGIC_BYTES = Integer.BYTES;

    /** Whether a file that begins like this says that it is qcow2. */
    public static boolean saysQcow2(MemorySegment start) {
        return ImageHeader.hasMagic(start);
    }

    /**
     * What a qcow2 file says.
     *
     * @param start its first {@link #LENGTH_BYTES}, or all of a shorter one
     * @param fileSizeBytes how long it is, or will be
     * @throws ImageException INVALID_FORMAT naming the field, its value and what would be right; UNSUPPORTED_FEATURE
     */
    public static ImageProbe ofQcow2(MemorySegment start, long fileSizeBytes) throws ImageException {
        ImageHeader header = ImageHeader.parse(start, fileSizeBytes);
        header.requireSupported(false);
        return new ImageProbe(header.virtualSizeBytes(), header.backingName(), header.dataFileName());
    }
}
