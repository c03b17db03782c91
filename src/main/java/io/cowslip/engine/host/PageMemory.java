package io.cowslip.engine.host;

import io.cowslip.engine.ImageException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory outside the heap by anonymous mapping. Pages take no memory until they are touched, and
 * {@link #release} gives them back while the mapping stays: {@code Arena.allocate} can do neither, since it clears and
 * so touches all of it at once. Reading a released page yields zeros.
 *
 * <p>Any thread may use the segment; {@link #close} is the owner's, once nobody does.
 */
public final class PageMemory implements AutoCloseable {
    private static final long PAGE_BYTES = 4096;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;

    private PageMemory(long address, long lengthBytes) {
        segment = MemorySegment.ofAddress(address)
                .reinterpret(lengthBytes, arena, mapped -> Posix.munmap(mapped.address(), lengthBytes));
    }

    /** Maps {@code lengthBytes} of zeros. */
    public static PageMemory map(long lengthBytes) throws ImageException {
        long wholePages = Math.ceilDiv(lengthBytes, PAGE_BYTES) * PAGE_BYTES;
        long address = Posix.mmap(wholePages);
        if (address < 0) {
            throw ImageException.of(
                    ImageException.Kind.NO_SPACE,
                    "no " + wholePages + " bytes of address space for a metadata cache (errno " + -address + ")");
        }
        // One touched slice would otherwise bring in a huge page of 2 MiB, and the cache would take many times its
        // share.
        Posix.madvise(address, wholePages, Posix.MADV_NOHUGEPAGE);
        return new PageMemory(address, wholePages);
    }

    public MemorySegment segment() {
        return segment;
    }

    /** Gives back the whole pages inside the range. What was in them is zeros from now on. */
    public void release(long offset, long lengthBytes) {
        long first = Math.ceilDiv(offset, PAGE_BYTES) * PAGE_BYTES;
        long end = Math.min(Math.floorDiv(offset + lengthBytes, PAGE_BYTES) * PAGE_BYTES, segment.byteSize());
        if (end > first) {
            Posix.madvise(segment.address() + first, end - first, Posix.MADV_DONTNEED);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
