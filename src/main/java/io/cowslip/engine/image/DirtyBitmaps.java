package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BitmapEntry;
import io.cowslip.engine.image.bitmap.BitmapInfo;
import io.cowslip.engine.image.bitmap.Bitmaps;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The persistent dirty bitmaps of an open image: what of its disk was changed, since when each was made or cleared. They
 * are in the file when the image is closed or turned read-only. Any thread, as with {@link DiskImage}.
 */
public final class DirtyBitmaps {
    /** QEMU's default. */
    public static final long DEFAULT_GRANULARITY_BYTES = 64 << 10;

    private final DiskImage image;

    DirtyBitmaps(DiskImage image) {
        this.image = image;
    }

    @FunctionalInterface
    private interface Change {
        void make(Bitmaps bitmaps) throws IOException;
    }

    /** All bitmaps. */
    public List<BitmapInfo> list() throws IOException {
        return image.readBitmaps(Bitmaps::list);
    }

    /** @throws ImageException NOT_FOUND */
    public BitmapInfo info(String name) throws IOException {
        return image.readBitmaps(bitmaps -> bitmaps.info(name));
    }

    /**
     * What is marked. Of a bitmap that is enabled, as it is at each look.
     *
     * @throws ImageException NOT_FOUND; INCONSISTENT_BITMAP; CORRUPT when the file does not hold what it should
     */
    public DirtyMap map(String name) throws IOException {
        return image.readBitmaps(bitmaps -> new DirtyMap(bitmaps.bits(name), image.virtualSizeBytes()));
    }

    /**
     * Makes a bitmap in which nothing is marked.
     *
     * @throws ImageException INVALID_OPTION; ALREADY_EXISTS; NO_SPACE also when the header has no room; READ_ONLY;
     *     UNSUPPORTED_FEATURE when the image cannot have bitmaps
     */
    public void create(String name, long granularityBytes, boolean enabled) throws IOException {
        int nameBytes = name.getBytes(StandardCharsets.UTF_8).length;
        if (nameBytes == 0 || nameBytes > BitmapEntry.MAX_NAME_BYTES) {
            throw ImageException.invalidOption(
                    "name", "name has " + nameBytes + " bytes; it may have 1 to " + BitmapEntry.MAX_NAME_BYTES);
        }
        if (Long.bitCount(granularityBytes) != 1
                || granularityBytes < 1L << BitmapEntry.MIN_GRANULARITY_BITS
                || granularityBytes > 1L << BitmapEntry.MAX_GRANULARITY_BITS) {
            throw ImageException.invalidOption(
                    "granularity",
                    "granularity is " + granularityBytes + "; it may be a power of two from 512 to 2147483648");
        }
        change(bitmaps -> bitmaps.create(name, Long.numberOfTrailingZeros(granularityBytes), enabled));
    }

    /** Marks what is changed from now on. Changes that are under way may be marked or not. */
    public void enable(String name) throws IOException {
        change(bitmaps -> bitmaps.setEnabled(name, true));
    }

    /** Keeps the bitmap as it is. */
    public void disable(String name) throws IOException {
        change(bitmaps -> bitmaps.setEnabled(name, false));
    }

    /** Takes all marks away. */
    public void clear(String name) throws IOException {
        change(bitmaps -> bitmaps.clear(name));
    }

    /** Marks in one bitmap what is marked in {@code sources}, which stay as they are; all or nothing. */
    public void merge(String name, List<String> sources) throws IOException {
        change(bitmaps -> bitmaps.merge(name, sources));
    }

    /** Takes a bitmap away, whatever its state. */
    public void delete(String name) throws IOException {
        change(bitmaps -> bitmaps.delete(name));
    }

    private void change(Change change) throws IOException {
        image.changeBitmaps(bitmaps -> {
            change.make(bitmaps);
            return true;
        });
    }
}
