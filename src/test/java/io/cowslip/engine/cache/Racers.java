package io.cowslip.engine.cache;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Threads that meet at one cache. */
final class Racers {
    private Racers() {}

    /** A task on a thread of its own, and that thread. */
    record Racer<T>(Thread thread, Future<T> result) {

        /** Returns once the thread waits for somebody. */
        Racer<T> waiting() {
            while (thread.getState() != Thread.State.WAITING) {
                if (result.isDone()) {
                    throw new AssertionError("was to wait, and is done");
                }
                Thread.onSpinWait();
            }
            return this;
        }

        T get() throws InterruptedException, ExecutionException {
            return result.get();
        }
    }

    static <T> Racer<T> start(Callable<T> task) {
        java.util.concurrent.FutureTask<T> result = new java.util.concurrent.FutureTask<>(task);
        return new Racer<>(Thread.ofPlatform().daemon().start(result), result);
    }

    /** Runs all at once and returns when all have ended, or fails with the failure of one. */
    static void race(List<Callable<Long>> tasks) throws InterruptedException, ExecutionException {
        List<Future<Long>> results = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(
                tasks.size(), Thread.ofPlatform().daemon().factory())) {
            results.addAll(threads.invokeAll(tasks));
        }
        for (Future<Long> result : results) {
            result.get();
        }
    }
}
