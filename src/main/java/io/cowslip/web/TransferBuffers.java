package io.cowslip.web;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;

/**
 * Native memory that guest bytes pass through between the image and the socket. There are never more buffers than
 * transfers under way; of those handed back, a few are kept and the others left to the garbage collector.
 */
final class TransferBuffers {
    private static final int MAX_IDLE = 64;
    private static final int PAGE_BYTES = 4096;

    private final int sizeBytes;
    private final MemorySegment zeros;
    private final ArrayDeque<MemorySegment> idle = new ArrayDeque<>();

    TransferBuffers(int sizeBytes) {
        this.sizeBytes = sizeBytes;
        this.zeros = Arena.global().allocate(sizeBytes, PAGE_BYTES).asReadOnly();
    }

    /** A buffer for the length of one transfer. */
    final class Buffer implements AutoCloseable {
        private final MemorySegment memory;

        private Buffer(MemorySegment memory) {
            this.memory = memory;
        }

        int sizeBytes() {
            return sizeBytes;
        }

        MemorySegment memory(long lengthBytes) {
            return memory.asSlice(0, lengthBytes);
        }

        ByteBuffer view(long lengthBytes) {
            return memory(lengthBytes).asByteBuffer();
        }

        /** Zeros, at most as many as the buffer has bytes. */
        ByteBuffer zeros(long lengthBytes) {
            return zeros.asSlice(0, lengthBytes).asByteBuffer();
        }

        @Override
        public void close() {
            giveBack(memory);
        }
    }

    Buffer take() {
        MemorySegment memory = takeIdle();
        return new Buffer(memory);
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
