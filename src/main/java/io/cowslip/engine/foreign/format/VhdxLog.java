package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The log of a VHDX image: changes of its metadata that may not have reached their places ([MS-VHDX], "Log"). It is a ring
 * of entries, each of whole sectors of 4 KiB. What counts is the sequence of entries that ends with the highest number:
 * its last entry tells where it begins.
 */
public final class VhdxLog {
    /** The longest log that is read; others write 1 MiB. */
    public static final int MAX_BYTES = 4 << 20;

    static final int SECTOR_BYTES = 4096;

    /** How often the checksums of entries are taken of the log's bytes, at most. */
    private static final int MAX_OVERLAPS = 16;

    private static final int SIGNATURE = 0x6567_6f6c;
    private static final int LENGTH_OFFSET = 8;
    private static final int TAIL_OFFSET = 12;
    private static final int SEQUENCE_OFFSET = 16;
    private static final int DESCRIPTORS_OFFSET = 24;
    private static final int GUID_OFFSET = 32;
    private static final int FLUSHED_SIZE_OFFSET = 48;
    private static final int LAST_SIZE_OFFSET = 56;
    private static final int HEADER_BYTES = 64;

    private final MemorySegment log;
    private final Guid guid;
    private final int lengthBytes;
    private final Map<Integer, Entry> entries = new HashMap<>();
    private long checkedBytes;

    /** @param place where it begins in the log */
    private record Entry(int place, int lengthBytes, int tail, long sequence, MemorySegment bytes) {}

    private VhdxLog(MemorySegment log, Guid guid) {
        this.log = log;
        this.guid = guid;
        this.lengthBytes = (int) log.byteSize();
    }

    /**
     * What the log changes; null where it has no sequence that counts.
     *
     * @param log heap memory, of whole sectors
     * @param fileSizeBytes the file as it is
     * @throws ImageException INVALID_FORMAT where the log contradicts itself or the file was cut off
     */
    static @Nullable VhdxReplay replay(MemorySegment log, Guid guid, long fileSizeBytes) throws ImageException {
        return new VhdxLog(log, guid).replay(fileSizeBytes);
    }

    private @Nullable VhdxReplay replay(long fileSizeBytes) throws ImageException {
        for (int place = 0; place < lengthBytes; place += SECTOR_BYTES) {
            Entry entry = entryAt(place);
            if (entry != null) {
                entries.put(place, entry);
            }
        }
        List<Entry> sequence = lastSequence();
        if (sequence.isEmpty()) {
            return null;
        }
        MemorySegment head = sequence.getLast().bytes();
        long flushedBytes = head.get(LittleEndian.LONG, FLUSHED_SIZE_OFFSET);
        if (flushedBytes < 0 || flushedBytes > fileSizeBytes) {
            throw Fields.invalid("the file was cut off: it has " + fileSizeBytes + " bytes, and its VHDX log says "
                    + Long.toUnsignedString(flushedBytes));
        }
        VhdxReplay replay = new VhdxReplay(head.get(LittleEndian.LONG, LAST_SIZE_OFFSET));
        for (Entry entry : sequence) {
            apply(entry, replay);
        }
        return replay;
    }

    private @Nullable Entry entryAt(int place) throws ImageException {
        long entryBytes = Fields.unsignedInt(log, LittleEndian.INT, place + LENGTH_OFFSET);
        if (log.get(LittleEndian.INT, place) != SIGNATURE
                || entryBytes == 0
                || entryBytes % SECTOR_BYTES != 0
                || entryBytes > lengthBytes
                || !Guid.at(log, place + GUID_OFFSET).equals(guid)) {
            return null;
        }
        // Entries that count do not overlap; of old ones a few may be left beneath them.
        checkedBytes += entryBytes;
        if (checkedBytes > (long) MAX_OVERLAPS * lengthBytes) {
            throw Fields.invalid("the entries of the VHDX log overlap");
        }
        MemorySegment bytes = ring(place, (int) entryBytes);
        if (!Crc32c.isRight(bytes)) {
            return null;
        }
        long tail = Fields.unsignedInt(bytes, LittleEndian.INT, TAIL_OFFSET);
        return new Entry(
                place,
                (int) entryBytes,
                tail >= lengthBytes ? -1 : (int) tail,
                bytes.get(LittleEndian.LONG, SEQUENCE_OFFSET),
                bytes);
    }

    /** A piece of the ring, which may go on at its start. */
    private MemorySegment ring(int place, int pieceBytes) {
        if (place + pieceBytes <= lengthBytes) {
            return log.asSlice(place, pieceBytes);
        }
        MemorySegment piece = MemorySegment.ofArray(new byte[pieceBytes]);
        int beforeEnd = lengthBytes - place;
        MemorySegment.copy(log, place, piece, 0, beforeEnd);
        MemorySegment.copy(log, 0, piece, beforeEnd, pieceBytes - beforeEnd);
        return piece;
    }

    private List<Entry> lastSequence() {
        List<Entry> heads = new ArrayList<>(entries.values());
        heads.sort(Comparator.comparing(Entry::sequence, Long::compareUnsigned).reversed());
        for (Entry head : heads) {
            List<Entry> sequence = sequenceTo(head);
            if (!sequence.isEmpty()) {
                return sequence;
            }
        }
        return List.of();
    }

    /** The entries from the tail that {@code head} names to itself; none where one is missing. */
    private List<Entry> sequenceTo(Entry head) {
        List<Entry> sequence = new ArrayList<>();
        Entry entry = entries.get(head.tail());
        while (entry != null && sequence.size() < entries.size()) {
            sequence.add(entry);
            if (entry == head) {
                return sequence;
            }
            Entry next = entries.get((entry.place() + entry.lengthBytes()) % lengthBytes);
            entry = next != null && next.sequence() == entry.sequence() + 1 ? next : null;
        }
        return List.of();
    }

    /** Descriptors come first, from behind the header on, then a sector of data for each that has data. */
    private static void apply(Entry entry, VhdxReplay replay) throws ImageException {
        MemorySegment bytes = entry.bytes();
        long descriptors = Fields.unsignedInt(bytes, LittleEndian.INT, DESCRIPTORS_OFFSET);
        long descriptorsEnd = HEADER_BYTES + descriptors * VhdxLogDescriptor.BYTES;
        long dataOffset = Math.ceilDiv(descriptorsEnd, SECTOR_BYTES) * SECTOR_BYTES;
        if (dataOffset > entry.lengthBytes()) {
            throw Fields.invalid("the descriptors of a VHDX log entry", descriptors, "within the entry");
        }
        for (int index = 0; index < descriptors; index++) {
            MemorySegment descriptor =
                    bytes.asSlice(HEADER_BYTES + (long) index * VhdxLogDescriptor.BYTES, VhdxLogDescriptor.BYTES);
            if (VhdxLogDescriptor.apply(descriptor, entry.sequence(), replay)) {
                continue;
            }
            if (dataOffset > entry.lengthBytes() - SECTOR_BYTES) {
                throw Fields.invalid("a VHDX log entry has less data than its descriptors say");
            }
            MemorySegment sector = bytes.asSlice(dataOffset, SECTOR_BYTES);
            VhdxLogDescriptor.applyData(descriptor, entry.sequence(), sector, replay);
            dataOffset += SECTOR_BYTES;
        }
    }
}
