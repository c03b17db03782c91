package io.cowslip.engine.work;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Threads that help requests to compress their clusters: as many for the whole process as it has processors, made when
 * there is something to do and ended when there is nothing for a while. A request's own thread works as well and waits
 * only for pieces that somebody has begun, so that busy helpers hold nobody up.
 */
public final class CompressionThreads {
    private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();
    private static final long IDLE_SECONDS = 10;
    private static final ExecutorService HELPERS = helpers();

    private static final Thread SOMEBODY_ELSE = Thread.ofPlatform().unstarted(() -> {});

    private CompressionThreads() {}

    private static ExecutorService helpers() {
        ThreadPoolExecutor helpers = new ThreadPoolExecutor(
                PROCESSORS,
                PROCESSORS,
                IDLE_SECONDS,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                Thread.ofPlatform().name("compress-", 0).daemon().factory());
        helpers.allowCoreThreadTimeOut(true);
        return helpers;
    }

    /**
     * Runs pieces 0 to {@code count} - 1, each once; returns when all are done.
     *
     * @param memory what the pieces read: where that is for one thread alone, the caller's does all
     */
    public static void run(int count, MemorySegment memory, IntConsumer piece) {
        if (count == 1 || !memory.isAccessibleBy(SOMEBODY_ELSE)) {
            for (int index = 0; index < count; index++) {
                piece.accept(index);
            }
            return;
        }
        Pieces pieces = new Pieces(count, piece);
        for (int helper = Math.min(count, PROCESSORS) - 1; helper > 0; helper--) {
            HELPERS.execute(pieces);
        }
        pieces.run();
        pieces.awaitAll();
    }

    private static final class Pieces implements Runnable {
        private final int count;
        private final IntConsumer piece;
        private final AtomicInteger next = new AtomicInteger();
        private final CountDownLatch left;
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

        Pieces(int count, IntConsumer piece) {
            this.count = count;
            this.piece = piece;
            this.left = new CountDownLatch(count);
        }

        @Override
        public void run() {
            for (int index = next.getAndIncrement(); index < count; index = next.getAndIncrement()) {
                try {
                    piece.accept(index);
                } catch (RuntimeException | Error failed) {
                    failure.compareAndSet(null, failed);
                } finally {
                    left.countDown();
                }
            }
        }

        /** The memory that the pieces work on is the caller's, so an interrupted caller waits all the same. */
        void awaitAll() {
            boolean interrupted = false;
            while (true) {
                try {
                    left.await();
                    break;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            switch (failure.get()) {
                case null -> {}
                case Error error -> throw error;
                case RuntimeException unchecked -> throw unchecked;
                case Throwable other -> throw new IllegalStateException(other);
            }
        }
    }
}
