package io.cowslip.fuzz;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.convert.DiskMap;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Reads of a disk that may be of any size: its extents from the start on, some bytes of each, its map, and its end. */
public final class GuestReads {
    private static final int MOST_EXTENTS = 64;
    private static final int READ_BYTES = 8 << 10;
    private static final int MAP_EXTENTS = 100;

    /** Any thread's. */
    private static final ThreadLocal<MemorySegment> BUFFER =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(READ_BYTES));

    private GuestReads() {}

    /** Reads what there is; each read may be refused. */
    public static void all(DiskImage image) {
        long sizeBytes = image.virtualSizeBytes();
        long position = 0;
        for (int count = 0; count < MOST_EXTENTS && position < sizeBytes; count++) {
            position = extent(image, position, sizeBytes);
        }
        if (sizeBytes > 0) {
            read(image, Math.max(0, sizeBytes - READ_BYTES), sizeBytes);
        }
        Hostile.refusable(() -> DiskMap.of(image, 0, sizeBytes, MAP_EXTENTS, WorkObserver.NONE));
    }

    private static long extent(DiskImage image, long start, long sizeBytes) {
        long[] end = {start + READ_BYTES};
        Hostile.refusable(() -> {
            GuestExtent extent = image.extentAt(start, sizeBytes - start);
            if (extent.start() != start || extent.length() < 1 || extent.length() > sizeBytes - start) {
                throw new AssertionError(extent + " at " + start + " of " + sizeBytes);
            }
            end[0] = start + extent.length();
        });
        read(image, start, Math.min(end[0], sizeBytes));
        return end[0];
    }

    private static void read(DiskImage image, long from, long end) {
        MemorySegment into = BUFFER.get().asSlice(0, Math.min(READ_BYTES, end - from));
        Hostile.refusable(() -> image.read(from, into));
    }

    /** All bytes of a small disk. */
    static byte[] bytes(DiskImage image) throws IOException {
        byte[] all = new byte[Math.toIntExact(image.virtualSizeBytes())];
        for (int from = 0; from < all.length; from += READ_BYTES) {
            MemorySegment part = BUFFER.get().asSlice(0, Math.min(READ_BYTES, all.length - from));
            image.read(from, part);
            MemorySegment.copy(part, ValueLayout.JAVA_BYTE, 0, all, from, (int) part.byteSize());
        }
        return all;
    }
}
