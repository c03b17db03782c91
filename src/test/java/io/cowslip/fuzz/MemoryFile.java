package io.cowslip.fuzz;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The bytes of one file in memory, in pages that exist where something other than zeros was written. */
final class MemoryFile {
    private static final int PAGE_BYTES = 4096;

    /** What an image may add to itself. More is no growth any more: somebody wrote where the image led him. */
    private static final long MOST_GROWTH_BYTES = 64L << 20;

    private final Map<Long, byte[]> pages = new HashMap<>();
    private Guard guard = (file, offset, lengthBytes, bytes) -> {};
    private final long firstSizeBytes;
    private long sizeBytes;

    /** Looks at every change of the bytes before it is made. */
    @FunctionalInterface
    interface Guard {
        /** @param bytes what is written; null: zeros, or a hole */
        void before(MemoryFile file, long offset, long lengthBytes, @Nullable MemorySegment bytes);
    }

    MemoryFile(byte[] content, long sizeBytes) {
        this.sizeBytes = Math.max(sizeBytes, content.length);
        this.firstSizeBytes = this.sizeBytes;
        copyIn(0, MemorySegment.ofArray(content));
    }

    synchronized void guard(Guard other) {
        guard = other;
    }

    synchronized long sizeBytes() {
        return sizeBytes;
    }

    synchronized byte[] content() {
        MemorySegment all = MemorySegment.ofArray(new byte[Math.toIntExact(sizeBytes)]);
        read(0, all);
        return (byte[]) all.heapBase().orElseThrow();
    }

    /** Puts bytes in the place of what the file has. */
    synchronized void patch(long offset, byte[] bytes) {
        copyIn(offset, MemorySegment.ofArray(bytes));
    }

    synchronized long read(long offset, MemorySegment into) {
        requireOffset(offset);
        long count = Math.clamp(sizeBytes - offset, 0, into.byteSize());
        long done = 0;
        while (done < count) {
            long position = offset + done;
            int inPage = (int) (position % PAGE_BYTES);
            long length = Math.min(count - done, PAGE_BYTES - inPage);
            byte[] page = pages.get(position / PAGE_BYTES);
            if (page == null) {
                into.asSlice(done, length).fill((byte) 0);
            } else {
                MemorySegment.copy(MemorySegment.ofArray(page), inPage, into, done, length);
            }
            done += length;
        }
        return count;
    }

    synchronized void write(long offset, MemorySegment from) {
        grow(offset, from.byteSize());
        guard.before(this, offset, from.byteSize(), from);
        copyIn(offset, from);
    }

    synchronized void zero(long offset, long lengthBytes) {
        grow(offset, lengthBytes);
        guard.before(this, offset, lengthBytes, null);
        clear(offset, lengthBytes);
    }

    synchronized void punch(long offset, long lengthBytes) {
        requireOffset(offset);
        guard.before(this, offset, lengthBytes, null);
        clear(offset, Math.clamp(sizeBytes - offset, 0, lengthBytes));
    }

    synchronized void truncate(long newSizeBytes) {
        grow(newSizeBytes, 0);
        if (newSizeBytes < sizeBytes) {
            guard.before(this, newSizeBytes, sizeBytes - newSizeBytes, null);
            clear(newSizeBytes, sizeBytes - newSizeBytes);
        }
        sizeBytes = newSizeBytes;
    }

    private void grow(long offset, long lengthBytes) {
        requireOffset(offset);
        long end = offset + lengthBytes;
        if (end < 0 || end > firstSizeBytes + MOST_GROWTH_BYTES) {
            throw new AssertionError("a write of " + lengthBytes + " bytes at " + offset + " leaves the file of "
                    + sizeBytes + " bytes far behind");
        }
        sizeBytes = Math.max(sizeBytes, end);
    }

    private void clear(long offset, long lengthBytes) {
        long end = offset + lengthBytes;
        pages.keySet().removeIf(page -> page * PAGE_BYTES >= offset && (page + 1) * PAGE_BYTES <= end);
        for (long page : new long[] {offset / PAGE_BYTES, Math.max(0, end - 1) / PAGE_BYTES}) {
            byte[] present = pages.get(page);
            if (present != null) {
                long from = Math.clamp(offset - page * PAGE_BYTES, 0, PAGE_BYTES);
                long to = Math.clamp(end - page * PAGE_BYTES, 0, PAGE_BYTES);
                if (to > from) {
                    MemorySegment.ofArray(present).asSlice(from, to - from).fill((byte) 0);
                }
            }
        }
    }

    private void copyIn(long offset, MemorySegment from) {
        long done = 0;
        while (done < from.byteSize()) {
            long position = offset + done;
            int inPage = (int) (position % PAGE_BYTES);
            long length = Math.min(from.byteSize() - done, PAGE_BYTES - inPage);
            byte[] page = pages.computeIfAbsent(position / PAGE_BYTES, number -> new byte[PAGE_BYTES]);
            MemorySegment.copy(from, ValueLayout.JAVA_BYTE, done, page, inPage, (int) length);
            done += length;
        }
    }

    private static void requireOffset(long offset) {
        if (offset < 0) {
            throw new AssertionError("an access at " + offset);
        }
    }
}
