package io.cowslip.engine.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * One persistent bitmap as the directory lists it (qcow2 specification, "Bitmap directory"), with everything that is
 * not known here, so that writing it again loses nothing.
 *
 * @param tableOffset host offset of the bitmap table
 * @param tableEntries how many entries that has
 * @param flags {@link #IN_USE}, {@link #AUTO}, {@link #EXTRA_DATA_COMPATIBLE} and unknown ones
 * @param type {@link #DIRTY_TRACKING}; others are not known
 * @param granularityBits log2 of the bytes of the disk that one bit stands for
 * @param extraData what other programs keep with the bitmap, read-only
 * @param nameBytes the name as it stands in the file, read-only
 */
public record BitmapEntry(
        long tableOffset,
        int tableEntries,
        int flags,
        int type,
        int granularityBits,
        MemorySegment extraData,
        MemorySegment nameBytes) {

    /** Flag: the bitmap was not saved, so it says nothing. */
    public static final int IN_USE = 1;

    /** Flag: whoever changes the disk must keep the bitmap true. */
    public static final int AUTO = 2;

    /** Flag: the bitmap may be used by programs that do not know its extra data. */
    public static final int EXTRA_DATA_COMPATIBLE = 4;

    /** The one type there is. */
    public static final int DIRTY_TRACKING = 1;

    /** What QEMU reads. */
    public static final int MIN_GRANULARITY_BITS = 9;

    public static final int MAX_GRANULARITY_BITS = 31;

    public static final int MAX_NAME_BYTES = 1023;

    /** The most entries that QEMU reads of a table. */
    public static final int MAX_TABLE_ENTRIES = 0x800_0000;

    /** The most bytes of bits that QEMU reads of one bitmap. */
    public static final long MAX_BITMAP_BYTES = 512L << 20;

    private static final int KNOWN_FLAGS = IN_USE | AUTO | EXTRA_DATA_COMPATIBLE;

    public BitmapEntry {
        extraData = extraData.asReadOnly();
        nameBytes = nameBytes.asReadOnly();
    }

    /** A new bitmap with a table. */
    public static BitmapEntry of(String name, int granularityBits, int flags, long tableOffset, int tableEntries) {
        return new BitmapEntry(
                tableOffset,
                tableEntries,
                flags,
                DIRTY_TRACKING,
                granularityBits,
                MemorySegment.ofArray(new byte[0]),
                MemorySegment.ofArray(name.getBytes(StandardCharsets.UTF_8)));
    }

    /** Reads the entry that {@code directory} begins with; there are {@link #BitmapEntryLayout.FIXED_BYTES} at least. */
    static BitmapEntry parse(MemorySegment directory) throws ImageException {
        long tableEntries = Integer.toUnsignedLong(directory.get(BigEndian.INT, BitmapEntryLayout.TABLE_ENTRIES));
        long nameBytes = Short.toUnsignedLong(directory.get(BigEndian.SHORT, BitmapEntryLayout.NAME_BYTES));
        long extraBytes = Integer.toUnsignedLong(directory.get(BigEndian.INT, BitmapEntryLayout.EXTRA_BYTES));
        if (nameBytes == 0 || nameBytes > MAX_NAME_BYTES) {
            throw invalid("name has " + nameBytes + " bytes; it may have 1 to " + MAX_NAME_BYTES);
        }
        if (BitmapEntryLayout.FIXED_BYTES + extraBytes + nameBytes > directory.byteSize()) {
            throw invalid("entry has " + extraBytes + " bytes of extra data, which leave the directory");
        }
        if (tableEntries > MAX_TABLE_ENTRIES) {
            throw invalid("table has " + tableEntries + " entries; it may have at most " + MAX_TABLE_ENTRIES);
        }
        return new BitmapEntry(
                directory.get(BigEndian.LONG, BitmapEntryLayout.TABLE_OFFSET),
                (int) tableEntries,
                directory.get(BigEndian.INT, BitmapEntryLayout.FLAGS),
                Byte.toUnsignedInt(directory.get(ValueLayout.JAVA_BYTE, BitmapEntryLayout.TYPE)),
                Byte.toUnsignedInt(directory.get(ValueLayout.JAVA_BYTE, BitmapEntryLayout.GRANULARITY_BITS)),
                copy(directory, BitmapEntryLayout.FIXED_BYTES, extraBytes),
                copy(directory, BitmapEntryLayout.FIXED_BYTES + extraBytes, nameBytes));
    }

    private static MemorySegment copy(MemorySegment from, long offset, long lengthBytes) {
        return MemorySegment.ofArray(from.asSlice(offset, lengthBytes).toArray(ValueLayout.JAVA_BYTE));
    }

    /** The name; bytes that are no UTF-8 are replaced. */
    public String name() {
        return new String(nameBytes.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }

    public boolean inUse() {
        return (flags & IN_USE) != 0;
    }

    public boolean auto() {
        return (flags & AUTO) != 0;
    }

    /** Whether the bits mean what is known here: else the bitmap is left as it is. */
    public boolean isKnown() {
        return type == DIRTY_TRACKING
                && granularityBits >= MIN_GRANULARITY_BITS
                && granularityBits <= MAX_GRANULARITY_BITS
                && (flags & ~KNOWN_FLAGS) == 0
                && (extraData.byteSize() == 0 || (flags & EXTRA_DATA_COMPATIBLE) != 0);
    }

    /** The flags as {@code qemu-img info} names them. */
    public List<String> flagNames() {
        List<String> names = new ArrayList<>();
        if (inUse()) {
            names.add("in-use");
        }
        if (auto()) {
            names.add("auto");
        }
        return names;
    }

    /** The same with other flags. */
    public BitmapEntry withFlags(int other) {
        return new BitmapEntry(tableOffset, tableEntries, other, type, granularityBits, extraData, nameBytes);
    }

    /** The same with another table. */
    public BitmapEntry withTable(long offset, int entries) {
        return new BitmapEntry(offset, entries, flags, type, granularityBits, extraData, nameBytes);
    }

    /** Bytes in the directory, padding included. */
    public long sizeBytes() {
        return BitmapEntryLayout.FIXED_BYTES + extraData.byteSize() + nameBytes.byteSize() + 7 & -8;
    }

    void writeTo(MemorySegment directory) {
        directory.set(BigEndian.LONG, BitmapEntryLayout.TABLE_OFFSET, tableOffset);
        directory.set(BigEndian.INT, BitmapEntryLayout.TABLE_ENTRIES, tableEntries);
        directory.set(BigEndian.INT, BitmapEntryLayout.FLAGS, flags);
        directory.set(ValueLayout.JAVA_BYTE, BitmapEntryLayout.TYPE, (byte) type);
        directory.set(ValueLayout.JAVA_BYTE, BitmapEntryLayout.GRANULARITY_BITS, (byte) granularityBits);
        directory.set(BigEndian.SHORT, BitmapEntryLayout.NAME_BYTES, (short) nameBytes.byteSize());
        directory.set(BigEndian.INT, BitmapEntryLayout.EXTRA_BYTES, (int) extraData.byteSize());
        MemorySegment.copy(extraData, 0, directory, BitmapEntryLayout.FIXED_BYTES, extraData.byteSize());
        MemorySegment.copy(
                nameBytes, 0, directory, BitmapEntryLayout.FIXED_BYTES + extraData.byteSize(), nameBytes.byteSize());
    }

    private static ImageException invalid(String message) {
        return ImageException.of(ImageException.Kind.INVALID_FORMAT, "A bitmap's " + message);
    }
}
