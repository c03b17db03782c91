package io.cowslip.testing;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * Swaps what two names stand for, over and over and as fast as the host does, until it is closed: renameat2 with
 * RENAME_EXCHANGE, so that at each moment both names are there.
 */
public final class NameSwap implements AutoCloseable {
    private static final int AT_FDCWD = -100;
    private static final int RENAME_EXCHANGE = 2;
    private static final MethodHandle RENAMEAT2 = Linker.nativeLinker()
            .downcallHandle(
                    Linker.nativeLinker().defaultLookup().findOrThrow("renameat2"),
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.ADDRESS,
                            ValueLayout.JAVA_INT,
                            ValueLayout.ADDRESS,
                            ValueLayout.JAVA_INT));

    private final Thread thread;
    private volatile boolean ended;
    private volatile long swaps;

    private NameSwap(Path one, Path other) {
        thread = Thread.ofPlatform().daemon().name("name-swap").unstarted(() -> swap(one, other));
    }

    /** Begins, and returns once names have been swapped. */
    public static NameSwap of(Path one, Path other) {
        NameSwap swap = new NameSwap(one, other);
        swap.thread.start();
        while (swap.swaps == 0 && swap.thread.isAlive()) {
            Thread.onSpinWait();
        }
        return swap;
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // One thread counts.
    private void swap(Path one, Path other) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment first = arena.allocateFrom(one.toString());
            MemorySegment second = arena.allocateFrom(other.toString());
            while (!ended) {
                int result = (int) RENAMEAT2.invokeExact(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE);
                if (result == 0) {
                    swaps++;
                }
            }
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** How many swaps there have been. */
    public long swaps() {
        return swaps;
    }

    @Override
    public void close() {
        ended = true;
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
