package io.cowslip.engine.foreign;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The tables of one disk's files, a page at a time: read when an entry of it is asked for first, and kept until another
 * page takes its slot, so that a disk of any size is opened at once and its tables take 4 MiB at most. A page never
 * changes, and a slot is one reference: no lock is taken, and at worst two threads read the same page.
 */
final class TablePages {
    private static final int PAGE_BITS = 14;
    private static final int PAGE_BYTES = 1 << PAGE_BITS;
    private static final int SLOT_BITS = 8;
    private static final long SCATTER = 0x9E37_79B9_7F4A_7C15L;

    private final AtomicReferenceArray<@Nullable Page> slots = new AtomicReferenceArray<>(1 << SLOT_BITS);

    /** @param bytes shorter than a page where the file ends in it */
    private record Page(HostFile file, long number, MemorySegment bytes) {
        boolean is(HostFile wanted, long wantedNumber) {
            return file == wanted && number == wantedNumber;
        }
    }

    /** An entry of 32 bits that lies at a multiple of 4 bytes. */
    int intAt(HostFile file, long hostOffset, ValueLayout.OfInt order) throws IOException {
        return page(file, hostOffset, Integer.BYTES).get(order, hostOffset & PAGE_BYTES - 1);
    }

    /** An entry of 64 bits that lies at a multiple of 8 bytes. */
    long longAt(HostFile file, long hostOffset, ValueLayout.OfLong order) throws IOException {
        return page(file, hostOffset, Long.BYTES).get(order, hostOffset & PAGE_BYTES - 1);
    }

    private MemorySegment page(HostFile file, long hostOffset, int entryBytes) throws IOException {
        long number = hostOffset >>> PAGE_BITS;
        int slot = (int) (((number + System.identityHashCode(file)) * SCATTER) >>> (Long.SIZE - SLOT_BITS));
        Page page = slots.get(slot);
        if (page == null || !page.is(file, number)) {
            page = new Page(file, number, read(file, number));
            slots.set(slot, page);
        }
        if ((hostOffset & PAGE_BYTES - 1) + entryBytes > page.bytes.byteSize()) {
            throw ImageException.of(
                    Kind.INVALID_FORMAT,
                    file.path(),
                    "the table entry at " + hostOffset + " lies past the end of the file, which has " + file.sizeBytes()
                            + " bytes");
        }
        return page.bytes;
    }

    private static MemorySegment read(HostFile file, long number) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(PAGE_BYTES)) {
            MemorySegment into = loan.segment(PAGE_BYTES);
            long count = file.read(number << PAGE_BITS, into);
            return MemorySegment.ofArray(into.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE));
        }
    }
}
