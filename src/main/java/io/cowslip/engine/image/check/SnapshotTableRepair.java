package io.cowslip.engine.image.check;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.SnapshotRecordLayout;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes the snapshot table list only snapshots that are there. Where records must go or grow, a new table is written
 * behind everything else, made durable, and put in the place of the old one by one write to the header.
 */
final class SnapshotTableRepair {

    private final RepairFile target;
    private final ImageHeader header;
    private final ImageGeometry geometry;
    private final CheckRun found;
    private final MetadataFile file;
    private final L2EntryRules rules;

    SnapshotTableRepair(RepairFile target, ImageHeader header, CheckRun found) {
        this.target = target;
        this.header = header;
        this.geometry = header.geometry();
        this.found = found;
        this.file = new MetadataFile(target.file(), new WorkThreads(WorkObserver.NONE));
        this.rules = found.rules();
    }

    /** @return the L1 tables that are left, the active one first */
    List<L1Place> repair() throws IOException {
        List<L1Place> l1Tables = new ArrayList<>();
        l1Tables.add(new L1Place(null, header.l1TableOffset(), header.l1Entries()));
        if (header.snapshotCount() == 0) {
            return l1Tables;
        }
        List<byte[]> kept = new ArrayList<>();
        boolean changed = false;
        SnapshotTableReader.Result table = SnapshotTableReader.read(file, header);
        for (SnapshotTableReader.Entry entry : table.entries()) {
            byte[] before = bytes(entry);
            byte[] after = repaired(entry, before);
            changed |= after != before;
            if (after != null) {
                kept.add(after);
                MemorySegment record = MemorySegment.ofArray(after);
                l1Tables.add(new L1Place(
                        entry.l1Table().snapshot(),
                        record.get(BigEndian.LONG, SnapshotRecordLayout.L1_TABLE_OFFSET),
                        record.get(BigEndian.INT, SnapshotRecordLayout.L1_ENTRIES)));
            }
        }
        if (changed) {
            replaceTable(kept);
        }
        return l1Tables;
    }

    private byte[] bytes(SnapshotTableReader.Entry entry) throws IOException {
        if (entry.lengthBytes() == 0) {
            return new byte[0];
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(entry.lengthBytes())) {
            MemorySegment record = loan.segment(entry.lengthBytes());
            file.read(header.snapshotTableOffset() + entry.firstByte(), record);
            return record.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** The record as it should be: the same array where nothing is to be done, null where the snapshot is lost. */
    private byte @Nullable [] repaired(SnapshotTableReader.Entry entry, byte[] record) throws IOException {
        if (entry.fault() == SnapshotTableReader.Fault.LENGTH) {
            return null;
        }
        byte[] whole = entry.fault() == SnapshotTableReader.Fault.INCOMPLETE ? completed(record) : record;
        if (entry.l1Entries() == 0 && entry.fault() != SnapshotTableReader.Fault.L1_TABLE) {
            return whole;
        }
        long l1Offset = entry.l1Table().hostOffset();
        if (l1Offset <= 0 || geometry.offsetInCluster(l1Offset) != 0) {
            return null;
        }
        long needed = entriesNeeded(MemorySegment.ofArray(whole));
        if (needed < entry.l1Entries() && isTooLong(entry)) {
            MemorySegment.ofArray(whole).set(BigEndian.INT, SnapshotRecordLayout.L1_ENTRIES, (int) needed);
            return isNoTable(l1Offset, needed) ? null : whole.clone();
        }
        if (entry.fault() == SnapshotTableReader.Fault.L1_TABLE || isNoTable(l1Offset, entry.l1Entries())) {
            return null;
        }
        return whole;
    }

    /** Whether the table reaches over what is not its own. What it has beyond its need is not missed. */
    private boolean isTooLong(SnapshotTableReader.Entry entry) {
        long l1Offset = entry.l1Table().hostOffset();
        return entry.fault() == SnapshotTableReader.Fault.L1_TABLE
                || rules.isOutside(l1Offset, entry.l1Entries() * Long.BYTES)
                || found.isShared(l1Offset, entry.l1Entries() * Long.BYTES);
    }

    /** Whether these bytes cannot be an L1 table: past the end, or used by others too and with entries that make no sense. */
    private boolean isNoTable(long l1Offset, long entries) throws IOException {
        // Of each of its clusters there must be something: the file may grow over what is missing.
        if (rules.isOutside(l1Offset, geometry.roundUpToCluster(entries * Long.BYTES))) {
            return true;
        }
        if (!found.isShared(l1Offset, entries * Long.BYTES)) {
            return false;
        }
        boolean[] senseless = new boolean[1];
        file.readPieces(l1Offset, entries * Long.BYTES, (firstByte, piece) -> {
            for (long position = 0; position < piece.byteSize(); position += Long.BYTES) {
                senseless[0] |= !couldBeL1Entry(piece.get(BigEndian.LONG, position));
            }
        });
        return senseless[0];
    }

    private boolean couldBeL1Entry(long entry) {
        long tableOffset = L1Entry.tableOffset(entry);
        return entry == 0
                || (tableOffset != 0
                        && L1Entry.reservedBitsAreClear(entry)
                        && geometry.offsetInCluster(tableOffset) == 0
                        && !rules.isOutside(tableOffset, geometry.clusterBytes())
                        && !found.isFixedMetadata(tableOffset >>> geometry.clusterBits()));
    }

    /** L1 entries for the snapshot's disk and its VM state, as far as the record tells. */
    private long entriesNeeded(MemorySegment record) {
        int extraBytes = record.get(BigEndian.INT, SnapshotRecordLayout.EXTRA_BYTES);
        long vmStateBytes = extraBytes >= Long.BYTES
                ? record.get(BigEndian.LONG, SnapshotRecordLayout.FIXED_BYTES)
                : Integer.toUnsignedLong(record.get(BigEndian.INT, SnapshotRecordLayout.VM_STATE_BYTES));
        long diskBytes = extraBytes >= SnapshotRecordLayout.VERSION_3_EXTRA_BYTES
                ? record.get(BigEndian.LONG, SnapshotRecordLayout.FIXED_BYTES + Long.BYTES)
                : header.virtualSizeBytes();
        return tables(diskBytes) + tables(vmStateBytes);
    }

    private long tables(long guestBytes) {
        return Math.ceilDiv(Math.max(0, guestBytes), geometry.guestBytesPerTable());
    }

    /** The record with the fields that version 3 asks for: the size of the VM state, and that of the disk. */
    private byte[] completed(byte[] record) {
        MemorySegment before = MemorySegment.ofArray(record);
        int extraBytes = before.get(BigEndian.INT, SnapshotRecordLayout.EXTRA_BYTES);
        byte[] after = new byte[record.length + SnapshotRecordLayout.VERSION_3_EXTRA_BYTES - extraBytes];
        MemorySegment grown = MemorySegment.ofArray(after);
        MemorySegment.copy(before, 0, grown, 0, SnapshotRecordLayout.FIXED_BYTES + extraBytes);
        long rest = (long) SnapshotRecordLayout.FIXED_BYTES + extraBytes;
        MemorySegment.copy(
                before,
                rest,
                grown,
                SnapshotRecordLayout.FIXED_BYTES + SnapshotRecordLayout.VERSION_3_EXTRA_BYTES,
                record.length - rest);
        if (extraBytes < Long.BYTES) {
            long vmStateBytes = Integer.toUnsignedLong(before.get(BigEndian.INT, SnapshotRecordLayout.VM_STATE_BYTES));
            grown.set(BigEndian.LONG, SnapshotRecordLayout.FIXED_BYTES, vmStateBytes);
        }
        grown.set(BigEndian.LONG, SnapshotRecordLayout.FIXED_BYTES + Long.BYTES, header.virtualSizeBytes());
        grown.set(BigEndian.INT, SnapshotRecordLayout.EXTRA_BYTES, SnapshotRecordLayout.VERSION_3_EXTRA_BYTES);
        return after;
    }

    private void replaceTable(List<byte[]> records) throws IOException {
        ByteArrayOutputStream table = new ByteArrayOutputStream();
        for (byte[] record : records) {
            table.writeBytes(new byte[-table.size() & 7]);
            table.writeBytes(record);
        }
        long hostOffset = records.isEmpty() ? 0 : target.end(found);
        if (!records.isEmpty()) {
            target.writeClusters(hostOffset, table.toByteArray(), geometry);
        }
        target.sync();
        target.writeCountAndOffset(HeaderLayout.SNAPSHOT_COUNT, records.size(), hostOffset);
        target.sync();
    }
}
