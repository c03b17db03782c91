package io.cowslip.engine.codec;

import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Decoders to take and give back. They hold native memory, so no more stay than can be at work on the machine's
 * processors at once; the rest are ended when they come back.
 */
final class DecoderPool<D> implements AutoCloseable {
    private static final int MAX_IDLE = Runtime.getRuntime().availableProcessors();

    private final ConcurrentLinkedQueue<D> idle = new ConcurrentLinkedQueue<>();
    private final AtomicInteger idleCount = new AtomicInteger();
    private final Supplier<D> make;
    private final Consumer<D> end;

    DecoderPool(Supplier<D> make, Consumer<D> end) {
        this.make = make;
        this.end = end;
    }

    D take() {
        D decoder = idle.poll();
        if (decoder == null) {
            return make.get();
        }
        idleCount.decrementAndGet();
        return decoder;
    }

    void giveBack(D decoder) {
        if (idleCount.incrementAndGet() > MAX_IDLE) {
            idleCount.decrementAndGet();
            end.accept(decoder);
        } else {
            idle.add(decoder);
        }
    }

    @Override
    public void close() {
        for (D decoder = idle.poll(); decoder != null; decoder = idle.poll()) {
            idleCount.decrementAndGet();
            end.accept(decoder);
        }
    }
}
