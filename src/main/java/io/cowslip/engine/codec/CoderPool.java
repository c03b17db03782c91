package io.cowslip.engine.codec;

import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Encoders, decoders and ciphers to take and give back. They hold native memory or much of the heap, so no more stay than
 * can be at work on the machine's processors at once; the rest are ended when they come back.
 */
final class CoderPool<C> implements AutoCloseable {
    private static final int MAX_IDLE = Runtime.getRuntime().availableProcessors();

    private final ConcurrentLinkedQueue<C> idle = new ConcurrentLinkedQueue<>();
    private final AtomicInteger idleCount = new AtomicInteger();
    private final Supplier<C> make;
    private final Consumer<C> end;

    CoderPool(Supplier<C> make, Consumer<C> end) {
        this.make = make;
        this.end = end;
    }

    C take() {
        C coder = idle.poll();
        if (coder == null) {
            return make.get();
        }
        idleCount.decrementAndGet();
        return coder;
    }

    void giveBack(C coder) {
        if (idleCount.incrementAndGet() > MAX_IDLE) {
            idleCount.decrementAndGet();
            end.accept(coder);
        } else {
            idle.add(coder);
        }
    }

    @Override
    public void close() {
        for (C coder = idle.poll(); coder != null; coder = idle.poll()) {
            idleCount.decrementAndGet();
            end.accept(coder);
        }
    }
}
