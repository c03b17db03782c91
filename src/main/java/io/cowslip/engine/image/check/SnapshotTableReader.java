package io.cowslip.engine.image.check;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.SnapshotRecordLayout;
import io.cowslip.engine.format.SnapshotTable;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads a snapshot table that may be damaged (qcow2 specification, "Snapshots"), record by record, as far as records
 * tell where the next one is.
 */
final class SnapshotTableReader {
    private static final int SHOWN_NAME_BYTES = 80;

    private final MetadataFile file;
    private final ImageHeader header;
    private final List<Entry> entries = new ArrayList<>();
    private long lengthBytes;

    private SnapshotTableReader(MetadataFile file, ImageHeader header) {
        this.file = file;
        this.header = header;
    }

    /** What is wrong with a record, from the best to the worst. */
    enum Fault {
        NONE,
        /** Version 3 asks for more than the record has. */
        INCOMPLETE,
        /** The L1 table does not lie at a cluster, or is longer than any may be. */
        L1_TABLE,
        /** The record is longer than any may be: it and all that follow cannot be read. */
        LENGTH
    }

    /**
     * A record.
     *
     * @param firstByte where it lies in the table
     * @param lengthBytes how long it is, without the padding after it
     * @param l1Table the snapshot's L1 table; means nothing with some faults
     * @param l1Entries as the record says, which may be more than an int
     */
    record Entry(long firstByte, int lengthBytes, L1Place l1Table, long l1Entries, Fault fault) {}

    /** The records that can be found, with the bytes that they take. */
    record Result(List<Entry> entries, long lengthBytes) {}

    static Result read(MetadataFile file, ImageHeader header) throws IOException {
        SnapshotTableReader reader = new SnapshotTableReader(file, header);
        reader.readAll();
        return new Result(List.copyOf(reader.entries), reader.lengthBytes);
    }

    private void readAll() throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(SnapshotRecordLayout.FIXED_BYTES)) {
            MemorySegment fixed = loan.segment(SnapshotRecordLayout.FIXED_BYTES);
            for (int index = 0; index < header.snapshotCount(); index++) {
                long firstByte = (lengthBytes + 7) & -8;
                file.read(header.snapshotTableOffset() + firstByte, fixed);
                Entry entry = entry(index, firstByte, fixed);
                entries.add(entry);
                if (entry.fault == Fault.LENGTH) {
                    return;
                }
                lengthBytes = firstByte + entry.lengthBytes;
            }
        }
    }

    private Entry entry(int index, long firstByte, MemorySegment fixed) throws IOException {
        long extraBytes = Integer.toUnsignedLong(fixed.get(BigEndian.INT, SnapshotRecordLayout.EXTRA_BYTES));
        int idBytes = Short.toUnsignedInt(fixed.get(BigEndian.SHORT, SnapshotRecordLayout.ID_BYTES));
        int nameBytes = Short.toUnsignedInt(fixed.get(BigEndian.SHORT, SnapshotRecordLayout.NAME_BYTES));
        long l1Entries = Integer.toUnsignedLong(fixed.get(BigEndian.INT, SnapshotRecordLayout.L1_ENTRIES));
        long l1Offset = fixed.get(BigEndian.LONG, SnapshotRecordLayout.L1_TABLE_OFFSET);
        long recordBytes = SnapshotRecordLayout.FIXED_BYTES + extraBytes + idBytes + nameBytes;
        if (extraBytes > SnapshotRecordLayout.MAX_EXTRA_BYTES || firstByte + recordBytes > SnapshotTable.MAX_BYTES) {
            return new Entry(firstByte, 0, new L1Place("#" + index, 0, 0), l1Entries, Fault.LENGTH);
        }
        String name = name(
                header.snapshotTableOffset() + firstByte + SnapshotRecordLayout.FIXED_BYTES + extraBytes + idBytes,
                nameBytes);
        Fault fault = fault(l1Offset, l1Entries, extraBytes);
        L1Place place = new L1Place(name, l1Offset, fault == Fault.L1_TABLE ? 0 : (int) l1Entries);
        return new Entry(firstByte, (int) recordBytes, place, l1Entries, fault);
    }

    private Fault fault(long l1Offset, long l1Entries, long extraBytes) {
        // QEMU counts an offset that no file reaches only where there are entries to read.
        if ((l1Offset < 0 && l1Entries > 0)
                || header.geometry().offsetInCluster(l1Offset) != 0
                || l1Entries > ImageGeometry.MAX_L1_BYTES / Long.BYTES) {
            return Fault.L1_TABLE;
        }
        return header.version() >= 3 && extraBytes < SnapshotRecordLayout.VERSION_3_EXTRA_BYTES
                ? Fault.INCOMPLETE
                : Fault.NONE;
    }

    private String name(long hostOffset, int nameBytes) throws IOException {
        return text(file, hostOffset, nameBytes);
    }

    /** A name from an untrusted file as it may be shown: cut short, without control characters. */
    static String text(MetadataFile file, long hostOffset, int nameBytes) throws IOException {
        int shown = Math.min(nameBytes, SHOWN_NAME_BYTES);
        if (shown == 0) {
            return "";
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(shown)) {
            MemorySegment bytes = loan.segment(shown);
            file.read(hostOffset, bytes);
            String name = new String(bytes.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
            return name.replaceAll("\\p{Cntrl}", "?");
        }
    }

    /** What is wrong, for a finding; null where nothing is. */
    static @Nullable String describe(Entry entry) {
        return switch (entry.fault) {
            case NONE -> null;
            case INCOMPLETE -> "the record lacks the fields that version 3 asks for";
            case L1_TABLE ->
                "the L1 table at " + L2TableCheck.hex(entry.l1Table.hostOffset()) + " with " + entry.l1Entries
                        + " entries does not lie at a cluster or is too long";
            case LENGTH -> "the record is longer than any may be; it and those after it cannot be read";
        };
    }
}
