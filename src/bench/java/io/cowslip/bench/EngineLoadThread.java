package io.cowslip.bench;

import io.cowslip.engine.image.DiskImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;

/** One thread's requests. The clock is looked at once in several of them, since a look costs as much as a cache hit. */
final class EngineLoadThread {
    private static final int ALIGNMENT_BYTES = 4096;
    private static final int OPERATIONS_PER_LOOK = 8;

    private final DiskImage image;
    private final EngineLoadOptions options;
    private final AtomicLong turn;
    private final SplittableRandom random;
    private final long spanBytes;
    private final long places;

    /** {@code turn} is shared by all threads, so that together they step through the disk as one. */
    EngineLoadThread(DiskImage image, EngineLoadOptions options, AtomicLong turn, int number) {
        this.image = image;
        this.options = options;
        this.turn = turn;
        this.random = new SplittableRandom(options.seed() * 1_000_003 + number);
        this.spanBytes = options.spanBytes() == 0 ? image.virtualSizeBytes() : options.spanBytes();
        this.places = (spanBytes - options.sizeBytes()) / options.stepBytes() + 1;
    }

    /** Sends requests until {@link System#nanoTime()} has reached {@code end}; returns how many. */
    long runUntil(long end) throws IOException {
        long operations = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(options.sizeBytes(), ALIGNMENT_BYTES);
            buffer.fill((byte) 0x5a);
            while (System.nanoTime() < end) {
                for (int i = 0; i < OPERATIONS_PER_LOOK; i++) {
                    request(buffer);
                }
                operations += OPERATIONS_PER_LOOK;
            }
        }
        return operations;
    }

    private void request(MemorySegment buffer) throws IOException {
        long offset = nextOffset();
        switch (options.operation()) {
            case READ -> image.read(offset, buffer);
            case WRITE -> image.write(offset, buffer);
            case VERIFY -> {
                image.read(offset, buffer);
                options.requireSameAsData(offset, buffer);
            }
        }
    }

    private long nextOffset() {
        return options.random()
                ? random.nextLong(places) * options.stepBytes()
                : turn.getAndIncrement() * options.stepBytes() % spanBytes;
    }
}
