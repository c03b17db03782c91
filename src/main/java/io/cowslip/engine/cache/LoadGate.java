package io.cowslip.engine.cache;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/**
 * Lets one thread at a time load a piece, and different pieces be loaded at once: nobody waits for another's read,
 * unless it is of the very piece that he wants.
 */
final class LoadGate {
    private final ConcurrentMap<Long, CompletableFuture<Boolean>> inside = new ConcurrentHashMap<>();

    /**
     * Enters for {@code key}, or waits until whoever is in has left.
     *
     * @return whether the caller is in
     */
    boolean enterOrWait(long key) {
        CompletableFuture<Boolean> before = inside.putIfAbsent(key, new CompletableFuture<>());
        if (before == null) {
            return true;
        }
        // Whatever interrupts the wait is kept for later.
        before.join();
        return false;
    }

    /** Enters for {@code key} if nobody is in. */
    boolean tryEnter(long key) {
        return inside.putIfAbsent(key, new CompletableFuture<>()) == null;
    }

    /** Leaves for the keys from {@code first} to before {@code end}. */
    void leave(long first, long end) {
        for (long key = first; key < end; key++) {
            CompletableFuture<Boolean> own = inside.remove(key);
            if (own != null) {
                own.complete(true);
            }
        }
    }
}
