package io.cowslip.drive.work;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Holds work up so that it spends no more than so many bytes per second. What it did not spend is not made up for. */
final class Pace {
    private static final long LONGEST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final long bytesPerSecond;
    private long due = System.nanoTime();

    /** What is looked at while the work is held up; throws to end it. */
    @FunctionalInterface
    interface Meanwhile {
        void look() throws IOException;
    }

    /** @param bytesPerSecond 0: as many as there are */
    Pace(long bytesPerSecond) {
        this.bytesPerSecond = bytesPerSecond;
    }

    /**
     * Notes bytes that were spent, and waits until more may be.
     *
     * @param meanwhile looks at least once, and several times per second
     */
    void spend(long bytes, Meanwhile meanwhile) throws IOException {
        meanwhile.look();
        if (bytesPerSecond == 0) {
            return;
        }
        long now = System.nanoTime();
        due = Math.max(due, now) + (long) (bytes * 1e9 / bytesPerSecond);
        while (due - now > 0) {
            LockSupport.parkNanos(Math.min(due - now, LONGEST_PAUSE_NANOS));
            meanwhile.look();
            now = System.nanoTime();
        }
    }
}
