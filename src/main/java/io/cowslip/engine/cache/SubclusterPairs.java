package io.cowslip.engine.cache;

import java.lang.invoke.VarHandle;

/**
 * Lets readers see two words as they were at one moment, though a writer changes one after the other. Readers take no
 * lock and write nothing: they note a number before they read, and read again where it has changed since. One writer at
 * a time.
 */
final class SubclusterPairs {
    private volatile int version;

    /** What {@link #isStill} is to be asked about. Waits for a change that is under way, which takes two stores. */
    int begin() {
        int now = version;
        while ((now & 1) != 0) {
            Thread.onSpinWait();
            now = version;
        }
        return now;
    }

    /** Whether everything that was read since {@link #begin} is of one moment. */
    boolean isStill(int before) {
        VarHandle.loadLoadFence();
        return version == before;
    }

    /** Makes a change that readers see as a whole. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // One writer at a time, under the image's metadata lock.
    void change(Runnable stores) {
        version++;
        VarHandle.storeStoreFence();
        stores.run();
        version++;
    }
}
