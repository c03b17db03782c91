package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * The sectors of a VHDX image that its log changes, as they are to be. Made by one thread, then read by any. The log
 * bounds what it takes.
 */
public final class VhdxReplay {
    private static final long MAX_HOST_OFFSET = 1L << 60;

    private final long fileSizeBytes;
    private final NavigableMap<Long, byte[]> sectors = new TreeMap<>();

    /** Ends of ranges of zeros by their starts; none touches another. */
    private final NavigableMap<Long, Long> zeros = new TreeMap<>();

    VhdxReplay(long fileSizeBytes) throws ImageException {
        if (fileSizeBytes < 0 || fileSizeBytes > MAX_HOST_OFFSET) {
            throw Fields.invalid("the file size in the VHDX log", fileSizeBytes, "at most " + MAX_HOST_OFFSET);
        }
        this.fileSizeBytes = fileSizeBytes;
    }

    void zero(long hostOffset, long lengthBytes) throws ImageException {
        requirePlace(hostOffset);
        requirePlace(lengthBytes);
        long start = hostOffset;
        long end = hostOffset + lengthBytes;
        sectors.subMap(start, end).clear();
        Map.Entry<Long, Long> before = zeros.floorEntry(end);
        while (before != null && before.getValue() >= start) {
            start = Math.min(start, before.getKey());
            end = Math.max(end, before.getValue());
            zeros.remove(before.getKey());
            before = zeros.floorEntry(end);
        }
        if (end > start) {
            zeros.put(start, end);
        }
    }

    void put(long hostOffset, byte[] sector) throws ImageException {
        requirePlace(hostOffset);
        sectors.put(hostOffset, sector);
    }

    private static void requirePlace(long hostOffset) throws ImageException {
        if (hostOffset < 0 || hostOffset > MAX_HOST_OFFSET || hostOffset % VhdxLog.SECTOR_BYTES != 0) {
            throw Fields.invalid("a place or length in the VHDX log", hostOffset, "a multiple of 4096");
        }
    }

    /** What the file is to have at least. */
    public long fileSizeBytes() {
        return fileSizeBytes;
    }

    /** Puts what the log has of it over what was read from {@code hostOffset} on. */
    public void apply(long hostOffset, MemorySegment read) {
        long end = hostOffset + read.byteSize();
        Long firstZeros = zeros.floorKey(hostOffset);
        for (Map.Entry<Long, Long> range :
                zeros.subMap(firstZeros == null ? hostOffset : firstZeros, end).entrySet()) {
            long from = Math.max(range.getKey(), hostOffset);
            long to = Math.min(range.getValue(), end);
            if (to > from) {
                read.asSlice(from - hostOffset, to - from).fill((byte) 0);
            }
        }
        long firstSector = hostOffset & -VhdxLog.SECTOR_BYTES;
        for (Map.Entry<Long, byte[]> sector : sectors.subMap(firstSector, end).entrySet()) {
            long from = Math.max(sector.getKey(), hostOffset);
            long to = Math.min(sector.getKey() + VhdxLog.SECTOR_BYTES, end);
            MemorySegment.copy(
                    MemorySegment.ofArray(sector.getValue()),
                    from - sector.getKey(),
                    read,
                    from - hostOffset,
                    to - from);
        }
    }
}
