package io.cowslip.engine.cache;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CountDownLatch;

/**
 * Lets one thread at a time load a piece, and different pieces be loaded at once: nobody waits for another's read,
 * unless it is of the very piece that he wants.
 */
final class LoadGate {
    private final ConcurrentMap<Long, CountDownLatch> inside = new ConcurrentHashMap<>();

    /**
     * Enters for {@code key}, or waits until whoever is in has left.
     *
     * @return whether the caller is in
     */
    boolean enterOrWait(long key) {
        CountDownLatch before = inside.putIfAbsent(key, new CountDownLatch(1));
        if (before == null) {
            return true;
        }
        awaitUninterruptibly(before);
        return false;
    }

    /** Enters for {@code key} if nobody is in. */
    boolean tryEnter(long key) {
        return inside.putIfAbsent(key, new CountDownLatch(1)) == null;
    }

    /** Leaves for the keys from {@code first} to before {@code end}. */
    void leave(long first, long end) {
        for (long key = first; key < end; key++) {
            CountDownLatch own = inside.remove(key);
            if (own != null) {
                own.countDown();
            }
        }
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
        boolean interrupted = false;
        while (true) {
            try {
                latch.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
