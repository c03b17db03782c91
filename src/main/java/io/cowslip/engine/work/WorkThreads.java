package io.cowslip.engine.work;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** Spreads pieces of work over all cores, counts how much is done, and ends at the first failure. */
public final class WorkThreads {
    private static final int MAX_THREADS = 16;
    private static final long REPORT_BYTES = 4L << 20;

    private final WorkObserver observer;
    private final LongAdder doneBytes = new LongAdder();
    private final LongAdder totalBytes = new LongAdder();

    /** @param observer told of the bytes that are done; may stop the work */
    public WorkThreads(WorkObserver observer) {
        this.observer = observer;
    }

    /** One piece of work. */
    @FunctionalInterface
    public interface Piece {
        void run(int index) throws IOException;
    }

    /** Notes bytes that are going to be dealt with. */
    public void expect(long bytes) {
        totalBytes.add(bytes);
        report();
    }

    /** Notes bytes that are dealt with. */
    public void done(long bytes) {
        long before = doneBytes.sum();
        doneBytes.add(bytes);
        if (before / REPORT_BYTES != (before + bytes) / REPORT_BYTES) {
            report();
        }
    }

    /** Tells the observer of all that is done, also where that was not long after the last time. */
    public void report() {
        long done = doneBytes.sum();
        observer.advanced(done, Math.max(done, totalBytes.sum()));
    }

    /** Runs pieces 0 to {@code count} - 1, each once, in about this order; returns when all are done. */
    public void run(int count, Piece piece) throws IOException {
        int threads = Math.min(count, Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors()));
        if (threads <= 1) {
            for (int index = 0; index < count; index++) {
                piece.run(index);
            }
            return;
        }
        AtomicInteger next = new AtomicInteger();
        AtomicBoolean failed = new AtomicBoolean();
        List<Future<?>> running = new ArrayList<>();
        try (ExecutorService executor = Executors.newFixedThreadPool(
                threads, Thread.ofPlatform().name("work-", 0).daemon().factory())) {
            for (int thread = 0; thread < threads; thread++) {
                running.add(executor.submit(() -> {
                    runSome(count, piece, next, failed);
                    return null;
                }));
            }
        }
        rethrow(running);
    }

    private static void runSome(int count, Piece piece, AtomicInteger next, AtomicBoolean failed) throws IOException {
        boolean ended = false;
        try {
            for (int index = next.getAndIncrement(); index < count && !failed.get(); index = next.getAndIncrement()) {
                piece.run(index);
            }
            ended = true;
        } finally {
            if (!ended) {
                failed.set(true);
            }
        }
    }

    private static void rethrow(List<Future<?>> done) throws IOException {
        Throwable first = null;
        for (Future<?> future : done) {
            first = withFailure(future, first);
        }
        switch (first) {
            case null -> {}
            case IOException io -> throw io;
            case RuntimeException unchecked -> throw unchecked;
            case Error error -> throw error;
            default -> throw new IllegalStateException(first);
        }
    }

    private static @Nullable Throwable withFailure(Future<?> future, @Nullable Throwable first) {
        try {
            future.get();
            return first;
        } catch (ExecutionException failure) {
            return first == null ? failure.getCause() : first;
        } catch (InterruptedException e) {
            // All have ended: nothing is waited for.
            Thread.currentThread().interrupt();
            return first;
        }
    }
}
