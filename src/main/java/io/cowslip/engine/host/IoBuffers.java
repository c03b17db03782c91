package io.cowslip.engine.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Page-aligned native buffers for data on its way, lent and taken back, so that a request allocates none. A buffer
 * holds whatever its last borrower left in it.
 */
public final class IoBuffers {
    static final long ALIGNMENT_BYTES = 4096;

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

    /**
     * Lends at least {@code lengthBytes}, to be closed by the thread that is done with it. What is more than 4 MiB, as a
     * whole table may be, is allocated for the borrower and freed when he closes it: a length from a file must have been
     * bounded before.
     */
    public static Loan borrow(long lengthBytes) {
        if (lengthBytes > 1L << LARGEST_BITS) {
            Arena arena = Arena.ofShared();
            return new Loan(buffer -> arena.close(), arena.allocate(lengthBytes, ALIGNMENT_BYTES));
        }
        int bits = Math.max(SMALLEST_BITS, 64 - Long.numberOfLeadingZeros(Math.max(1, lengthBytes - 1)));
        Shelf shelf = SHARED.shelves[bits - SMALLEST_BITS];
        return new Loan(shelf, shelf.take());
    }

    /**
     * A buffer on loan, used by one thread at a time. Each borrowing has a loan of its own: closing one again cannot
     * take the buffer from its next borrower.
     */
    public static final class Loan implements AutoCloseable {
        private final Lender lender;
        private @Nullable MemorySegment segment;

        private Loan(Lender lender, MemorySegment segment) {
            this.lender = lender;
            this.segment = segment;
        }

        /** @throws IllegalStateException after {@link #close} */
        public MemorySegment segment() {
            if (segment == null) {
                throw new IllegalStateException("the buffer was given back already");
            }
            return segment;
        }

        /** The first {@code lengthBytes} of the buffer. */
        public MemorySegment segment(long lengthBytes) {
            return segment().asSlice(0, lengthBytes);
        }

        /** Gives the buffer back; does nothing the second time. */
        @Override
        public void close() {
            MemorySegment lent = segment;
            if (lent != null) {
                segment = null;
                lender.giveBack(lent);
            }
        }
    }

    /** Takes a buffer back. */
    @FunctionalInterface
    private interface Lender {
        void giveBack(MemorySegment buffer);
    }

    private static final class Shelf implements Lender {
        private final long bufferBytes;
        private final int keptAtMost;
        private final ConcurrentLinkedQueue<MemorySegment> kept = new ConcurrentLinkedQueue<>();
        private final AtomicInteger keptCount = new AtomicInteger();

        Shelf(long bufferBytes) {
            this.bufferBytes = bufferBytes;
            this.keptAtMost = (int) Math.max(4, KEPT_BYTES_PER_SIZE / bufferBytes);
        }

        MemorySegment take() {
            MemorySegment buffer = kept.poll();
            if (buffer != null) {
                keptCount.decrementAndGet();
                return buffer;
            }
            return Arena.ofAuto().allocate(bufferBytes, ALIGNMENT_BYTES);
        }

        @Override
        public void giveBack(MemorySegment buffer) {
            if (keptCount.incrementAndGet() <= keptAtMost) {
                kept.add(buffer);
            } else {
                keptCount.decrementAndGet();
            }
        }
    }
}
