package io.cowslip.engine.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Page-aligned native buffers for data on its way, lent and taken back, so that a request allocates none. A buffer
 * holds whatever its last borrower left in it.
 */
public final class IoBuffers {
    private static final long ALIGNMENT = 4096;
    private static final int SMALLEST_BITS = 12;
    private static final int LARGEST_BITS = 22;
    private static final long KEPT_BYTES_PER_SIZE = 16L << 20;

    private static final IoBuffers SHARED = new IoBuffers();

    private final Shelf[] shelves = new Shelf[LARGEST_BITS - SMALLEST_BITS + 1];

    private IoBuffers() {
        for (int index = 0; index < shelves.length; index++) {
            shelves[index] = new Shelf(1L << (SMALLEST_BITS + index));
        }
    }

    /** Lends at least {@code lengthBytes}, at most 4 MiB, to be closed by the thread that is done with it. */
    public static Loan borrow(long lengthBytes) {
        if (lengthBytes > 1L << LARGEST_BITS) {
            throw new IllegalArgumentException("buffers have at most 4 MiB, not " + lengthBytes + " bytes");
        }
        int bits = Math.max(SMALLEST_BITS, 64 - Long.numberOfLeadingZeros(Math.max(1, lengthBytes - 1)));
        return SHARED.shelves[bits - SMALLEST_BITS].take();
    }

    /** A buffer on loan. */
    public static final class Loan implements AutoCloseable {
        private final Shelf shelf;
        private final MemorySegment segment;

        private Loan(Shelf shelf, MemorySegment segment) {
            this.shelf = shelf;
            this.segment = segment;
        }

        public MemorySegment segment() {
            return segment;
        }

        /** The first {@code lengthBytes} of the buffer. */
        public MemorySegment segment(long lengthBytes) {
            return segment.asSlice(0, lengthBytes);
        }

        @Override
        public void close() {
            shelf.giveBack(this);
        }
    }

    private static final class Shelf {
        private final long bufferBytes;
        private final int keptAtMost;
        private final ConcurrentLinkedQueue<Loan> kept = new ConcurrentLinkedQueue<>();
        private final AtomicInteger keptCount = new AtomicInteger();

        Shelf(long bufferBytes) {
            this.bufferBytes = bufferBytes;
            this.keptAtMost = (int) Math.max(4, KEPT_BYTES_PER_SIZE / bufferBytes);
        }

        Loan take() {
            Loan loan = kept.poll();
            if (loan != null) {
                keptCount.decrementAndGet();
                return loan;
            }
            return new Loan(this, Arena.ofAuto().allocate(bufferBytes, ALIGNMENT));
        }

        void giveBack(Loan loan) {
            if (keptCount.incrementAndGet() <= keptAtMost) {
                kept.add(loan);
            } else {
                keptCount.decrementAndGet();
            }
        }
    }
}
