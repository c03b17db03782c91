package io.cowslip.engine.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Where the directory of persistent bitmaps is (qcow2 specification, "Bitmaps extension"), and how it is read and
 * written ("Bitmap directory").
 *
 * @param hostOffset where the directory lies
 * @param sizeBytes how long it is
 * @param count how many bitmaps it lists
 */
public record BitmapDirectory(long hostOffset, int sizeBytes, int count) {
    /** Bytes of the extension's data. */
    public static final int EXTENSION_BYTES = 24;

    /** The most bitmaps that QEMU reads. */
    public static final int MAX_BITMAPS = 65535;

    /** The longest directory that is read, which is about what the most bitmaps with the longest names take. */
    public static final int MAX_SIZE_BYTES = 64 << 20;

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
        if (sizeBytes < count * BitmapEntryLayout.FIXED_BYTES || sizeBytes > MAX_SIZE_BYTES) {
            throw invalid("directory has " + Long.toUnsignedString(sizeBytes) + " bytes; it may have "
                    + count * BitmapEntryLayout.FIXED_BYTES + " to " + MAX_SIZE_BYTES);
        }
        if (hostOffset <= 0 || geometry.offsetInCluster(hostOffset) != 0 || hostOffset > fileSizeBytes - sizeBytes) {
            throw invalid("directory is at " + Long.toUnsignedString(hostOffset)
                    + "; it must start at a cluster and lie in the file of " + fileSizeBytes);
        }
        return new BitmapDirectory(hostOffset, (int) sizeBytes, (int) count);
    }

    /** The header extension that leads here. */
    public HeaderExtension extension() {
        MemorySegment data = MemorySegment.ofArray(new byte[EXTENSION_BYTES]);
        data.set(BigEndian.INT, 0, count);
        data.set(BigEndian.LONG, 8, sizeBytes);
        data.set(BigEndian.LONG, 16, hostOffset);
        return new HeaderExtension(HeaderExtension.BITMAPS, data);
    }

    /**
     * All entries in their order. What they keep is copied.
     *
     * @param directory the directory's bytes
     * @throws ImageException INVALID_FORMAT when an entry does not end within the directory, has a name or a table that
     *     no entry can have, or has the name of another
     */
    public List<BitmapEntry> entries(MemorySegment directory) throws ImageException {
        List<BitmapEntry> entries = new ArrayList<>();
        Set<String> names = new HashSet<>();
        long offset = 0;
        for (int index = 0; index < count; index++) {
            if (offset > sizeBytes - BitmapEntryLayout.FIXED_BYTES) {
                throw invalid("directory ends within entry " + index);
            }
            BitmapEntry entry = BitmapEntry.parse(directory.asSlice(offset, sizeBytes - offset));
            if (!names.add(entry.name())) {
                throw invalid("directory lists \"" + entry.name() + "\" twice");
            }
            entries.add(entry);
            offset += entry.sizeBytes();
        }
        return entries;
    }

    /**
     * A directory of these entries as it stands in the file.
     *
     * @throws ImageException NO_SPACE when there are more than any program reads
     */
    public static byte[] toBytes(List<BitmapEntry> entries) throws ImageException {
        long sizeBytes = entries.stream().mapToLong(BitmapEntry::sizeBytes).sum();
        if (entries.size() > MAX_BITMAPS || sizeBytes > MAX_SIZE_BYTES) {
            throw ImageException.of(
                    ImageException.Kind.NO_SPACE,
                    entries.size() + " bitmaps in a directory of " + sizeBytes + " bytes are too many; there may be "
                            + MAX_BITMAPS + " in " + MAX_SIZE_BYTES);
        }
        MemorySegment directory = MemorySegment.ofArray(new byte[(int) sizeBytes]);
        long offset = 0;
        for (BitmapEntry entry : entries) {
            entry.writeTo(directory.asSlice(offset));
            offset += entry.sizeBytes();
        }
        return (byte[]) directory.heapBase().orElseThrow();
    }

    private static ImageException invalid(String message) {
        return ImageException.of(ImageException.Kind.INVALID_FORMAT, "The bitmap " + message);
    }
}
