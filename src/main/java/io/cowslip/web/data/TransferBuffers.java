package io.cowslip.web.data;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Native memory that guest bytes pass through between the image and the socket. There are never more buffers than
 * transfers under way; of those handed back, a few are kept and the others left to the garbage collector.
 */
public final class TransferBuffers {
    private static final int MAX_IDLE = 64;
    private static final int PAGE_BYTES = 4096;
    private static final int LARGE_BYTES = 1 << 20;
    private static final int UNITS_IN_LARGE = 4;

    private final int sizeBytes;
    private final MemorySegment zeros;
    private final ArrayDeque<MemorySegment> idle = new ArrayDeque<>();

    TransferBuffers(int sizeBytes) {
        this.sizeBytes = sizeBytes;
        this.zeros = Arena.global().allocate(sizeBytes, PAGE_BYTES).asReadOnly();
    }

    /** A buffer for the length of one transfer. */
    public final class Buffer implements AutoCloseable {
        private final MemorySegment memory;
        private final @Nullable Arena own;

        /** @param own what ends the memory, where it is not to be handed back */
        private Buffer(MemorySegment memory, @Nullable Arena own) {
            this.memory = memory;
            this.own = own;
        }

        /** The most that passes through it at once. */
        public int sizeBytes() {
            return (int) memory.byteSize();
        }

        /** Its first bytes, to be used until it is closed. */
        public MemorySegment memory(long lengthBytes) {
            return memory.asSlice(0, lengthBytes);
        }

        /** The same as a buffer of its own, with a position of its own. */
        public ByteBuffer view(long lengthBytes) {
            return memory(lengthBytes).asByteBuffer();
        }

        /** Zeros, at most as many as the buffer has bytes. */
        ByteBuffer zeros(long lengthBytes) {
            return zeros.asSlice(0, lengthBytes).asByteBuffer();
        }

        @Override
        public void close() {
            if (own == null) {
                giveBack(memory);
            } else {
                own.close();
            }
        }
    }

    /** A buffer for one transfer, to be closed by the thread that ends it. */
    public Buffer take() {
        MemorySegment memory = takeIdle();
        return new Buffer(memory, null);
    }

    /** A buffer of several units, at most 2 MiB each, for a transfer whose every unit takes much work. */
    Buffer takeLarge(int unitBytes) {
        Arena arena = Arena.ofShared();
        int large = Math.max(LARGE_BYTES, UNITS_IN_LARGE * unitBytes);
        return new Buffer(arena.allocate(large, PAGE_BYTES), arena);
    }

    int sizeBytes() {
        return sizeBytes;
    }

    /** Zeros, at most a buffer's size of them. */
    ByteBuffer zeros(long lengthBytes) {
        return zeros.asSlice(0, lengthBytes).asByteBuffer();
    }

    private MemorySegment takeIdle() {
        synchronized (idle) {
            if (!idle.isEmpty()) {
                return idle.pop();
            }
        }
        return Arena.ofAuto().allocate(sizeBytes, PAGE_BYTES);
    }

    private void giveBack(MemorySegment memory) {
        synchronized (idle) {
            if (idle.size() < MAX_IDLE) {
                idle.push(memory);
            }
        }
    }
}
