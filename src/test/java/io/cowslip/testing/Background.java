package io.cowslip.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** Actions in threads of their own. */
public final class Background {
    private Background() {}

    /** What may fail as files do. */
    @FunctionalInterface
    public interface Action {
        void run() throws IOException;
    }

    /** Starts {@code action}; joining what is returned throws what it threw. */
    public static CompletableFuture<Void> run(Action action) {
        return run(action, thread -> {});
    }

    /** @param started is told the thread, before it has done anything or after */
    public static CompletableFuture<Void> run(Action action, Consumer<Thread> started) {
        return CompletableFuture.runAsync(
                () -> {
                    try {
                        action.run();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                task -> started.accept(Thread.ofPlatform().daemon().start(task)));
    }
}
