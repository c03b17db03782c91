package io.cowslip.engine.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * One internal snapshot as the snapshot table has it (qcow2 specification, "Snapshots"). Extra data that this engine does
 * not know is kept as it is, and so are records that say less than today's.
 *
 * @param l1TableOffset host offset of its L1 table; means nothing when that has no entries
 * @param l1Entries entries of its L1 table; those that the disk does not need hold the VM state
 * @param dateSeconds when it was taken, in seconds since 1970
 * @param dateNanos the rest of that in nanoseconds
 * @param vmClockNanos how long the guest had been running, in nanoseconds
 * @param vmStateBytes32 the VM state's size where {@code extra} has none
 * @param extra what follows the fixed fields: the VM state's size, the disk's size, the instruction count, and more
 * @param idBytes a name for machines, in UTF-8: a decimal number where QEMU made it
 * @param nameBytes a name for people, in UTF-8
 */
public record SnapshotRecord(
        long l1TableOffset,
        int l1Entries,
        long dateSeconds,
        int dateNanos,
        long vmClockNanos,
        long vmStateBytes32,
        MemorySegment extra,
        MemorySegment idBytes,
        MemorySegment nameBytes) {

    private static final int EXTRA_VM_STATE_BYTES = 0;
    private static final int EXTRA_DISK_BYTES = 8;
    private static final int EXTRA_ICOUNT = 16;
    private static final int EXTRA_KNOWN_BYTES = 24;

    /** What QEMU writes where no instructions were counted. */
    private static final long NO_ICOUNT = -1;

    public SnapshotRecord {
        extra = extra.asReadOnly();
        idBytes = idBytes.asReadOnly();
        nameBytes = nameBytes.asReadOnly();
    }

    /** A new snapshot without VM state. */
    public static SnapshotRecord of(
            String id,
            String name,
            long l1TableOffset,
            int l1Entries,
            long dateSeconds,
            int dateNanos,
            long diskBytes) {
        MemorySegment extra = MemorySegment.ofArray(new byte[EXTRA_KNOWN_BYTES]);
        extra.set(BigEndian.LONG, EXTRA_DISK_BYTES, diskBytes);
        extra.set(BigEndian.LONG, EXTRA_ICOUNT, NO_ICOUNT);
        return new SnapshotRecord(l1TableOffset, l1Entries, dateSeconds, dateNanos, 0, 0, extra, utf8(id), utf8(name));
    }

    /**
     * How long the record at {@code offset} is with its padding, as far as that can be told.
     *
     * @return -1 where {@code table} ends before that can be told
     * @throws ImageException INVALID_FORMAT when the record has more extra data than any may have
     */
    static int sizeAt(MemorySegment table, long offset) throws ImageException {
        if (table.byteSize() - offset < SnapshotRecordLayout.FIXED_BYTES) {
            return -1;
        }
        long extraBytes = Integer.toUnsignedLong(table.get(BigEndian.INT, offset + SnapshotRecordLayout.EXTRA_BYTES));
        if (extraBytes > SnapshotRecordLayout.MAX_EXTRA_BYTES) {
            throw ImageException.of(
                    ImageException.Kind.INVALID_FORMAT,
                    "A snapshot has " + extraBytes + " bytes of extra data; it may have at most "
                            + SnapshotRecordLayout.MAX_EXTRA_BYTES);
        }
        int idBytes = Short.toUnsignedInt(table.get(BigEndian.SHORT, offset + SnapshotRecordLayout.ID_BYTES));
        int nameBytes = Short.toUnsignedInt(table.get(BigEndian.SHORT, offset + SnapshotRecordLayout.NAME_BYTES));
        return padded(SnapshotRecordLayout.FIXED_BYTES + (int) extraBytes + idBytes + nameBytes);
    }

    /** The record at {@code offset}, which lies in {@code table} with all of {@link #sizeAt}. */
    static SnapshotRecord parse(MemorySegment table, long offset) {
        int extraBytes = table.get(BigEndian.INT, offset + SnapshotRecordLayout.EXTRA_BYTES);
        int idBytes = Short.toUnsignedInt(table.get(BigEndian.SHORT, offset + SnapshotRecordLayout.ID_BYTES));
        int nameBytes = Short.toUnsignedInt(table.get(BigEndian.SHORT, offset + SnapshotRecordLayout.NAME_BYTES));
        long extraOffset = offset + SnapshotRecordLayout.FIXED_BYTES;
        return new SnapshotRecord(
                table.get(BigEndian.LONG, offset),
                table.get(BigEndian.INT, offset + SnapshotRecordLayout.L1_ENTRIES),
                Integer.toUnsignedLong(table.get(BigEndian.INT, offset + SnapshotRecordLayout.DATE_SECONDS)),
                table.get(BigEndian.INT, offset + SnapshotRecordLayout.DATE_NANOS),
                table.get(BigEndian.LONG, offset + SnapshotRecordLayout.VM_CLOCK),
                Integer.toUnsignedLong(table.get(BigEndian.INT, offset + SnapshotRecordLayout.VM_STATE_BYTES)),
                copy(table, extraOffset, extraBytes),
                copy(table, extraOffset + extraBytes, idBytes),
                copy(table, extraOffset + extraBytes + idBytes, nameBytes));
    }

    private static MemorySegment copy(MemorySegment table, long offset, int lengthBytes) {
        return MemorySegment.ofArray(table.asSlice(offset, lengthBytes).toArray(ValueLayout.JAVA_BYTE));
    }

    private static MemorySegment utf8(String text) {
        return MemorySegment.ofArray(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String text(MemorySegment utf8) {
        return new String(utf8.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }

    /** The name for machines. */
    public String id() {
        return text(idBytes);
    }

    /** The name for people. */
    public String name() {
        return text(nameBytes);
    }

    /** Size of the VM state in bytes: of the two numbers the larger field, where the record has it. */
    public long vmStateBytes() {
        return extra.byteSize() >= EXTRA_DISK_BYTES ? extra.get(BigEndian.LONG, EXTRA_VM_STATE_BYTES) : vmStateBytes32;
    }

    /** Size of the disk in bytes; null where the record does not say it, which version 2 allows. */
    public @Nullable Long diskBytes() {
        return extra.byteSize() >= EXTRA_ICOUNT ? (Long) (extra.get(BigEndian.LONG, EXTRA_DISK_BYTES) & -512L) : null;
    }

    /** Instructions that the guest had executed; null where they were not counted. */
    public @Nullable Long icount() {
        if (extra.byteSize() < EXTRA_KNOWN_BYTES || extra.get(BigEndian.LONG, EXTRA_ICOUNT) == NO_ICOUNT) {
            return null;
        }
        return extra.get(BigEndian.LONG, EXTRA_ICOUNT);
    }

    /** Bytes that {@link #writeTo} takes. */
    int sizeBytes() {
        return padded(SnapshotRecordLayout.FIXED_BYTES
                + (int) (extra.byteSize() + idBytes.byteSize() + nameBytes.byteSize()));
    }

    /** Writes the record and its padding, which {@code table} holds as zeros already. */
    void writeTo(MemorySegment table, long offset) {
        table.set(BigEndian.LONG, offset, l1TableOffset);
        table.set(BigEndian.INT, offset + SnapshotRecordLayout.L1_ENTRIES, l1Entries);
        table.set(BigEndian.SHORT, offset + SnapshotRecordLayout.ID_BYTES, (short) idBytes.byteSize());
        table.set(BigEndian.SHORT, offset + SnapshotRecordLayout.NAME_BYTES, (short) nameBytes.byteSize());
        table.set(BigEndian.INT, offset + SnapshotRecordLayout.DATE_SECONDS, (int) dateSeconds);
        table.set(BigEndian.INT, offset + SnapshotRecordLayout.DATE_NANOS, dateNanos);
        table.set(BigEndian.LONG, offset + SnapshotRecordLayout.VM_CLOCK, vmClockNanos);
        table.set(BigEndian.INT, offset + SnapshotRecordLayout.VM_STATE_BYTES, (int) vmStateBytes32);
        table.set(BigEndian.INT, offset + SnapshotRecordLayout.EXTRA_BYTES, (int) extra.byteSize());
        long position = offset + SnapshotRecordLayout.FIXED_BYTES;
        MemorySegment.copy(extra, 0, table, position, extra.byteSize());
        position += extra.byteSize();
        MemorySegment.copy(idBytes, 0, table, position, idBytes.byteSize());
        position += idBytes.byteSize();
        MemorySegment.copy(nameBytes, 0, table, position, nameBytes.byteSize());
    }

    private static int padded(int bytes) {
        return (bytes + 7) & -8;
    }
}
