package io.cowslip.engine.image.check;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.BitmapDirectory;
import io.cowslip.engine.format.BitmapEntry;
import io.cowslip.engine.format.BitmapEntryLayout;
import io.cowslip.engine.format.Features;
import io.cowslip.engine.format.HeaderExtension;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads a directory of bitmaps that may be damaged (qcow2 specification, "Bitmap directory"), entry by entry, as far as
 * entries tell where the next one is. The limits are QEMU's.
 */
final class BitmapDirectoryReader {
    private static final int KNOWN_FLAGS = BitmapEntry.IN_USE | BitmapEntry.AUTO;

    private final MetadataFile file;
    private final ImageHeader header;
    private final long hostOffset;
    private final long lengthBytes;
    private final long count;
    private final List<Entry> entries = new ArrayList<>();

    private BitmapDirectoryReader(MetadataFile file, ImageHeader header, MemorySegment extension) {
        this.file = file;
        this.header = header;
        this.count = Integer.toUnsignedLong(extension.get(BigEndian.INT, 0));
        this.lengthBytes = extension.get(BigEndian.LONG, 8);
        this.hostOffset = extension.get(BigEndian.LONG, 16);
    }

    /**
     * A bitmap.
     *
     * @param hostOffset where its entry of the directory lies
     * @param lengthBytes how long that is, without the padding after it
     * @param tableOffset host offset of its table, which lies at a cluster
     * @param tableEntries entries of that
     */
    record Entry(String name, long hostOffset, int lengthBytes, long tableOffset, long tableEntries) {}

    /**
     * The bitmaps whose tables can be found.
     *
     * @param fault what is wrong with the directory; null for nothing
     */
    record Result(
            long hostOffset,
            long lengthBytes,
            List<Entry> entries,
            @Nullable String fault) {}

    /** The directory, or null where there is none that counts: without its autoclear bit nothing is said. */
    static @Nullable Result read(MetadataFile file, ImageHeader header) throws IOException {
        if ((header.features().autoclear() & Features.BITMAPS) == 0) {
            return null;
        }
        for (HeaderExtension extension : header.extensions()) {
            if (extension.type() == HeaderExtension.BITMAPS) {
                return extension.data().byteSize() == BitmapDirectory.EXTENSION_BYTES
                        ? new BitmapDirectoryReader(file, header, extension.data()).read()
                        : new Result(0, 0, List.of(), "the header extension does not have 24 bytes");
            }
        }
        return null;
    }

    private Result read() throws IOException {
        String fault = placeFault();
        if (fault != null) {
            return new Result(0, 0, List.of(), fault);
        }
        return new Result(hostOffset, lengthBytes, entries, readEntries());
    }

    private @Nullable String placeFault() throws IOException {
        if (count == 0 || count > BitmapDirectory.MAX_BITMAPS) {
            return "the header counts " + count + " bitmaps; there may be 1 to " + BitmapDirectory.MAX_BITMAPS;
        }
        if (lengthBytes < count * BitmapEntryLayout.FIXED_BYTES || lengthBytes > BitmapDirectory.MAX_SIZE_BYTES) {
            return "the directory has " + Long.toUnsignedString(lengthBytes) + " bytes";
        }
        long fileSizeBytes = file.file().sizeBytes();
        return hostOffset <= 0
                        || header.geometry().offsetInCluster(hostOffset) != 0
                        || hostOffset > fileSizeBytes - lengthBytes
                ? "the directory is at " + L2TableCheck.hex(hostOffset) + ", which is no cluster of the file"
                : null;
    }

    /** Adds what is sound; returns the first fault, or null. */
    private @Nullable String readEntries() throws IOException {
        String first = null;
        long position = 0;
        try (IoBuffers.Loan loan = IoBuffers.borrow(BitmapEntryLayout.FIXED_BYTES)) {
            MemorySegment fixed = loan.segment(BitmapEntryLayout.FIXED_BYTES);
            for (int index = 0; index < count; index++) {
                if (position > lengthBytes - BitmapEntryLayout.FIXED_BYTES) {
                    return "the directory ends within entry " + index;
                }
                file.read(hostOffset + position, fixed);
                long extraBytes = Integer.toUnsignedLong(fixed.get(BigEndian.INT, BitmapEntryLayout.EXTRA_BYTES));
                int nameBytes = Short.toUnsignedInt(fixed.get(BigEndian.SHORT, BitmapEntryLayout.NAME_BYTES));
                long end = position + BitmapEntryLayout.FIXED_BYTES + extraBytes + nameBytes;
                if (end > lengthBytes) {
                    return "entry " + index + " does not end within the directory";
                }
                String fault = entryFault(fixed, nameBytes, extraBytes);
                if (fault == null) {
                    String name = SnapshotTableReader.text(
                            file, hostOffset + position + BitmapEntryLayout.FIXED_BYTES + extraBytes, nameBytes);
                    entries.add(new Entry(
                            name,
                            hostOffset + position,
                            (int) (end - position),
                            fixed.get(BigEndian.LONG, BitmapEntryLayout.TABLE_OFFSET),
                            tableEntries(fixed)));
                } else if (first == null) {
                    first = "entry " + index + ": " + fault;
                }
                position = (end + 7) & -8;
            }
        }
        return first == null && position != lengthBytes ? "the directory is longer than its entries" : first;
    }

    private @Nullable String entryFault(MemorySegment fixed, int nameBytes, long extraBytes) {
        long tableOffset = fixed.get(BigEndian.LONG, BitmapEntryLayout.TABLE_OFFSET);
        if (tableOffset <= 0 || header.geometry().offsetInCluster(tableOffset) != 0) {
            return "its table is at " + L2TableCheck.hex(tableOffset) + ", which is no cluster";
        }
        if (tableEntries(fixed) == 0 || tableEntries(fixed) > BitmapEntry.MAX_TABLE_ENTRIES) {
            return "its table has " + tableEntries(fixed) + " entries; it may have 1 to "
                    + BitmapEntry.MAX_TABLE_ENTRIES;
        }
        int granularityBits = fixed.get(ValueLayout.JAVA_BYTE, BitmapEntryLayout.GRANULARITY_BITS);
        boolean odd = (fixed.get(BigEndian.INT, BitmapEntryLayout.FLAGS) & ~KNOWN_FLAGS) != 0
                || fixed.get(ValueLayout.JAVA_BYTE, BitmapEntryLayout.TYPE) != BitmapEntry.DIRTY_TRACKING
                || granularityBits < BitmapEntry.MIN_GRANULARITY_BITS
                || granularityBits > BitmapEntry.MAX_GRANULARITY_BITS
                || nameBytes == 0
                || nameBytes > BitmapEntry.MAX_NAME_BYTES
                || extraBytes != 0;
        return odd ? "its flags, type, granularity, name or extra data are none that may be" : null;
    }

    private static long tableEntries(MemorySegment fixed) {
        return Integer.toUnsignedLong(fixed.get(BigEndian.INT, BitmapEntryLayout.TABLE_ENTRIES));
    }
}
